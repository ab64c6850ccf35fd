import type { RootState } from '../ca/root-rotation.ts';
import type { Mesh, MeshSettings } from '../model/mesh.ts';
import type { PolicySet } from '../model/policy.ts';
import { createCell, type Readable } from '../model/readable.ts';
import type { Clock } from '../model/state-store.ts';
import type { LocalPorts } from '../registry/local-ports.ts';
import type { RegistryState } from '../registry/registry.ts';
import { type BuiltServices, buildServices } from '../registry/services.ts';
import { createDebounce } from '../xds/debounce.ts';
import { builtWhileChecked } from './check-tree.ts';

/** Endpoints do not wait as long as policies for further changes (X99). */
const registryQuiet = 10;

/** The mesh as it is now; `publish` does not wait for further changes. */
export interface MeshSource extends Readable<Mesh | undefined> {
  publish(): void;
  stop(): void;
}

/**
 * Policies and workloads become one Mesh value. Undefined until the first policies are served: before that nobody is answered (X9).
 * Changes are gathered: policies for `quiet` ms, workloads for 10 ms, neither longer than `longest`.
 */
export function createMeshSource(options: {
  readonly settings: MeshSettings;
  readonly policies: Readable<PolicySet | undefined>;
  readonly registry: Readable<RegistryState>;
  readonly localPorts: LocalPorts;
  /** Absent: no root is ever distrusted. */
  readonly roots?: Readable<Pick<RootState, 'distrusted'>>;
  readonly clock: Clock;
  readonly quiet: number;
  readonly longest: number;
  /** The mesh could not be made; the one before stays. */
  readonly onFailure: (error: unknown) => void;
}): MeshSource {
  const { settings, policies, registry, localPorts, roots, clock, quiet, longest, onFailure } = options;
  const mesh = createCell<Mesh | undefined>(undefined);
  let built: BuiltServices | undefined;

  const assemble = () => {
    const served = policies.get();
    if (!served) return;
    const { workloads } = registry.get();
    built = buildServices(served, workloads, settings, built ?? builtWhileChecked.get(served));
    const before = mesh.get();
    const next = {
      settings,
      policies: served,
      services: built.services,
      endpoints: built.endpoints,
      workloads,
      localPorts: localPorts.assign(built.services),
      distrustedRoot: roots?.get().distrusted,
    };
    if (before && (Object.keys(next) as (keyof typeof next)[]).every((key) => before[key] === next[key])) return;
    mesh.set({ generation: (before?.generation ?? 0) + 1, ...next });
  };

  const changed = createDebounce(clock, quiet, longest, assemble, onFailure);
  const unwatch = [
    policies.watch(() => changed.signal()),
    registry.watch(() => changed.signal(registryQuiet)),
    roots?.watch(() => changed.signal()),
  ];
  assemble();
  return {
    get: mesh.get,
    watch: mesh.watch,
    publish() {
      changed.stop();
      assemble();
    },
    stop() {
      changed.stop();
      for (const stop of unwatch) stop?.();
    },
  };
}
