import { compareText } from '../model/compare-text.ts';
import type { Scope } from '../model/ir.ts';
import { localityText } from '../model/locality.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Labels } from '../model/policy.ts';
import type { Locality } from '../model/registry-objects.ts';
import type { Steps } from '../model/steps.ts';
import { meshDefaults } from './mesh-defaults.ts';
import { askedOfPlace, askingSteps } from './places.ts';
import { indexPolicies, indexSteps } from './policy-index.ts';

/**
 * The scope of a proxy or workload: its namespace, of its labels only those that a policy which acts for its namespace looks at
 * (sourceLabels, P10; failoverPriority), sorted by name, and its locality only where some policy makes places count (D12). Proxies with
 * equal scopes share one View.
 */
export function scopeOf(
  mesh: Mesh,
  client: {
    readonly namespace: string;
    readonly labels: Labels;
    readonly locality?: Locality;
    readonly service?: string;
  },
): Scope {
  const { namespace, locality, service } = client;
  const defaults = meshDefaults(mesh);
  const index = indexPolicies(mesh.policies, defaults);
  const asked = askedOfPlace(index, defaults, namespace);
  const names = [...new Set([...index.lookedAt(namespace), ...asked.labels])].sort(compareText);
  const labels = names.flatMap((name) => {
    const value = client.labels[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const scope = { namespace, labels: Object.fromEntries(labels) };
  if (!asked.locality || locality === undefined) return scope;
  return asked.service && service !== undefined ? { ...scope, locality, service } : { ...scope, locality };
}

/** Makes what `scopeOf` asks in a mesh, in steps. */
export function* scopeSteps({ policies, settings }: Pick<Mesh, 'policies' | 'settings'>): Steps<void> {
  const defaults = meshDefaults({ policies, settings });
  const index = yield* indexSteps(policies, defaults);
  yield* askingSteps(index, defaults);
}

/** `shop`, `shop {"version":"v1"}`, `shop @eu/north`: equal scopes have equal keys, whatever the order of their labels, and no others. */
export function scopeKey({ namespace, labels, locality, service }: Scope): string {
  const entries = Object.entries(labels).sort(([a], [b]) => compareText(a, b));
  const parts = [
    ...(entries.length === 0 ? [] : [JSON.stringify(Object.fromEntries(entries))]),
    ...(locality === undefined ? [] : [`@${localityText(locality)}`]),
    ...(service === undefined ? [] : [`of ${service}`]),
  ];
  return [namespace, ...parts].join(' ');
}
