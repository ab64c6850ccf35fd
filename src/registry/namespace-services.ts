import type { MeshSettings } from '../model/mesh.ts';
import type { ServiceKey } from '../model/service.ts';
import { withEntries } from '../model/sorted-map.ts';
import type { Workload } from '../model/workload.ts';
import type { WorkloadChange, Workloads } from './choices.ts';
import { choosing, chosenBy, type Groups, isSelected, labelsOf, regroup } from './choices.ts';
import { registryCounters } from './counters.ts';
import { type ImpliedService, impliedServices } from './implied-services.ts';
import type { ServiceDefinition } from './service-definitions.ts';

/** The services of one namespace and who may stand behind them. */
export interface NamespaceServices {
  /** Written ones, sorted by key. */
  readonly defined: readonly ServiceDefinition[];
  readonly workloads: Workloads;
  /** By the labels that written services find workloads by. */
  readonly byLabel: Groups;
  /** By the service that joined workloads name. */
  readonly byService: Groups;
  /** By the name that joined workloads gave; also those in whose place a written one stands. */
  readonly implied: ReadonlyMap<string, ImpliedService>;
  readonly definitions: readonly ServiceDefinition[];
  readonly byKey: ReadonlyMap<ServiceKey, ServiceDefinition>;
  /** Whether some v1/Service selects a workload; holds as long as `defined` does. */
  readonly selected: WeakMap<Workload, boolean>;
}

/** What implied services are made by. */
export interface ImpliedBy {
  readonly settings: MeshSettings;
  readonly exportTo: readonly string[];
}

/** A namespace after a change, and the services of which the endpoints may be others. */
export interface NamespaceChange {
  readonly now: NamespaceServices;
  readonly touched: readonly ServiceDefinition[];
}

const nobody: Groups & Workloads & ReadonlyMap<string, never> = new Map<string, never>();

/** The namespace after its workloads changed: what it costs follows from how many did. */
export function withWorkloads(
  name: string,
  last: NamespaceServices,
  changes: readonly WorkloadChange[],
  by: ImpliedBy,
): NamespaceChange {
  const { defined, selected } = last;
  const now = grouped(last, changes);
  const both = changes.flatMap(({ before, now }) => [before, now]).filter((workload) => workload !== undefined);
  const names = new Set(both.flatMap(({ service }) => service ?? []));
  const free = [...names].flatMap((service) => now.byService.get(service) ?? []);
  const made = impliedServices(
    name,
    free.filter((workload) => !isSelected(workload, defined, selected)),
    by.settings,
    by.exportTo,
    last.implied,
  );
  registryCounters.workloads += free.length;
  const implied = withEntries(last.implied, new Map([...names].map((service) => [service, made.get(service)])));
  const isSame = [...names].every(
    (service) => implied.get(service)?.definition === last.implied.get(service)?.definition,
  );
  const known = isSame ? last : withDefinitions(defined, implied);
  const next = { ...last, ...now, implied, definitions: known.definitions, byKey: known.byKey };
  const changed = [...names].flatMap((service) => {
    const definition = implied.get(service)?.definition;
    return definition && next.byKey.get(definition.service.key) === definition ? [definition] : [];
  });
  return { now: next, touched: [...choosing(both, defined), ...changed] };
}

/** A namespace with other written services, or that is looked at for the first time. */
export function withServices(
  name: string,
  last: NamespaceServices | undefined,
  defined: readonly ServiceDefinition[],
  changes: readonly WorkloadChange[],
  by: ImpliedBy,
): NamespaceChange {
  const workloads = withEntries(last?.workloads ?? nobody, byId(changes));
  const all = [...workloads.values()].map((now) => ({ before: undefined, now }));
  const groups = grouped({ defined, workloads: nobody, byLabel: nobody, byService: nobody }, all);
  const selected = new WeakMap<Workload, boolean>();
  const free = [...workloads.values()].filter(
    (workload) => workload.service !== undefined && !isSelected(workload, defined, selected),
  );
  const implied = impliedServices(name, free, by.settings, by.exportTo, last?.implied);
  const now = { defined, ...groups, workloads, implied, selected, ...withDefinitions(defined, implied) };
  const both = changes.flatMap(({ before, now }) => [before, now]).filter((workload) => workload !== undefined);
  const chosen = choosing(both, defined);
  registryCounters.services += now.definitions.length;
  const touched = now.definitions.filter(
    (definition) =>
      // What an implied one chooses depends on what the written ones leave.
      definition.endpoints.kind === 'implied' ||
      last?.byKey.get(definition.service.key) !== definition ||
      chosen.has(definition),
  );
  return { now, touched };
}

/** The workloads behind a service, sorted by id. */
export function workloadsBehind(definition: ServiceDefinition, namespace: NamespaceServices): readonly Workload[] {
  if (definition.endpoints.kind !== 'implied') return chosenBy(definition, namespace.byLabel, namespace.defined);
  return namespace.implied.get(definition.service.name)?.members ?? [];
}

type Grouped = Pick<NamespaceServices, 'workloads' | 'byLabel' | 'byService'>;

function grouped(
  { defined, workloads, byLabel, byService }: Grouped & Pick<NamespaceServices, 'defined'>,
  changes: readonly WorkloadChange[],
): Grouped {
  registryCounters.workloads += changes.length;
  return {
    workloads: withEntries(workloads, byId(changes)),
    byLabel: regroup(byLabel, changes, (workload) => labelsOf(workload, defined)),
    byService: regroup(byService, changes, ({ service }) => (service === undefined ? [] : [service])),
  };
}

function byId(changes: readonly WorkloadChange[]): ReadonlyMap<string, Workload | undefined> {
  return new Map(
    changes.flatMap(({ before, now }) => {
      const id = now?.id ?? before?.id;
      return id === undefined ? [] : [[id, now] as const];
    }),
  );
}

function withDefinitions(
  defined: readonly ServiceDefinition[],
  implied: ReadonlyMap<string, ImpliedService>,
): Pick<NamespaceServices, 'definitions' | 'byKey'> {
  const taken = new Set(defined.map((definition) => definition.service.key));
  const definitions = [
    ...defined,
    // A Service in git replaces the implied one, even while its selector misses the workload (WEFT0205 tells).
    ...[...implied.values()].flatMap(({ definition }) => (taken.has(definition.service.key) ? [] : [definition])),
  ];
  return { definitions, byKey: new Map(definitions.map((definition) => [definition.service.key, definition])) };
}
