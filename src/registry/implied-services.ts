import { compareText } from '../model/compare-text.ts';
import { undeclaredProtocol } from '../model/detect-protocol.ts';
import { keepItems } from '../model/keep-items.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Protocol } from '../model/policy.ts';
import { protocolOfName } from '../model/protocol.ts';
import { serviceKeyOf } from '../model/service.ts';
import type { Workload, WorkloadPort } from '../model/workload.ts';
import { keepIdentity } from './keep-identity.ts';
import type { ServiceDefinition } from './service-definitions.ts';
import { serviceHost } from './service-definitions.ts';

/**
 * The Services that nobody wrote: one for each service that joined workloads of a namespace name and that no v1/Service selects
 * (section 1.6). Its ports are the union of what its workloads declare; where two disagree on a port's name or protocol, the
 * workload with the first id is followed, so the order of arrival never matters. `workloads` are sorted by id. A service with the
 * same members as in `previous` is the same definition: `exportTo` (D19) must be the same, too.
 */
export function impliedServices(
  namespace: string,
  workloads: readonly Workload[],
  settings: MeshSettings,
  exportTo: readonly string[],
  previous?: ReadonlyMap<string, ImpliedService>,
): ReadonlyMap<string, ImpliedService> {
  const byName = new Map<string, Workload[]>();
  for (const workload of workloads) {
    if (workload.service === undefined) continue;
    const members = byName.get(workload.service);
    if (members) members.push(workload);
    else byName.set(workload.service, [workload]);
  }
  const sorted = [...byName].sort(([a], [b]) => compareText(a, b));
  return new Map(
    sorted.map(([name, now]) => {
      const before = previous?.get(name);
      const members = keepItems(before?.members, now);
      if (before !== undefined && before.members === members) return [name, before];
      const definition = keepIdentity(before?.definition, impliedService(name, namespace, members, settings, exportTo));
      return [name, { members, definition }];
    }),
  );
}

/** As declared, else by the port's name. */
export function impliedProtocol(
  { name = '', protocol }: Pick<WorkloadPort, 'name' | 'protocol'>,
  settings: MeshSettings,
): Protocol {
  return protocol ?? protocolOfName(name) ?? undeclaredProtocol(settings);
}

export interface ImpliedService {
  readonly members: readonly Workload[];
  readonly definition: ServiceDefinition;
}

function impliedService(
  name: string,
  namespace: string,
  members: readonly Workload[],
  settings: MeshSettings,
  exportTo: readonly string[],
): ServiceDefinition {
  const ports = new Map<number, WorkloadPort>();
  for (const member of members) for (const port of member.ports) if (!ports.has(port.port)) ports.set(port.port, port);
  const host = serviceHost(name, namespace, settings);
  return {
    service: {
      key: serviceKeyOf(namespace, host),
      namespace,
      name,
      host,
      origin: 'implied',
      external: false,
      resolution: 'registry',
      addresses: [],
      ports: [...ports.values()]
        .sort((a, b) => a.port - b.port)
        .map((port) => ({
          ...(port.name === undefined ? {} : { name: port.name }),
          number: port.port,
          protocol: impliedProtocol(port, settings),
        })),
      exportTo,
      subjectAltNames: [],
    },
    endpoints: { kind: 'implied' },
    targetPorts: new Map(),
  };
}
