import { nearestName } from '../../model/nearest-name.ts';
import type { Labels, Policy, WorkloadEntryObject, WorkloadGroupObject } from '../../model/policy.ts';
import type { ServicePortSpec } from '../../model/registry-objects.ts';
import { selects } from '../../model/selector.ts';
import { fieldPath } from '../field-path.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';
import { objectsIn } from './scope-index.ts';

/** WEFT0132: ports of a WorkloadEntry under names by which no service looks for them. */
export function checkEntryPorts(scope: ReferenceScope, entry: WorkloadEntryObject): void {
  const labels = { ...entry.spec.labels, ...entry.labels };
  const choosing = selectorsIn(scope, entry.namespace).filter(({ selector }) => selects(selector, labels));
  checkNames(scope, entry, 'spec.ports', Object.keys(entry.spec.ports), choosing);
}

/** WEFT0132: the same of a WorkloadGroup, whose workloads may have more labels of their own. */
export function checkGroupPorts(scope: ReferenceScope, group: WorkloadGroupObject): void {
  const { labels, ports } = group.spec.template;
  const all = selectorsIn(scope, group.namespace);
  if (!all.some(({ selector }) => selects(selector, labels))) return;
  const possible = all.filter(({ selector }) =>
    Object.entries(selector).every(([key, value]) => (labels[key] ?? value) === value),
  );
  checkNames(scope, group, 'spec.template.ports', Object.keys(ports), possible);
}

interface Chooser {
  readonly selector: Labels;
  readonly ports: readonly ServicePortSpec[];
}

function selectorsIn(scope: ReferenceScope, namespace: string): readonly Chooser[] {
  return [
    ...objectsIn(scope, 'Service', namespace).map(({ spec }) => spec),
    ...objectsIn(scope, 'ServiceEntry', namespace).map(({ spec }) => ({
      selector: spec.workloadSelector ?? {},
      ports: spec.ports,
    })),
  ].filter(({ selector }) => Object.keys(selector).length > 0);
}

function checkNames(
  scope: ReferenceScope,
  object: Policy,
  path: string,
  written: readonly string[],
  choosing: readonly Chooser[],
): void {
  // Whom no Service selects, his own service has these ports.
  if (choosing.length === 0) return;
  const known = new Set(
    choosing.flatMap(({ ports }) =>
      ports.flatMap(({ name, targetPort }) => [name ?? [], typeof targetPort === 'string' ? targetPort : []].flat()),
    ),
  );
  for (const name of written) {
    if (known.has(name)) continue;
    const near = nearestName(name, known);
    const message = `has no effect: no service that selects it has a port named ${JSON.stringify(name)}`;
    const hint = near ? `did you mean ${JSON.stringify(near)}?` : `port names: ${[...known].join(', ') || 'none'}`;
    reportAt(scope, 'WEFT0132', object, fieldPath(path, name), message, hint);
  }
}
