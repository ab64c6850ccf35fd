import { compareText } from '../model/compare-text.ts';
import { keepItems, sameItems } from '../model/keep-items.ts';
import type { MeshSettings } from '../model/mesh.ts';
import { meshConfigOf } from '../model/mesh-config.ts';
import type { Policy, PolicySet } from '../model/policy.ts';
import type { Service, ServiceEndpoints, ServiceKey } from '../model/service.ts';
import { differingKeys, sortedMap, withEntries } from '../model/sorted-map.ts';
import { finish, type Steps } from '../model/steps.ts';
import type { WorkloadChange, Workloads } from './choices.ts';
import { registryCounters } from './counters.ts';
import { keepIdentity, keepMap } from './keep-identity.ts';
import { type NamespaceServices, withServices, withWorkloads, workloadsBehind } from './namespace-services.ts';
import type { ServiceDefinition } from './service-definitions.ts';
import { defineServices, definesServices } from './service-definitions.ts';
import { serviceEndpoints } from './service-endpoints.ts';

/** The services of a mesh and where they run, with what the next call needs to change only what changed. */
export interface BuiltServices {
  /** Sorted by key. */
  readonly services: readonly Service[];
  /** Every service has an entry, and in it every port of the service, perhaps with an empty list. Sorted by key. */
  readonly endpoints: ReadonlyMap<ServiceKey, ServiceEndpoints>;
  /** How many services' endpoint lists this call computed: the cost of the change, for tests and metrics. */
  readonly computed: number;
  readonly memory: ServicesMemory;
}

interface ServicesMemory {
  readonly policies: PolicySet;
  /** The objects of the policies that define services. */
  readonly defining: readonly Policy[];
  readonly settings: MeshSettings;
  /** What services that nobody wrote are visible to (D19). */
  readonly impliedExportTo: readonly string[];
  readonly workloads: Workloads;
  readonly namespaces: ReadonlyMap<string, NamespaceServices>;
}

/**
 * Services and endpoints of policies and workloads (section 2): v1/Service and ServiceEntry as written, and an implied Service for
 * what joined without one. Pure; with `previous` (the result of the call before) everything that says the same keeps its identity,
 * and a changed workload costs what it changes: only services are looked at that choose it or chose it.
 */
export function buildServices(
  policies: PolicySet,
  workloads: Workloads,
  settings: MeshSettings,
  previous?: BuiltServices,
): BuiltServices {
  return finish(serviceSteps(policies, workloads, settings, previous));
}

/** buildServices in steps: a namespace each. */
export function* serviceSteps(
  policies: PolicySet,
  workloads: Workloads,
  settings: MeshSettings,
  previous?: BuiltServices,
): Steps<BuiltServices> {
  const before = previous?.memory;
  if (before?.policies === policies && before.workloads === workloads && before.settings === settings && previous) {
    return { ...previous, computed: 0 };
  }
  const samePolicies = before?.policies === policies && before.settings === settings;
  const impliedExportTo = samePolicies
    ? before.impliedExportTo
    : (meshConfigOf(policies)?.spec.exportTo.Service ?? everybody);
  const sameExport = before !== undefined && sameItems(before.impliedExportTo, impliedExportTo);
  const defining = samePolicies
    ? before.defining
    : keepItems(
        before?.defining,
        policies.objects.filter((object) => definesServices(object, settings)),
      );
  const known = before?.settings === settings && sameExport ? before : undefined;
  if (known?.defining === defining && known.workloads === workloads && previous) {
    return { ...previous, computed: 0, memory: { ...known, policies } };
  }
  const changes = changesOf(known?.workloads ?? nobody, workloads);
  const written = known?.defining === defining ? undefined : defineServices(policies, settings);
  const defined = written && groupDefinitions(written, (namespace) => known?.namespaces.get(namespace));
  const names = new Set([
    ...changes.keys(),
    ...(defined ? [...defined.keys(), ...(known?.namespaces.keys() ?? [])] : []),
  ]);

  const namespaces = new Map<string, NamespaceServices | undefined>();
  const endpoints = new Map<ServiceKey, ServiceEndpoints | undefined>();
  let [computed, isSame] = [0, previous !== undefined && known !== undefined];
  for (const name of [...names].sort(compareText)) {
    yield;
    const last = known?.namespaces.get(name);
    const own = (defined ? defined.get(name) : last?.defined) ?? none;
    const moved = changes.get(name) ?? [];
    if (last?.defined === own && moved.length === 0) continue;
    const by = { settings, exportTo: impliedExportTo };
    const { now, touched } =
      last?.defined === own ? withWorkloads(name, last, moved, by) : withServices(name, last, own, moved, by);
    namespaces.set(name, now.definitions.length === 0 && now.workloads.size === 0 ? undefined : now);
    if (now.definitions !== last?.definitions) {
      isSame = false;
      for (const key of last?.byKey.keys() ?? []) if (!now.byKey.has(key)) endpoints.set(key, undefined);
    }
    for (const definition of touched) {
      computed += 1;
      const { key } = definition.service;
      const chosen = workloadsBehind(definition, now);
      endpoints.set(key, serviceEndpoints(definition, chosen, settings, previous?.endpoints.get(key)));
    }
  }
  registryCounters.services += computed;
  yield;
  const all = withEntries(known?.namespaces ?? noNamespaces, namespaces);
  return {
    services: isSame && previous ? previous.services : keepItems(previous?.services, servicesOf(all)),
    endpoints:
      known && previous ? withEntries(previous.endpoints, endpoints) : keepMap(previous?.endpoints, present(endpoints)),
    computed,
    memory: { policies, defining, settings, impliedExportTo, workloads, namespaces: all },
  };
}

