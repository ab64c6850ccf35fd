import { compareText } from '../model/compare-text.ts';
import { keepItems } from '../model/keep-items.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type {
  AuthorizationPolicyObject,
  DestinationRuleObject,
  HealthCheckObject,
  PeerAuthenticationObject,
  Policy,
  PolicySet,
  RequestAuthenticationObject,
  ServiceEntryObject,
  ServiceObject,
  SidecarObject,
  VirtualServiceObject,
} from '../model/policy.ts';
import { finish, type Steps } from '../model/steps.ts';
import { resolveHost } from '../policy/hosts.ts';
import { type Lasts, noLasts, withNext } from './keep.ts';
import { type LabelReader, labelReaders, labelsLookedAt, selectorReader } from './looked-at.ts';
import { policyChange } from './policy-change.ts';
import { upgrades } from './upgrades.ts';

/** Objects by the canonical host they name (P1 to P3), exact names and wildcards alike. */
export type HostIndex<T> = ReadonlyMap<string, readonly T[]>;

/** Everything that resolution asks of a PolicySet, found without walking it. Lists are sorted by namespace, then name (P51). */
export interface PolicyIndex {
  readonly virtualServices: HostIndex<VirtualServiceObject>;
  /** By namespace of the rule. */
  readonly destinationRules: ReadonlyMap<string, HostIndex<DestinationRuleObject>>;
  /** By namespace of the check. */
  readonly healthChecks: ReadonlyMap<string, HostIndex<HealthCheckObject>>;
  /** Rules that make some of their clients speak HTTP/2. */
  readonly upgradingRules: readonly DestinationRuleObject[];
  readonly sidecars: ReadonlyMap<string, readonly SidecarObject[]>;
  readonly peerAuthentications: ReadonlyMap<string, readonly PeerAuthenticationObject[]>;
  readonly authorizationPolicies: ReadonlyMap<string, readonly AuthorizationPolicyObject[]>;
  readonly requestAuthentications: ReadonlyMap<string, readonly RequestAuthenticationObject[]>;
  /** Objects whose selector may name a workload, and with it the protocol of its ports (P28). */
  readonly selectingServices: ReadonlyMap<string, readonly (ServiceObject | ServiceEntryObject)[]>;
  /** The labels of clients of a namespace that decide how they are treated, sorted: no others split views. Remembered. */
  readonly lookedAt: (clientNamespace: string) => readonly string[];
}

const memory = new WeakMap<PolicySet, { readonly settings: MeshSettings; readonly index: PolicyIndex }>();

interface Indexed {
  readonly policies: PolicySet;
  readonly index: PolicyIndex;
}

const latest = new WeakMap<MeshSettings, Lasts<Indexed>>();

/** The index of a PolicySet, remembered on its identity. Lists that did not change since the PolicySet before stay the same objects. */
export function indexPolicies(policies: PolicySet, settings: MeshSettings): PolicyIndex {
  return finish(indexSteps(policies, settings));
}

/** So many objects are put into the index in one step. */
const objectsAStep = 512;

/** indexPolicies in steps. */
export function* indexSteps(policies: PolicySet, settings: MeshSettings): Steps<PolicyIndex> {
  const known = memory.get(policies);
  if (known?.settings === settings) return known.index;
  const lasts = latest.get(settings) ?? noLasts;
  const before = nearest(lasts.all, policies);
  const index =
    (before && changedIndex(before.policies, before.index, policies, settings)) ??
    (yield* buildIndex(policies, settings, before?.index));
  memory.set(policies, { settings, index });
  latest.set(settings, withNext(lasts, before, { policies, index }));
  return index;
}

/** The one of which fewer objects differ; the newest where these are few. */
function nearest([other, newest = other]: readonly Indexed[], policies: PolicySet): Indexed | undefined {
  if (other === undefined || newest === undefined || other === newest) return newest;
  const distance = (one: Indexed) => {
    const { gone, added } = policyChange(one.policies, policies);
    return gone.length + added.length;
  };
  const far = distance(newest);
  return far * 8 <= policies.objects.length || far <= distance(other) ? newest : other;
}

