import { compareText } from '../model/compare-text.ts';
import { withEntries } from '../model/sorted-map.ts';
import { isEndpointFor, type Workload } from '../model/workload.ts';
import type { ServiceDefinition } from './service-definitions.ts';

/** Workloads by id. */
export type Workloads = ReadonlyMap<string, Workload>;

/** Workloads by something that they have, each list sorted by id. */
export type Groups = ReadonlyMap<string, readonly Workload[]>;

/** One workload that came, went or changed. */
export interface WorkloadChange {
  readonly before: Workload | undefined;
  readonly now: Workload | undefined;
}

interface Selectors {
  /** Written services by the label that a workload must have in any case to be chosen; empty: they look at no label. */
  readonly byLabel: ReadonlyMap<string, readonly ServiceDefinition[]>;
  readonly labelOf: ReadonlyMap<ServiceDefinition, string>;
}

const memory = new WeakMap<readonly ServiceDefinition[], Selectors>();

/** Remembered on the definitions of a namespace. */
function selectorsOf(defined: readonly ServiceDefinition[]): Selectors {
  const known = memory.get(defined);
  if (known) return known;
  const uses = new Map<string, number>();
  const labels = new Map<ServiceDefinition, readonly string[]>();
  for (const definition of defined) {
    if (definition.endpoints.kind !== 'selector') continue;
    const texts = Object.entries(definition.endpoints.selector).map(labelText);
    labels.set(definition, texts);
    for (const text of texts) uses.set(text, (uses.get(text) ?? 0) + 1);
  }
  const byLabel = new Map<string, ServiceDefinition[]>();
  const labelOf = new Map<ServiceDefinition, string>();
  for (const [definition, texts] of labels) {
    // Of its labels the one that the fewest others look at: `app: pay`, not `version: v1`.
    const rarest = texts.reduce<string | undefined>(
      (best, text) => (best === undefined || (uses.get(text) ?? 0) < (uses.get(best) ?? 0) ? text : best),
      undefined,
    );
    const label = rarest ?? '';
    labelOf.set(definition, label);
    const others = byLabel.get(label);
    if (others) others.push(definition);
    else byLabel.set(label, [definition]);
  }
  const made = { byLabel, labelOf };
  memory.set(defined, made);
  return made;
}

/** The labels of a workload by which written services find it. */
export function labelsOf(workload: Workload, defined: readonly ServiceDefinition[]): readonly string[] {
  const { byLabel } = selectorsOf(defined);
  return ['', ...Object.entries(workload.labels).map(labelText)].filter((label) => byLabel.has(label));
}

/** The written services that choose one of these workloads. */
export function choosing(
  workloads: readonly Workload[],
  defined: readonly ServiceDefinition[],
): ReadonlySet<ServiceDefinition> {
  const { byLabel } = selectorsOf(defined);
  const found = new Set<ServiceDefinition>();
  for (const workload of workloads)
    for (const label of labelsOf(workload, defined))
      for (const definition of byLabel.get(label) ?? []) if (selects(definition, workload)) found.add(definition);
  return found;
}

/** The workloads that a written service chooses, of those grouped by `labelsOf`. */
export function chosenBy(
  definition: ServiceDefinition,
  byLabel: Groups,
  defined: readonly ServiceDefinition[],
): readonly Workload[] {
  const label = selectorsOf(defined).labelOf.get(definition);
  if (label === undefined) return [];
  return (byLabel.get(label) ?? []).filter((workload) => selects(definition, workload));
}

/** Whether some v1/Service selects a workload. `answers` holds as long as `defined` does. */
export function isSelected(
  workload: Workload,
  defined: readonly ServiceDefinition[],
  answers: WeakMap<Workload, boolean>,
): boolean {
  let answer = answers.get(workload);
  if (answer === undefined) {
    answer = [...choosing([workload], defined)].some(({ service }) => service.origin === 'service');
    answers.set(workload, answer);
  }
  return answer;
}

function selects({ endpoints }: ServiceDefinition, workload: Workload): boolean {
  return endpoints.kind === 'selector' && isEndpointFor(endpoints.selector, workload);
}

/** Groups after some changes; only lists are made anew in which one of the workloads is or was. */
export function regroup(
  groups: Groups,
  changes: readonly WorkloadChange[],
  keysOf: (workload: Workload) => readonly string[],
): Groups {
  const gone = new Map<string, Set<Workload>>();
  const come = new Map<string, Workload[]>();
  for (const { before, now } of changes) {
    for (const key of before ? keysOf(before) : []) {
      const list = gone.get(key);
      if (before && list) list.add(before);
      else if (before) gone.set(key, new Set([before]));
    }
    for (const key of now ? keysOf(now) : []) {
      const list = come.get(key);
      if (now && list) list.push(now);
      else if (now) come.set(key, [now]);
    }
  }
  const lists = new Map<string, readonly Workload[] | undefined>();
  for (const key of new Set([...gone.keys(), ...come.keys()])) {
    const left = (groups.get(key) ?? []).filter((workload) => gone.get(key)?.has(workload) !== true);
    const list = [...left, ...(come.get(key) ?? [])].sort((a, b) => compareText(a.id, b.id));
    lists.set(key, list.length === 0 ? undefined : list);
  }
  return withEntries(groups, lists);
}

function labelText([name, value]: readonly [string, string]): string {
  return `${name}=${value}`;
}