const none: readonly ServiceDefinition[] = [];
const everybody: readonly string[] = ['*'];
const nobody: Workloads = new Map();
const noNamespaces: ReadonlyMap<string, NamespaceServices> = new Map();

function servicesOf(namespaces: ReadonlyMap<string, NamespaceServices>): readonly Service[] {
  const services = [...namespaces.values()].flatMap(({ definitions }) => definitions.map(({ service }) => service));
  registryCounters.services += services.length;
  return services.sort((a, b) => compareText(a.key, b.key));
}

function present(
  endpoints: ReadonlyMap<ServiceKey, ServiceEndpoints | undefined>,
): ReadonlyMap<ServiceKey, ServiceEndpoints> {
  return sortedMap([...endpoints].flatMap(([key, lists]) => (lists ? [[key, lists] as const] : [])));
}

/** Workloads that came, went or changed, by namespace. */
function changesOf(before: Workloads, now: Workloads): ReadonlyMap<string, readonly WorkloadChange[]> {
  const changes = new Map<string, WorkloadChange[]>();
  const add = (namespace: string, change: WorkloadChange) => {
    const list = changes.get(namespace);
    if (list) list.push(change);
    else changes.set(namespace, [change]);
  };
  for (const id of differingKeys(before, now)) {
    const [old, recent] = [before.get(id), now.get(id)];
    if (old && recent && old.namespace === recent.namespace) add(old.namespace, { before: old, now: recent });
    else {
      if (old) add(old.namespace, { before: old, now: undefined });
      if (recent) add(recent.namespace, { before: undefined, now: recent });
    }
  }
  return changes;
}

function keepDefinition(last: NamespaceServices | undefined, next: ServiceDefinition): ServiceDefinition {
  const before = last?.byKey.get(next.service.key);
  if (before === undefined || before === next) return next;
  // A service whose own text is the same stays the same, though it is read from a newer commit.
  const { by } = next.service;
  const asBefore =
    by && before.service.by ? { ...next.service, by: { ...by, commit: before.service.by.commit } } : next.service;
  const service = keepIdentity(before.service, asBefore) === before.service ? before.service : next.service;
  return keepIdentity(before, { ...next, service });
}

function groupDefinitions(
  definitions: readonly ServiceDefinition[],
  last: (namespace: string) => NamespaceServices | undefined,
): ReadonlyMap<string, readonly ServiceDefinition[]> {
  const groups = new Map<string, ServiceDefinition[]>();
  for (const definition of definitions) {
    const { namespace } = definition.service;
    const kept = keepDefinition(last(namespace), definition);
    const group = groups.get(namespace);
    if (group) group.push(kept);
    else groups.set(namespace, [kept]);
  }
  return new Map([...groups].map(([name, group]) => [name, keepItems(last(name)?.defined, group)]));
}