/** The index where only such objects differ as change most, at a cost that follows their number. */
function changedIndex(
  before: PolicySet,
  index: PolicyIndex,
  policies: PolicySet,
  settings: MeshSettings,
): PolicyIndex | undefined {
  const virtualServices = new Map(index.virtualServices);
  const authorizationPolicies = new Map(index.authorizationPolicies);
  const { gone, added } = policyChange(before, policies);
  const all = [...gone, ...added];
  if (!all.every(({ kind }) => kind === 'VirtualService' || kind === 'AuthorizationPolicy')) return undefined;
  const isNew = new Set(added);
  let readers = 0;
  for (const object of all) {
    if (object.kind === 'VirtualService') {
      readers += labelReaders(object).length;
      for (const host of hostsOf(object, settings)) patch(virtualServices, host, object, isNew.has(object));
    } else if (object.kind === 'AuthorizationPolicy')
      patch(authorizationPolicies, object.namespace, object, isNew.has(object));
  }
  const lookedAt = readers === 0 ? index.lookedAt : lookedAtBy(policies);
  return { ...index, virtualServices, authorizationPolicies, lookedAt };
}

function patch<T extends Policy>(lists: Map<string, readonly T[]>, key: string, object: T, isNew: boolean): void {
  const rest = (lists.get(key) ?? []).filter((one) => one !== object);
  if (isNew) lists.set(key, [...rest, object].sort(byNamespaceAndName));
  else if (rest.length > 0) lists.set(key, rest);
  else lists.delete(key);
}

/** The canonical hosts that a VirtualService names, each once. */
function hostsOf({ namespace, spec }: VirtualServiceObject, { dnsSuffix }: MeshSettings): ReadonlySet<string> {
  return new Set(spec.hosts.map((host) => resolveHost(host, namespace, dnsSuffix)));
}

/** Object lists whose host covers `host`, the most specific first (P5). `host` is canonical and may itself be a wildcard. */
export function* coveringHosts<T>(index: HostIndex<T> | undefined, host: string): Generator<readonly T[]> {
  if (index === undefined || index.size === 0) return;
  const exact = index.get(host);
  if (exact) yield exact;
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
    const wildcard = `*${host.slice(dot)}`;
    const found = wildcard === host ? undefined : index.get(wildcard);
    if (found) yield found;
  }
  const all = host === '*' ? undefined : index.get('*');
  if (all) yield all;
}

