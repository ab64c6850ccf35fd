import type { Workload } from '../../model/workload.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';
import type { SidecarClients } from './sidecar-clients.ts';

/**
 * WEFT0166: a unix socket that sidecars of one machine would all open. Envoy takes over a path that another one has, in silence, so that
 * calls of both leave under one identity (decision 46). An abstract name is refused by the second, as a port is.
 */
export function checkSharedSockets(scope: ReferenceScope, { sidecar, workloads = [] }: SidecarClients): void {
  (sidecar.spec.egress ?? []).forEach(({ listener }, index) => {
    if (listener?.kind !== 'socket' || listener.path.startsWith('@')) return;
    const pair = neighbours(workloads);
    if (pair === undefined) return;
    const [one, other] = pair;
    const message = `${one.id} and ${other.id} are on one machine (${one.address}): the second Envoy takes ${listener.path} over in silence, and calls of both leave under its identity`;
    const hint = `select one of them by workloadSelector, or write an abstract name, which the second is refused: unix://@${nameOf(listener.path)}`;
    reportAt(scope, 'WEFT0166', sidecar, `spec.egress[${index}].bind`, message, hint);
  });
}

/** The first two, by name, that have joined from one machine. */
function neighbours(workloads: readonly Workload[]): readonly [Workload, Workload] | undefined {
  const first = new Map<string, Workload>();
  const joined = workloads.filter(({ source }) => source === 'proxy').sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const workload of joined) {
    const machine = machineOf(workload);
    const other = first.get(machine);
    if (other !== undefined) return [other, workload];
    first.set(machine, workload);
  }
  return undefined;
}

/** Who can be called at a loopback address is where the control plane is, and so is every other such workload. */
function machineOf({ address }: Workload): string {
  return /^127\.|^::1$/.test(address) ? 'loopback' : address;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
