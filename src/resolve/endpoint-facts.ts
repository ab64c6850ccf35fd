import { compareText } from '../model/compare-text.ts';
import { keepItems } from '../model/keep-items.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Service, ServiceEndpoints, ServiceKey } from '../model/service.ts';

/** What the outbound half needs to know of a service's endpoints; everything else about them travels in EndpointSets. */
export interface EndpointFacts {
  /** Whom a caller accepts as the service, sorted (P36): its subjectAltNames, else the identities of all its workloads. */
  readonly accepted: readonly string[];
  /** Set where the proxy itself resolves addresses: then the addresses are part of the destination. */
  readonly endpoints?: ServiceEndpoints;
  /** Probes say who of its workloads is well (D8). */
  readonly probed?: true;
}

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
  const { services, endpoints } = mesh;
  const before = latestOfServices.get(services);
  if (before?.endpoints === endpoints) return before.facts;
  const facts = new Map<ServiceKey, EndpointFacts>();
  let changed = before === undefined;
  for (const service of services) {
    const now = endpoints.get(service.key);
    const known = before?.facts.get(service.key);
    const same = known !== undefined && before?.endpoints.get(service.key) === now;
    const fact = same ? known : factsOf(service, now);
    changed ||= fact !== known;
    facts.set(service.key, fact);
  }
  const kept = before !== undefined && !changed ? before.facts : facts;
  latestOfServices.set(services, { endpoints, facts: kept });
  return kept;
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