function* buildIndex(
  policies: PolicySet,
  settings: MeshSettings,
  previous: PolicyIndex | undefined,
): Steps<PolicyIndex> {
  const objects = [...policies.objects].sort(byNamespaceAndName);
  const hostOf = (object: Policy, host: string) => resolveHost(host, object.namespace, settings.dnsSuffix);
  const virtualServices = new Groups<VirtualServiceObject>();
  const destinationRules = new Map<string, Groups<DestinationRuleObject>>();
  const upgradingRules: DestinationRuleObject[] = [];
  const healthChecks = new Map<string, Groups<HealthCheckObject>>();
  const sidecars = new Groups<SidecarObject>();
  const peerAuthentications = new Groups<PeerAuthenticationObject>();
  const authorizationPolicies = new Groups<AuthorizationPolicyObject>();
  const requestAuthentications = new Groups<RequestAuthenticationObject>();
  const selectingServices = new Groups<ServiceObject | ServiceEntryObject>();
  yield;
  for (const [number, object] of objects.entries()) {
    if (number % objectsAStep === 0) yield;
    switch (object.kind) {
      case 'VirtualService':
        for (const host of hostsOf(object, settings)) virtualServices.add(host, object);
        break;
      case 'DestinationRule': {
        const groups = destinationRules.get(object.namespace) ?? new Groups();
        destinationRules.set(object.namespace, groups);
        groups.add(hostOf(object, object.spec.host), object);
        if (upgrades(object)) upgradingRules.push(object);
        break;
      }
      case 'HealthCheck': {
        const groups = healthChecks.get(object.namespace) ?? new Groups();
        healthChecks.set(object.namespace, groups);
        groups.add(hostOf(object, object.spec.host), object);
        break;
      }
      case 'Sidecar':
        sidecars.add(object.namespace, object);
        break;
      case 'PeerAuthentication':
        peerAuthentications.add(object.namespace, object);
        break;
      case 'AuthorizationPolicy':
        authorizationPolicies.add(object.namespace, object);
        break;
      case 'Service':
      case 'ServiceEntry':
        if (hasSelector(selectorOf(object))) selectingServices.add(object.namespace, object);
        break;
      case 'RequestAuthentication':
        requestAuthentications.add(object.namespace, object);
        break;
      case 'WorkloadEntry':
      case 'WorkloadGroup':
      case 'MeshConfig':
        break;
      default:
        object satisfies never;
    }
  }
  yield;
  return {
    virtualServices: virtualServices.keep(previous?.virtualServices),
    destinationRules: new Map(
      [...destinationRules].map(([namespace, groups]) => [
        namespace,
        groups.keep(previous?.destinationRules.get(namespace)),
      ]),
    ),
    upgradingRules: keepItems(previous?.upgradingRules, upgradingRules),
    healthChecks: new Map(
      [...healthChecks].map(([namespace, groups]) => [namespace, groups.keep(previous?.healthChecks.get(namespace))]),
    ),
    sidecars: sidecars.keep(previous?.sidecars),
    peerAuthentications: peerAuthentications.keep(previous?.peerAuthentications),
    authorizationPolicies: authorizationPolicies.keep(previous?.authorizationPolicies),
    requestAuthentications: requestAuthentications.keep(previous?.requestAuthentications),
    selectingServices: selectingServices.keep(previous?.selectingServices),
    lookedAt: lookedAtBy(policies),
  };
}

function lookedAtBy({ objects }: PolicySet): PolicyIndex['lookedAt'] {
  let readers: readonly LabelReader[] | undefined;
  return byNamespace((namespace) => {
    readers ??= objects.flatMap(readersOf);
    return labelsLookedAt(readers, namespace);
  });
}

function readersOf(object: Policy): readonly LabelReader[] {
  if (object.kind === 'VirtualService') return labelReaders(object);
  return object.kind === 'DestinationRule' || object.kind === 'Sidecar' ? selectorReader(object) : [];
}

function byNamespace<T>(compute: (namespace: string) => T): (namespace: string) => T {
  const known = new Map<string, { readonly value: T }>();
  return (namespace) => {
    const before = known.get(namespace);
    if (before !== undefined) return before.value;
    const value = compute(namespace);
    known.set(namespace, { value });
    return value;
  };
}

/** The labels by which a Service or ServiceEntry chooses workloads. */
export function selectorOf(object: ServiceObject | ServiceEntryObject): Readonly<Record<string, string>> | undefined {
  return object.kind === 'Service' ? object.spec.selector : object.spec.workloadSelector;
}

/** An empty selector selects like none at all (P32). */
export function hasSelector(selector: Readonly<Record<string, string>> | undefined): boolean {
  return selector !== undefined && Object.keys(selector).length > 0;
}

function byNamespaceAndName(a: Policy, b: Policy): number {
  return compareText(a.namespace, b.namespace) || compareText(a.name, b.name) || compareText(a.kind, b.kind);
}

class Groups<T> {
  readonly #lists = new Map<string, T[]>();

  add(key: string, item: T): void {
    const list = this.#lists.get(key);
    if (list) list.push(item);
    else this.#lists.set(key, [item]);
  }

  keep(previous: ReadonlyMap<string, readonly T[]> | undefined): ReadonlyMap<string, readonly T[]> {
    return new Map([...this.#lists].map(([key, list]) => [key, keepItems(previous?.get(key), list)]));
  }
}
