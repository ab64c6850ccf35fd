import { compareText } from '../model/compare-text.ts';
import type { Readable } from '../model/readable.ts';
import { createCell } from '../model/readable.ts';
import type { Workload } from '../model/workload.ts';
import { keepMap } from './keep-identity.ts';

/** Where workloads come from (section 9 of experience.md). */
export interface WorkloadSource {
  readonly name: string;
  readonly workloads: Readable<ReadonlyMap<string, Workload>>;
}

export interface RegistryState {
  /** By id, in the order of ids. */
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly sources: readonly SourceStatus[];
}

export interface SourceStatus {
  readonly name: string;
  readonly workloads: number;
  /** Ids that an earlier source has, too: the earlier one counts. */
  readonly clashes: readonly string[];
}

/** Composes sources into one registry: clashing ids are settled by the order of the sources. */
export function createRegistry(
  sources: readonly WorkloadSource[],
): Readable<RegistryState> & { readonly close: () => void } {
  const cell = createCell(compose(sources));
  const unwatch = sources.map((source) => source.workloads.watch(() => cell.set(compose(sources, cell.get()))));
  return {
    get: () => cell.get(),
    watch: (onChange) => cell.watch(onChange),
    close: () => {
      for (const stop of unwatch) stop();
    },
  };
}

/** One value of all sources; `previous.workloads` keeps its identity if no workload changed. */
export function compose(sources: readonly WorkloadSource[], previous?: RegistryState): RegistryState {
  const merged = new Map<string, Workload>();
  const status = sources.map((source) => {
    const workloads = source.workloads.get();
    const clashes: string[] = [];
    for (const [id, workload] of workloads) {
      if (merged.has(id)) clashes.push(id);
      else merged.set(id, workload);
    }
    return { name: source.name, workloads: workloads.size, clashes };
  });
  const sorted = new Map([...merged].sort(([a], [b]) => compareText(a, b)));
  return { workloads: keepMap(previous?.workloads, sorted), sources: status };
}
