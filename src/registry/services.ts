import { compareText } from '../model/compare-text.ts';
import { keepItems, sameItems } from '../model/keep-items.ts';
import type { MeshSettings } from '../model/mesh.ts';
import { meshConfigOf } from '../model/mesh-config.ts';
import type { Policy, PolicySet } from '../model/policy.ts';
import type { Service, ServiceEndpoints, ServiceKey } from '../model/service.ts';
import { finish, type Steps } from '../model/steps.ts';
import { isEndpointFor, type Workload } from '../model/workload.ts';
import type { ImpliedService } from './implied-services.ts';
import { impliedServices } from './implied-services.ts';
import { keepIdentity, keepMap } from './keep-identity.ts';
import type { ServiceDefinition } from './service-definitions.ts';
import { defineServices, definesServices } from './service-definitions.ts';
import { serviceEndpoints } from './service-endpoints.ts';

/** The services of a mesh and where they run, with what the next call needs to change only what changed. */
export interface BuiltServices {
  /** Sorted by key. */
  readonly services: readonly Service[];
  /** Every service has an entry, and in it every port of the service, perhaps with an empty list. */
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
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly namespaces: ReadonlyMap<string, NamespaceMemory>;
}

interface NamespaceMemory {
  readonly defined: readonly ServiceDefinition[];
  readonly workloads: readonly Workload[];
  /** By the name that joined workloads gave. */
  readonly implied: ReadonlyMap<string, ImpliedService>;
  readonly definitions: readonly ServiceDefinition[];
  readonly byKey: ReadonlyMap<ServiceKey, ServiceDefinition>;
  /** Whether some v1/Service selects a workload; holds as long as `defined` does. */
  readonly selected: WeakMap<Workload, boolean>;
}

/**
 * Services and endpoints of policies and workloads (section 2): v1/Service and ServiceEntry as written, and an implied Service for
 * what joined without one. Pure; with `previous` (the result of the call before) everything that says the same keeps its identity,
 * and only services that select a changed workload are computed again.
 */
export function buildServices(
  policies: PolicySet,
  workloads: ReadonlyMap<string, Workload>,
  settings: MeshSettings,
  previous?: BuiltServices,
): BuiltServices {
  return finish(serviceSteps(policies, workloads, settings, previous));
}

/** buildServices in steps: a namespace each. */
export function* serviceSteps(
  policies: PolicySet,
  workloads: ReadonlyMap<string, Workload>,
  settings: MeshSettings,
  previous?: BuiltServices,
): Steps<BuiltServices> {
  const before = previous?.memory;
  if (before?.policies === policies && before.workloads === workloads && before.settings === settings && previous) {
    return { ...previous, computed: 0 };
  }
  const impliedExportTo = meshConfigOf(policies)?.spec.exportTo.Service ?? everybody;
  const sameExport = before !== undefined && sameItems(before.impliedExportTo, impliedExportTo);
  const defining = keepItems(
    before?.defining,
    policies.objects.filter((object) => definesServices(object, settings)),
  );
  const sameText = before?.defining === defining && sameExport && before.settings === settings;
  if (sameText && before.workloads === workloads && previous) {
    return { ...previous, computed: 0, memory: { ...before, policies } };
  }
  const known = before?.settings === settings && sameExport ? before : undefined;
  const definedBefore = (namespace: string) => known?.namespaces.get(namespace);
  const grouped = groupByNamespace(workloads);
  const defined =
    known?.defining === defining ? undefined : groupDefinitions(defineServices(policies, settings), definedBefore);
  const names = new Set([...grouped.keys(), ...(defined?.keys() ?? []), ...(known?.namespaces.keys() ?? [])]);

  const namespaces = new Map<string, NamespaceMemory>();
  const endpoints = new Map<ServiceKey, ServiceEndpoints>();
  const services: Service[] = [];
  let computed = 0;
  for (const name of [...names].sort(compareText)) {
    yield;
    const last = definedBefore(name);
    const now = namespaceOf(
      name,
      defined ? defined.get(name) : last?.defined,
      grouped.get(name),
      settings,
      impliedExportTo,
      last,
    );
    if (now.definitions.length === 0 && now.workloads.length === 0) continue;
    namespaces.set(name, now);
    const changed = changedWorkloads(last?.workloads, now.workloads);
    const near = definitionsNear(changed, now);
    for (const definition of now.definitions) {
      const { service } = definition;
      services.push(service);
      const kept = known && previous?.endpoints.get(service.key);
      if (
        kept &&
        sameChoice(definition, last, now) &&
        !(near.has(definition) && changed.some((workload) => chooses(definition, workload, now)))
      ) {
        endpoints.set(service.key, kept);
        continue;
      }
      computed += 1;
      const chosen = candidates(definition, now.workloads).filter((workload) => chooses(definition, workload, now));
      endpoints.set(service.key, serviceEndpoints(definition, chosen, settings, previous?.endpoints.get(service.key)));
    }
  }
  yield;
  services.sort((a, b) => compareText(a.key, b.key));
  return {
    services: keepItems(previous?.services, services),
    endpoints: keepMap(previous?.endpoints, endpoints),
    computed,
    memory: { policies, defining, settings, impliedExportTo, workloads, namespaces },
  };
}

