import { isIP } from 'node:net';
import { compareText } from '../model/compare-text.ts';
import { keepItems } from '../model/keep-items.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Endpoint, Service, ServiceEndpoints, ServicePort } from '../model/service.ts';
import { isSocket } from '../model/socket-path.ts';
import type { Workload } from '../model/workload.ts';
import { keepIdentity, keepMap } from './keep-identity.ts';
import type { ServiceDefinition } from './service-definitions.ts';
import { entryIdentity, portsOfEntry } from './workload-entries.ts';

/**
 * The endpoints of one service by its ports; `workloads` are the chosen ones, sorted by id. A draining workload is left out, which
 * is how callers leave it without a failure (E35). Lists and endpoints that did not change keep their identity from `previous`.
 */
export function serviceEndpoints(
  definition: ServiceDefinition,
  workloads: readonly Workload[],
  settings: MeshSettings,
  previous?: ServiceEndpoints,
): ServiceEndpoints {
  const places = placesOf(definition, workloads, settings).filter(
    (place) => place.health !== 'draining' && usable(definition.service, place.address),
  );
  const lists = definition.service.ports.map((port) => {
    const before = previous?.get(port.number);
    const byWorkload = new Map(before?.map((endpoint) => [endpoint.workload, endpoint]));
    const now = places.flatMap((place) => {
      const endpoint = endpointAt(definition, place, port);
      return endpoint === undefined ? [] : [keepIdentity(byWorkload.get(endpoint.workload), endpoint)];
    });
    const whole = definition.service.resolution === 'dns-round-robin' ? oneOf(now) : now;
    return [port.number, keepItems(before, whole)] as const;
  });
  return keepMap(previous, new Map(lists));
}

/** The one that is resolved: the first that is healthy, else the first. */
function oneOf(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const healthy = endpoints.filter(({ health }) => health === 'healthy');
  return (healthy.length > 0 ? healthy : endpoints).slice(0, 1);
}

/** What an endpoint needs to know of a workload; an inline endpoint or a DNS host becomes one, too. */
type Place = Omit<Workload, 'name' | 'namespace' | 'source' | 'granted' | 'service' | 'serviceAccount' | 'by'> & {
  /** Only ports that the proxy declared have a listener; elsewhere any port may be open. */
  readonly declaredOnly: boolean;
};

function placesOf(
  definition: ServiceDefinition,
  workloads: readonly Workload[],
  settings: MeshSettings,
): readonly Place[] {
  const { service, endpoints } = definition;
  switch (endpoints.kind) {
    case 'selector':
    case 'implied':
      return workloads.map((workload) => ({ ...workload, declaredOnly: workload.source === 'proxy' }));
    case 'inline':
      return endpoints.entries
        .map((entry, index) => {
          const identity = entryIdentity(entry, service.namespace, settings);
          return {
            id: `${endpoints.owner}/endpoints[${index}]`,
            labels: entry.labels,
            address: entry.address,
            ports: portsOfEntry(entry),
            weight: entry.weight ?? 1,
            health: 'healthy' as const,
            declaredOnly: false,
            ...(entry.locality === undefined ? {} : { locality: entry.locality }),
            ...(identity === undefined ? {} : { identity }),
          };
        })
        .sort((a, b) => compareText(a.id, b.id));
    case 'host':
      return [
        {
          id: service.host,
          labels: {},
          address: service.host,
          ports: [],
          weight: 1,
          health: 'healthy',
          declaredOnly: false,
        },
      ];
    case 'none':
      return [];
    default:
      return endpoints satisfies never;
  }
}

/**
 * EDS carries IP addresses and sockets only, DNS leads to addresses and names: another one would make Envoy refuse the whole resource.
 * WEFT0205 tells of them.
 */
function usable(service: Service, address: string): boolean {
  return service.resolution === 'registry' ? isIP(address) !== 0 || isSocket(address) : !isSocket(address);
}

function endpointAt(definition: ServiceDefinition, place: Place, port: ServicePort): Endpoint | undefined {
  const number = endpointPort(definition, place, port);
  if (number === undefined) return undefined;
  const applicationPort = applicationPortAt(place, number, port.number);
  return {
    workload: place.id,
    address: place.address,
    port: number,
    ...(applicationPort === number ? {} : { applicationPort }),
    labels: place.labels,
    weight: place.weight,
    health: place.health,
    ...(place.group?.probed ? { probed: place.group.probed } : {}),
    ...(place.locality === undefined ? {} : { locality: place.locality }),
    // MESH_EXTERNAL never has automatic mesh TLS (P35).
    ...(place.identity === undefined || definition.service.external ? {} : { identity: place.identity }),
  };
}

/** The workload port that policies name (P29); several may be reached at one address and port only where no sidecar stands. */
function applicationPortAt({ ports }: Place, reachedAt: number, servicePort: number): number {
  const reached = ports.filter(({ endpointPort }) => endpointPort === reachedAt);
  return (reached.find(({ port }) => port === servicePort) ?? reached[0])?.port ?? reachedAt;
}

/** The workload's port: the one with the service port's name, else `targetPort`, else the service port (section 2). */
function endpointPort(definition: ServiceDefinition, place: Place, port: ServicePort): number | undefined {
  // A socket has none, and serves whatever port is asked for.
  if (isSocket(place.address)) return 0;
  const named = (name: string) => place.ports.find((candidate) => candidate.name === name)?.endpointPort;
  const numbered = (number: number) =>
    place.ports.find((candidate) => candidate.port === number)?.endpointPort ??
    (place.declaredOnly ? undefined : number);
  // An implied Service is made of its workloads' ports: their numbers are what it means, names may differ between workloads.
  if (definition.endpoints.kind === 'implied') return numbered(port.number);
  const byName = port.name === undefined ? undefined : named(port.name);
  if (byName !== undefined) return byName;
  const target = definition.targetPorts.get(port.number) ?? port.number;
  return typeof target === 'string' ? named(target) : numbered(target);
}
