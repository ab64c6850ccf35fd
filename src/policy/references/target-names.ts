import { nearestName } from '../../model/nearest-name.ts';
import type { ServiceObject } from '../../model/policy.ts';
import { isSocket } from '../../model/socket-path.ts';
import type { Workload } from '../../model/workload.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';

/** WEFT0205: the name of a target port that no workload of a Service has (section 2): nobody serves the port. */
export function checkTargetNames(scope: ReferenceScope, service: ServiceObject, workloads: readonly Workload[]): void {
  // A socket serves whatever port is asked for.
  if (workloads.length === 0 || workloads.some(({ address }) => isSocket(address))) return;
  const names = new Set(workloads.flatMap(({ ports }) => ports.flatMap(({ name }) => name ?? [])));
  service.spec.ports.forEach(({ name, port, targetPort }, index) => {
    if (typeof targetPort !== 'string' || names.has(targetPort) || (name !== undefined && names.has(name))) return;
    const near = nearestName(targetPort, names);
    const there = names.size === 0 ? 'none has a name' : `names: ${[...names].slice(0, 8).join(', ')}`;
    const hint = near
      ? `did you mean ${JSON.stringify(near)}?`
      : `${there}; write its number, or name it at the workload`;
    const message = `port ${port} of service ${service.name} has no workload: none has a port named ${JSON.stringify(targetPort)}`;
    reportAt(scope, 'WEFT0205', service, `spec.ports[${index}].targetPort`, message, hint);
  });
}
