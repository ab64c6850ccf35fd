import { nearestName } from '../../model/nearest-name.ts';
import type { ServiceObject } from '../../model/policy.ts';
import { isSocket } from '../../model/socket-path.ts';
import type { Workload } from '../../model/workload.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';

/**
 * WEFT0205: a port of a Service that none of its workloads serves (section 2), because none has a port of the name in targetPort, or, where
 * all of them have joined and so said which ports they have, of its number.
 */
export function checkTargets(scope: ReferenceScope, service: ServiceObject, workloads: readonly Workload[]): void {
  // A socket serves whatever port is asked for.
  if (workloads.length === 0 || workloads.some(({ address }) => isSocket(address))) return;
  const names = new Set(workloads.flatMap(({ ports }) => ports.flatMap(({ name }) => name ?? [])));
  for (const [index, port] of service.spec.ports.entries()) {
    if (port.name !== undefined && names.has(port.name)) continue;
    const field = `spec.ports[${index}].${port.targetPort === undefined ? 'port' : 'targetPort'}`;
    const missing =
      typeof port.targetPort === 'string'
        ? missingName(port.targetPort, names)
        : missingNumber(port.targetPort ?? port.port, workloads);
    if (missing === undefined) continue;
    const match =
      workloads.length === 1
        ? '1 matches the selector, it has not'
        : `${workloads.length} match the selector, none has`;
    const message = `port ${port.port} of service ${service.name} has no workload: ${match} ${missing.what}`;
    reportAt(scope, 'WEFT0205', service, field, message, missing.hint);
  }
}

interface Missing {
  readonly what: string;
  readonly hint: string;
}

function missingName(target: string, names: ReadonlySet<string>): Missing | undefined {
  if (names.has(target)) return undefined;
  const near = nearestName(target, names);
  const there = names.size === 0 ? 'none has a name' : `names: ${[...names].slice(0, 8).join(', ')}`;
  const hint = near
    ? `did you mean ${JSON.stringify(near)}?`
    : `${there}; write its number, or name it at the workload`;
  return { what: `a port named ${JSON.stringify(target)}`, hint };
}

/** Only who has joined has no other ports than it says: behind a WorkloadEntry any may be open. */
function missingNumber(target: number, workloads: readonly Workload[]): Missing | undefined {
  const served = ({ source, ports }: Workload) => source !== 'proxy' || ports.some(({ port }) => port === target);
  if (workloads.some(served)) return undefined;
  const there = new Set(
    workloads.flatMap(({ ports }) =>
      ports.map(({ name, port }) => (name === undefined ? `${port}` : `${port} (${name})`)),
    ),
  );
  const hint =
    there.size === 0
      ? `it joined without ports: start it with weft run --port ${target}`
      : `ports of its workloads: ${[...there].slice(0, 8).join(', ')}; write one of them in targetPort, or start them with --port ${target}`;
  return { what: `port ${target}`, hint };
}
