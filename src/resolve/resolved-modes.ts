import type { Mesh } from '../model/mesh.ts';
import type { Endpoint, Service, ServiceEndpoints, ServiceKey } from '../model/service.ts';
import { changedFacts, type Facts } from './changed-facts.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import { acceptsTls } from './endpoints.ts';
import { remembered } from './keep.ts';
import { meshDefaults } from './mesh-defaults.ts';
import { indexPolicies } from './policy-index.ts';

const resolvingOf = new WeakMap<readonly Service[], readonly Service[]>();
const latestOfFacts = new WeakMap<EndpointFacts, EndpointFacts>();

/**
 * P35 where the proxy resolves addresses: their set does not travel by EDS, so what is called in plaintext is known with the facts. The
 * same facts while nothing of them changes.
 */
export function resolvedModes(mesh: Mesh, facts: Facts): Facts {
  const resolving = remembered(resolvingOf, mesh.services, () =>
    mesh.services.filter(
      ({ external, resolution }) => !external && (resolution === 'dns' || resolution === 'dns-round-robin'),
    ),
  );
  const changed = new Map<ServiceKey, EndpointFacts>();
  for (const service of resolving) {
    const own = facts.get(service.key);
    const now = own && inMode(mesh, service, own);
    if (now !== undefined && now !== own) changed.set(service.key, now);
  }
  return changedFacts(facts, changed);
}

/** The facts without the identities of those whose own PeerAuthentication says DISABLE. */
function inMode(mesh: Mesh, service: Service, facts: EndpointFacts): EndpointFacts {
  const settings = meshDefaults(mesh);
  const policies = indexPolicies(mesh.policies, settings);
  const isPlain = (endpoint: Endpoint) =>
    endpoint.identity !== undefined && !acceptsTls(settings, policies, service, endpoint);
  const endpoints = facts.endpoints ?? noEndpoints;
  if (![...endpoints.values()].some((list) => list.some(isPlain))) return facts;
  const before = latestOfFacts.get(facts);
  const isAsBefore = [...endpoints].every(([port, list]) =>
    list.every(
      (endpoint, place) =>
        (isPlain(endpoint) ? undefined : endpoint.identity) === before?.endpoints?.get(port)?.[place]?.identity,
    ),
  );
  if (before !== undefined && isAsBefore) return before;
  const called = [...endpoints].map(
    ([port, list]) => [port, list.map((endpoint) => (isPlain(endpoint) ? plain(endpoint) : endpoint))] as const,
  );
  const now = { ...facts, endpoints: new Map(called) };
  latestOfFacts.set(facts, now);
  return now;
}

const noEndpoints: ServiceEndpoints = new Map();

function plain({ identity: _, ...endpoint }: Endpoint): Endpoint {
  return endpoint;
}
