import { compareText } from '../model/compare-text.ts';
import type { Readable } from '../model/readable.ts';
import { createCell } from '../model/readable.ts';
import { differingKeys, sortedMap, withEntries } from '../model/sorted-map.ts';
import type { Workload } from '../model/workload.ts';
import { registryCounters } from './counters.ts';
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
  /** What the sources had, in their order: the next state begins with it. */
  readonly from?: readonly ReadonlyMap<string, Workload>[];
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

/** One value of all sources. After `previous` it costs what has changed in them; `workloads` keeps its identity if no workload did. */
export function compose(sources: readonly WorkloadSource[], previous?: RegistryState): RegistryState {
  const from = sources.map(({ workloads }) => workloads.get());
  const before = previous?.from?.length === from.length ? previous : undefined;
  const changed = before?.from && changedIds(before.from, from);
  const ids = changed ?? new Set(from.flatMap((workloads) => [...workloads.keys()]));
  registryCounters.workloads += ids.size;
  const clashes = from.map((): string[] => []);
  const now = new Map<string, Workload | undefined>();
  for (const id of ids) {
    const [first, ...others] = from.flatMap((workloads, index) => (workloads.has(id) ? [index] : []));
    now.set(id, first === undefined ? undefined : from[first]?.get(id));
    for (const index of others) clashes[index]?.push(id);
  }
  const workloads =
    before && changed
      ? withEntries(before.workloads, now)
      : keepMap(previous?.workloads, sortedMap([...now].flatMap(([id, one]) => (one ? [[id, one] as const] : []))));
  const status = sources.map(({ name }, index) => {
    const old = changed ? (before?.sources[index]?.clashes ?? []).filter((id) => !changed.has(id)) : [];
    return {
      name,
      workloads: from[index]?.size ?? 0,
      clashes: [...old, ...(clashes[index] ?? [])].sort(compareText),
    };
  });
  return { workloads, sources: status, from };
}

type Workloads = ReadonlyMap<string, Workload>;

function changedIds(before: readonly Workloads[], now: readonly Workloads[]): ReadonlySet<string> {
  return new Set(now.flatMap((workloads, index) => [...differingKeys(before[index] ?? workloads, workloads)]));
}
