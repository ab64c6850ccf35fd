import type { Scope } from '../model/ir.ts';
import type { DestinationRuleObject, VirtualServiceObject } from '../model/policy.ts';
import type { Service } from '../model/service.ts';
import { plainHost, resolveHost } from '../policy/hosts.ts';
import { remembered } from './keep.ts';
import { looksAtClients } from './looked-at.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import { coveringHosts, type HostIndex, type PolicyIndex } from './policy-index.ts';
import type { ServiceIndex } from './service-index.ts';

/** What decides how clients call services, whoever they are. */
interface Terms {
  readonly policies: PolicyIndex;
  readonly services: ServiceIndex;
  readonly settings: MeshDefaults;
}

/** What may act otherwise for clients of one namespace than for those of another, wherever these are. */
interface Selective {
  /** Hosts of VirtualServices that are not for everybody, or ask who calls (P6, P10). */
  readonly routes: ReadonlySet<string>;
  /** Hosts of DestinationRules that are not for everybody (P6, P21). */
  readonly rules: ReadonlySet<string>;
  /** Hosts by which clients may mean different services. */
  readonly services: ReadonlySet<string>;
}

const memory = new WeakMap<PolicyIndex, WeakMap<ServiceIndex, Selective>>();
const targets = new WeakMap<MeshDefaults, WeakMap<VirtualServiceObject, readonly string[]>>();

/** Scopes that are told apart by their namespaces alone can be compared by `scopeDifference`. */
export function isPlain({ labels, locality, service }: Scope): boolean {
  return locality === undefined && service === undefined && Object.keys(labels).length === 0;
}

/**
 * Whether the way in which clients of two namespaces call a service may differ, as far as policies and hosts decide it, their names for it
 * apart: by objects of one of the namespaces, or by such as are not for everybody. No Sidecar acts for either. Where it says no, both are
 * decided by the same objects (what `resolveService` looks at, and nothing else, is looked at here).
 */
export function scopeDifference(terms: Terms, one: string, other: string): (service: Service) => boolean {
  const { policies, services, settings } = terms;
  const byServices = remembered(memory, policies, () => new WeakMap<ServiceIndex, Selective>());
  const selective = remembered(byServices, services, () => selectiveOf(terms));
  // DestinationRules and HealthChecks are looked for in the client's namespace first (P20).
  const rules = new Set(selective.rules);
  for (const namespace of [one, other]) {
    for (const host of policies.destinationRules.get(namespace)?.keys() ?? []) rules.add(host);
    for (const host of policies.healthChecks.get(namespace)?.keys() ?? []) rules.add(host);
  }
  const ruled = covering(rules);
  const byObject = remembered(targets, settings, () => new WeakMap<VirtualServiceObject, readonly string[]>());
  const hosts = new Set([...rules, ...selective.routes]);
  for (const list of policies.virtualServices.values()) {
    for (const object of list) {
      const names = remembered(byObject, object, () => targetHosts(object, settings));
      if (names.some((host) => selective.services.has(host) || ruled(host)))
        for (const host of object.spec.hosts) hosts.add(resolveHost(host, object.namespace, settings.dnsSuffix));
    }
  }
  const covered = covering(hosts);
  return (service) => covered(plainHost(service.host));
}

function selectiveOf({ policies, services }: Terms): Selective {
  const routes = hostsWith(policies.virtualServices, (object) => !isPublic(object) || looksAtClients(object));
  const isSelective = (object: DestinationRuleObject) =>
    !isPublic(object) || object.spec.workloadSelector !== undefined;
  const rules = [...policies.destinationRules.values()].flatMap((index) => [...hostsWith(index, isSelective)]);
  const unclear = [...services.byHost].filter(
    ([, list]) => list.length > 1 || list.some(({ exportTo }) => !isForAll(exportTo)),
  );
  return { routes, rules: new Set(rules), services: new Set(unclear.map(([host]) => host)) };
}

function hostsWith<T>(index: HostIndex<T>, is: (object: T) => boolean): ReadonlySet<string> {
  return new Set([...index].flatMap(([host, list]) => (list.some(is) ? [host] : [])));
}

function isPublic({ spec }: { readonly spec: { readonly exportTo: readonly string[] } }): boolean {
  return isForAll(spec.exportTo);
}

function isForAll(exportTo: readonly string[]): boolean {
  return exportTo.length === 0 || exportTo.includes('*');
}

function targetHosts({ namespace, spec }: VirtualServiceObject, { dnsSuffix }: MeshDefaults): readonly string[] {
  const requests = spec.http.flatMap(({ route, mirrors }) => [...route, ...mirrors]);
  const connections = [...spec.tls, ...spec.tcp].flatMap(({ route }) => route);
  const all = [...requests, ...connections].map(({ destination }) =>
    resolveHost(destination.host, namespace, dnsSuffix),
  );
  return [...new Set(all)];
}

/** Whether one of these hosts covers another (P5). */
function covering(hosts: ReadonlySet<string>): (host: string) => boolean {
  const index: HostIndex<true> = new Map([...hosts].map((host) => [host, [true]]));
  return (host) => coveringHosts(index, host).next().done !== true;
}
