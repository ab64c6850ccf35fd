import { compareText } from '../model/compare-text.ts';
import { keepItems } from '../model/keep-items.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Decided } from '../model/provenance.ts';
import type { MutualTlsMode } from '../model/security-policy.ts';
import type { Service, ServiceEndpoints, ServiceKey } from '../model/service.ts';
import { differingKeys, withEntries } from '../model/sorted-map.ts';
import { plaintextFacts } from './plaintext-facts.ts';
import { resolvedModes } from './resolved-modes.ts';
import { indexServices } from './service-index.ts';

/** What the outbound half needs to know of a service's endpoints; everything else about them travels in EndpointSets. */
export interface EndpointFacts {
  /** Whom a caller accepts as the service, sorted (P36): its subjectAltNames, else the identities of all its workloads. */
  readonly accepted: readonly string[];
  /** Set where the proxy itself resolves addresses: then they are part of the destination; an identity, where mesh TLS is accepted (P35). */
  readonly endpoints?: ServiceEndpoints;
  /** Probes say who of its workloads is well (D8). */
  readonly probed?: true;
  /** By port: who turned mesh TLS off at workloads of it; absent: nobody. */
  readonly disabling?: ReadonlyMap<number, readonly Decided<MutualTlsMode>[]>;
}

/** Of how many services it was asked since the start of the process what callers must know of their endpoints: for tests. */
export const factsCounter = { services: 0 };

const latestOfService = new WeakMap<Service, EndpointFacts>();
const latestOfServices = new WeakMap<
  readonly Service[],
  { readonly endpoints: Mesh['endpoints']; readonly facts: ReadonlyMap<ServiceKey, EndpointFacts> }
>();

/**
 * The facts of every service. An endpoint change that leaves them equal gives the same objects, so that what was resolved from them
 * stays valid; only services whose endpoints changed are looked at.
 */
export function endpointFacts(mesh: Mesh): ReadonlyMap<ServiceKey, EndpointFacts> {
  return plaintextFacts(mesh, resolvedModes(mesh, registeredFacts(mesh)));
}

function registeredFacts({ services, endpoints }: Mesh): ReadonlyMap<ServiceKey, EndpointFacts> {
  const before = latestOfServices.get(services);
  if (before?.endpoints === endpoints) return before.facts;
  if (before === undefined) {
    factsCounter.services += services.length;
    const facts = new Map(services.map((service) => [service.key, factsOf(service, endpoints.get(service.key))]));
    latestOfServices.set(services, { endpoints, facts });
    return facts;
  }
  const { byKey } = indexServices(services);
  const changed = new Map<ServiceKey, EndpointFacts>();
  for (const key of differingKeys(before.endpoints, endpoints)) {
    const service = byKey.get(key);
    factsCounter.services += 1;
    if (service !== undefined) changed.set(key, factsOf(service, endpoints.get(key)));
  }
  const facts = withEntries(before.facts, changed);
  latestOfServices.set(services, { endpoints, facts });
  return facts;
}

function factsOf(service: Service, endpoints: ServiceEndpoints | undefined): EndpointFacts {
  const before = latestOfService.get(service);
  const accepted = keepItems(before?.accepted, acceptedIdentities(service, endpoints));
  const resolved = service.resolution === 'registry' ? undefined : endpoints;
  const probed = [...(endpoints?.values() ?? [])].some((list) => list.some((endpoint) => endpoint.probed));
  const same = before?.accepted === accepted && before.endpoints === resolved && (before.probed ?? false) === probed;
  if (same) return before;
  const facts: EndpointFacts = {
    accepted,
    ...(resolved === undefined ? {} : { endpoints: resolved }),
    ...(probed ? { probed } : {}),
  };
  latestOfService.set(service, facts);
  return facts;
}

/** P36: the whole service, not one subset of it, so that moving a workload between subsets changes no caller. */
function acceptedIdentities(service: Service, endpoints: ServiceEndpoints | undefined): readonly string[] {
  if (service.external) return [];
  if (service.subjectAltNames.length > 0) return [...new Set(service.subjectAltNames)].sort(compareText);
  const identities = new Set<string>();
  for (const list of endpoints?.values() ?? []) {
    for (const { identity } of list) if (identity !== undefined) identities.add(identity);
  }
  return [...identities].sort(compareText);
}
