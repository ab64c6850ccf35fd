import { compareText } from '../model/compare-text.ts';
import type { Mesh, MeshSettings } from '../model/mesh.ts';
import type { PolicySet } from '../model/policy.ts';
import type { Workload } from '../model/workload.ts';
import { boundBy } from '../registry/grouped-members.ts';
import { allocateLocalPorts, type LocalPortRange, localPortKeys } from '../registry/local-ports.ts';
import { buildServices } from '../registry/services.ts';
import { workloadsOfEntries } from '../registry/workload-entries.ts';

/**
 * The mesh that checked policies make together with what has joined, by the very functions that serve, without a registry or a store
 * (B9): WorkloadEntry files are its other workloads. `localPorts` are those that services have already; an added one gets the first
 * that is free in `range`.
 */
export function offlineMesh(of: {
  readonly policies: PolicySet;
  readonly settings: MeshSettings;
  readonly joined?: Iterable<readonly [id: string, workload: Workload]>;
  readonly localPorts?: ReadonlyMap<string, number>;
  readonly range?: LocalPortRange;
  readonly generation?: number;
}): Mesh {
  const { policies, settings, joined = [], localPorts = new Map(), range = anyPort, generation = 1 } = of;
  const members = [...joined].map(([id, workload]) => [id, boundBy(policies, workload)] as const);
  const all = [...members, ...workloadsOfEntries(policies, settings)];
  const workloads = new Map(all.sort(([left], [right]) => compareText(left, right)));
  const { services, endpoints } = buildServices(policies, workloads, settings);
  const state = { ports: localPorts, released: new Map() };
  const { ports } = allocateLocalPorts(state, localPortKeys(services), range, 0);
  return { generation, settings, policies, services, endpoints, workloads, localPorts: ports };
}

const anyPort: LocalPortRange = { first: 1, last: 65_535 };
