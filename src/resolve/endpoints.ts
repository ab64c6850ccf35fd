import { compareText } from '../model/compare-text.ts';
import type { Destination, EndpointDecision, EndpointSet } from '../model/ir-destination.ts';
import type { EndpointPlace } from '../model/ir-load-balancing.ts';
import { sameItems } from '../model/keep-items.ts';
import type { Mesh, MeshSettings } from '../model/mesh.ts';
import type { PolicySet } from '../model/policy.ts';
import { selects } from '../model/selector.ts';
import type { Endpoint, Service } from '../model/service.ts';
import { resolveCounters } from './counters.ts';
import { keepEqualItems, remembered } from './keep.ts';
import { placeEndpoints } from './locality.ts';
import { meshDefaults } from './mesh-defaults.ts';
import { mutualTlsMode, peerPolicies } from './mutual-tls.ts';
import type { PolicyIndex } from './policy-index.ts';
import { indexPolicies } from './policy-index.ts';
import { indexServices } from './service-index.ts';
import { clientsOf } from './zone-balance.ts';

interface Known {
  readonly list: readonly Endpoint[];
  readonly decidedBy: readonly unknown[];
  readonly set: EndpointSet;
}

/** By service, then port, labels and what places mean: destinations of several scopes share a set. */
const memory = new WeakMap<Service, Map<string, Known>>();

/** What a destination's last answer was made of, for the many calls that nothing changed for. */
const latest = new WeakMap<
  Destination,
  {
    readonly list: readonly Endpoint[];
    readonly policies: PolicySet;
    readonly settings: MeshSettings;
    readonly services: readonly Service[];
    readonly clients: ReadonlyMap<string, number> | undefined;
    readonly set: EndpointSet;
  }
>();

/**
 * The endpoints of one destination, sorted by workload: those of the port that carry the subset's labels (P25), and for each whether
 * it is called with mesh TLS (P35), and before or after which others, for clients whose place counts (D12). Draining ones are left out, for callers still try them otherwise (E35). Remembered on the
 * endpoint list, which says all that is asked of a workload: an endpoint change computes the sets of its own service and port, and gives
 * the same set where nothing in it changed.
 */
export function resolveEndpoints(mesh: Mesh, destination: Destination): EndpointSet {
  const { policies, services } = mesh;
  const settings = meshDefaults(mesh);
  const list = mesh.endpoints.get(destination.ref.service)?.get(destination.ref.port) ?? noEndpoints;
  const last = latest.get(destination);
  const clients = clientsFor(mesh, destination);
  if (
    last?.list === list &&
    last.policies === policies &&
    last.settings === settings &&
    last.services === services &&
    last.clients === clients
  ) {
    return last.set;
  }
  const set = lookUp(mesh, destination, list, clients);
  latest.set(destination, { list, policies, settings, services, clients, set });
  return set;
}

/** Where the clients of the caller's service run, if the destination's zones are balanced by that. */
function clientsFor(mesh: Mesh, { locality }: Destination): ReadonlyMap<string, number> | undefined {
  return locality?.value.balance && clientsOf(mesh, locality.value.balance);
}

function lookUp(
  mesh: Mesh,
  destination: Destination,
  list: readonly Endpoint[],
  clients: ReadonlyMap<string, number> | undefined,
): EndpointSet {
  const { ref, labels } = destination;
  const locality = destination.locality?.value;
  const settings = meshDefaults(mesh);
  const service = indexServices(mesh.services).byKey.get(ref.service);
  if (service === undefined) return { ref, endpoints: [] };
  const policies = indexPolicies(mesh.policies, settings);
  const byDestination = remembered(memory, service, () => new Map<string, Known>());
  const key = JSON.stringify([ref.port, ref.subset, Object.entries(labels ?? {}).sort(byName), locality]);
  const known = byDestination.get(key);
  // The lists of policies that can decide a mode keep their identity while nothing in them changes.
  const peers = [settings.rootNamespace, service.namespace].map((name) => policies.peerAuthentications.get(name));
  const decidedBy = [settings, ...peers, clients];
  if (known !== undefined && known.list === list && sameItems(known.decidedBy, decidedBy)) return known.set;
  resolveCounters.endpoints += 1;
  const chosen = list.filter((endpoint) => endpoint.health !== 'draining' && selects(labels, endpoint.labels));
  const decided = placeEndpoints(locality, chosen, clients)
    .map(({ endpoint, place }) => decide(settings, policies, service, endpoint, place))
    .sort((a, b) => compareText(a.workload, b.workload) || compareText(a.address, b.address) || a.port - b.port);
  const endpoints = keepEqualItems(known?.set.endpoints, decided, placeOf);
  const set = known?.set.endpoints === endpoints ? known.set : { ref, endpoints };
  byDestination.set(key, { list, decidedBy, set });
  return set;
}

const noEndpoints: readonly Endpoint[] = [];

function decide(
  settings: MeshSettings,
  policies: PolicyIndex,
  service: Service,
  endpoint: Endpoint,
  place: EndpointPlace,
): EndpointDecision {
  const { workload, address, port, weight, health } = endpoint;
  const { version } = endpoint.labels;
  return {
    workload,
    address,
    port,
    weight: Math.max(1, weight),
    ...place,
    ...(version && { version }),
    healthy: health === 'healthy',
    meshTls: endpoint.identity !== undefined && !service.external && acceptsTls(settings, policies, service, endpoint),
  };
}

/**
 * P35: an endpoint with an identity is called in plaintext only where its own PeerAuthentication says DISABLE for its port. Whoever
 * stands behind a service is of its namespace, an inline endpoint of a ServiceEntry included.
 */
export function acceptsTls(
  settings: MeshSettings,
  policies: PolicyIndex,
  service: Service,
  endpoint: Endpoint,
): boolean {
  const selected = { namespace: service.namespace, labels: endpoint.labels };
  const port = endpoint.applicationPort ?? endpoint.port;
  return mutualTlsMode(peerPolicies(policies, settings, selected), port).value !== 'DISABLE';
}

function placeOf({ workload, address, port }: EndpointDecision): string {
  return `${workload} ${address} ${port}`;
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return compareText(a, b);
}