function namespaceOf(
  name: string,
  defined: readonly ServiceDefinition[] = none,
  present: readonly Workload[] = [],
  settings: MeshSettings,
  impliedExportTo: readonly string[],
  last: NamespaceMemory | undefined,
): NamespaceMemory {
  const workloads = keepItems(last?.workloads, present);
  if (last && last.defined === defined && last.workloads === workloads) return last;
  const selected = last?.defined === defined ? last.selected : new WeakMap<Workload, boolean>();
  const free = workloads.filter(
    (workload) => workload.service !== undefined && !isSelected(workload, defined, selected),
  );
  const taken = new Set(defined.map((definition) => definition.service.key));
  const implied = impliedServices(name, free, settings, impliedExportTo, last?.implied);
  const definitions = [
    ...defined,
    // A Service in git replaces the implied one, even while its selector misses the workload (WEFT0205 tells).
    ...[...implied.values()].flatMap(({ definition }) => (taken.has(definition.service.key) ? [] : [definition])),
  ];
  const byKey = new Map(definitions.map((definition) => [definition.service.key, definition]));
  return { defined, workloads, implied, definitions, byKey, selected };
}

const none: readonly ServiceDefinition[] = [];
const everybody: readonly string[] = ['*'];

/** True if a service still chooses by the same rule; what an implied one chooses depends on what the written ones leave. */
function sameChoice(definition: ServiceDefinition, last: NamespaceMemory | undefined, now: NamespaceMemory): boolean {
  if (last?.byKey.get(definition.service.key) !== definition) return false;
  return definition.endpoints.kind !== 'implied' || last.defined === now.defined;
}

function isSelected(
  workload: Workload,
  defined: readonly ServiceDefinition[],
  selected: WeakMap<Workload, boolean>,
): boolean {
  let answer = selected.get(workload);
  if (answer === undefined) {
    const byLabel = groupByLabel(defined);
    answer = labelTexts(workload).some((label) =>
      byLabel
        .get(label)
        ?.some(
          ({ service, endpoints }) =>
            service.origin === 'service' &&
            endpoints.kind === 'selector' &&
            isEndpointFor(endpoints.selector, workload),
        ),
    );
    selected.set(workload, answer);
  }
  return answer;
}

const definitionsByLabel = new WeakMap<
  readonly ServiceDefinition[],
  ReadonlyMap<string, readonly ServiceDefinition[]>
>();
const workloadsByLabel = new WeakMap<readonly Workload[], ReadonlyMap<string, readonly Workload[]>>();

function groupByLabel(defined: readonly ServiceDefinition[]): ReadonlyMap<string, readonly ServiceDefinition[]> {
  return remembered(definitionsByLabel, defined, () => groupBy(defined, (definition) => [firstLabel(definition)]));
}

