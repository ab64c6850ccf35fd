import { sameItems } from '../model/keep-items.ts';
import type { Mesh, MeshSettings } from '../model/mesh.ts';
import type { PeerAuthenticationObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import { type Decided, refText } from '../model/provenance.ts';
import { disablingField } from '../model/provenance-fields.ts';
import type { MutualTlsMode } from '../model/security-policy.ts';
import type { Endpoint, Service, ServiceEndpoints } from '../model/service.ts';
import { changedFacts, type Facts } from './changed-facts.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import { keepEqualItems, remembered } from './keep.ts';
import { meshDefaults } from './mesh-defaults.ts';
import { mutualTlsMode, peerPolicies } from './mutual-tls.ts';
import { indexPolicies, type PolicyIndex } from './policy-index.ts';

type PeerLists = ReadonlyMap<string, readonly PeerAuthenticationObject[]>;
type Disabling = ReadonlyMap<number, readonly Decided<MutualTlsMode>[]>;

const disablingNamespaces = new WeakMap<PeerLists, ReadonlySet<string>>();
const latest = new WeakMap<Service, { readonly from: readonly unknown[]; readonly disabling: Disabling }>();
const latestOfFacts = new WeakMap<EndpointFacts, { readonly disabling: Disabling; readonly facts: EndpointFacts }>();

/**
 * Facts with those who turned mesh TLS off at workloads of a service (P35). Envoy goes on using its open connections to an endpoint that it
 * shall call in another way from now on; a destination that is another one with each such policy has all of them replaced.
 */
export function plaintextFacts(mesh: Mesh, facts: Facts): Facts {
  const settings = meshDefaults(mesh);
  const policies = indexPolicies(mesh.policies, settings);
  const namespaces = remembered(disablingNamespaces, policies.peerAuthentications, () =>
    namespacesThatDisable(policies.peerAuthentications),
  );
  if (namespaces.size === 0) return facts;
  const everywhere = namespaces.has(settings.rootNamespace);
  const changed = new Map(
    mesh.services.flatMap((service) => {
      const own = facts.get(service.key);
      const endpoints = mesh.endpoints.get(service.key);
      if (own === undefined || endpoints === undefined || service.external) return [];
      if (!everywhere && !namespaces.has(service.namespace)) return [];
      const disabling = disablingOf(settings, policies, service, endpoints);
      return disabling.size === 0 ? [] : [[service.key, withDisabling(own, disabling)] as const];
    }),
  );
  return changedFacts(facts, changed);
}

function namespacesThatDisable(lists: PeerLists): ReadonlySet<string> {
  const disables = ({ spec }: PeerAuthenticationObject) =>
    [spec.mode, ...Object.values(spec.portLevelMtls)].includes('DISABLE');
  return new Set([...lists].flatMap(([namespace, objects]) => (objects.some(disables) ? [namespace] : [])));
}

function disablingOf(
  settings: MeshSettings,
  policies: PolicyIndex,
  service: Service,
  endpoints: ServiceEndpoints,
): Disabling {
  const lists = [settings.rootNamespace, service.namespace].map((name) => policies.peerAuthentications.get(name));
  const from = [settings, endpoints, ...lists];
  const before = latest.get(service);
  if (before !== undefined && sameItems(before.from, from)) return before.disabling;
  // Of a service of the root namespace both are one.
  const objects = [...new Set(lists.flatMap((list) => list ?? []))];
  const made = [...endpoints].flatMap(([port, list]) => {
    const names = new Set(list.flatMap((endpoint) => disablerOf(settings, policies, service, endpoint) ?? []));
    const known = objects.filter((object) => names.has(refText(object))).map(decided);
    return known.length === 0 ? [] : [[port, keepEqualItems(before?.disabling.get(port), known, nameOf)] as const];
  });
  const isAsBefore =
    before?.disabling.size === made.length && made.every(([port, known]) => before.disabling.get(port) === known);
  const disabling = isAsBefore && before ? before.disabling : new Map(made);
  latest.set(service, { from, disabling });
  return disabling;
}

/** The name of the object that says DISABLE of an endpoint. */
function disablerOf(
  settings: MeshSettings,
  policies: PolicyIndex,
  service: Service,
  { identity, labels, applicationPort, port }: Endpoint,
): string | undefined {
  if (identity === undefined) return undefined;
  const selected = { namespace: service.namespace, labels };
  const { value, by } = mutualTlsMode(peerPolicies(policies, settings, selected), applicationPort ?? port);
  return value === 'DISABLE' && !('default' in by) ? refText(by.object) : undefined;
}

function decided(object: PeerAuthenticationObject): Decided<MutualTlsMode> {
  return { value: 'DISABLE', by: provenance(object, disablingField(object.spec)) };
}

function nameOf({ by }: Decided<MutualTlsMode>): string {
  return 'default' in by ? by.default : refText(by.object);
}

function withDisabling(facts: EndpointFacts, disabling: Disabling): EndpointFacts {
  const before = latestOfFacts.get(facts);
  if (before?.disabling === disabling) return before.facts;
  const made = { ...facts, disabling };
  latestOfFacts.set(facts, { disabling, facts: made });
  return made;
}