/** Workloads of a namespace that a service may choose, in their order. */
function candidates(definition: ServiceDefinition, workloads: readonly Workload[]): readonly Workload[] {
  const first = firstLabel(definition);
  if (first === '') return workloads;
  const byLabel = remembered(workloadsByLabel, workloads, () => groupBy(workloads, labelTexts));
  return byLabel.get(first) ?? [];
}

/** The definitions that may choose one of the workloads: those whose first label one has, and those that look at no label. */
function definitionsNear(
  workloads: readonly Workload[],
  { defined, definitions }: NamespaceMemory,
): ReadonlySet<ServiceDefinition> {
  if (workloads.length === 0) return new Set();
  const byLabel = groupByLabel(defined);
  const labels = new Set(['', ...workloads.flatMap(labelTexts)]);
  const written = [...labels].flatMap((label) => byLabel.get(label) ?? []);
  // Behind the written ones stand the implied ones.
  return new Set([...written, ...definitions.slice(defined.length)]);
}

/** The label that a workload must have in any case to be selected; empty: there is none. */
function firstLabel({ endpoints }: ServiceDefinition): string {
  return endpoints.kind === 'selector' ? Object.entries(endpoints.selector).slice(0, 1).map(labelText).join() : '';
}

function labelTexts({ labels }: Workload): readonly string[] {
  return Object.entries(labels).map(labelText);
}

function labelText([name, value]: readonly [string, string]): string {
  return `${name}=${value}`;
}

function groupBy<T>(items: readonly T[], keysOf: (item: T) => readonly string[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    for (const key of keysOf(item)) {
      const group = groups.get(key);
      if (group) group.push(item);
      else groups.set(key, [item]);
    }
  }
  return groups;
}

function remembered<K extends object, V>(memory: WeakMap<K, V>, key: K, make: () => V): V {
  const known = memory.get(key);
  if (known !== undefined) return known;
  const value = make();
  memory.set(key, value);
  return value;
}

function chooses(definition: ServiceDefinition, workload: Workload, namespace: NamespaceMemory): boolean {
  const { endpoints, service } = definition;
  if (endpoints.kind === 'selector') return isEndpointFor(endpoints.selector, workload);
  if (endpoints.kind !== 'implied' || workload.service !== service.name) return false;
  return !isSelected(workload, namespace.defined, namespace.selected);
}

function keepDefinition(last: NamespaceMemory | undefined, next: ServiceDefinition): ServiceDefinition {
  const before = last?.byKey.get(next.service.key);
  if (before === undefined || before === next) return next;
  // A service whose own text is the same stays the same, though it is read from a newer commit.
  const { by } = next.service;
  const asBefore =
    by && before.service.by ? { ...next.service, by: { ...by, commit: before.service.by.commit } } : next.service;
  const service = keepIdentity(before.service, asBefore) === before.service ? before.service : next.service;
  return keepIdentity(before, { ...next, service });
}

function groupByNamespace(workloads: ReadonlyMap<string, Workload>): ReadonlyMap<string, readonly Workload[]> {
  const sorted = [...workloads.values()].sort((a, b) => compareText(a.id, b.id));
  return groupBy(sorted, ({ namespace }) => [namespace]);
}

function groupDefinitions(
  definitions: readonly ServiceDefinition[],
  last: (namespace: string) => NamespaceMemory | undefined,
): ReadonlyMap<string, readonly ServiceDefinition[]> {
  const kept = definitions.map((definition) => keepDefinition(last(definition.service.namespace), definition));
  const groups = groupBy(kept, ({ service }) => [service.namespace]);
  return new Map([...groups].map(([name, group]) => [name, keepItems(last(name)?.defined, group)]));
}

/** Workloads that came, went or changed: both their old and their new form, as each may be selected. */
function changedWorkloads(before: readonly Workload[] = [], now: readonly Workload[]): readonly Workload[] {
  if (before === now) return [];
  const old = new Set(before);
  const present = new Set(now);
  return [...before.filter((workload) => !present.has(workload)), ...now.filter((workload) => !old.has(workload))];
}
