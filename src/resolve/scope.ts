import { compareText } from '../model/compare-text.ts';
import type { Scope } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Labels } from '../model/policy.ts';
import { meshDefaults } from './mesh-defaults.ts';
import { indexPolicies } from './policy-index.ts';

/**
 * The scope of a proxy or workload: its namespace, and of its labels only those that a policy which acts for its namespace looks at
 * (sourceLabels, P10), sorted by name. Proxies with equal scopes share one View.
 */
export function scopeOf(mesh: Mesh, client: { readonly namespace: string; readonly labels: Labels }): Scope {
  const { lookedAt } = indexPolicies(mesh.policies, meshDefaults(mesh));
  const labels = lookedAt(client.namespace).flatMap((name) => {
    const value = client.labels[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { namespace: client.namespace, labels: Object.fromEntries(labels) };
}

/** `shop`, or `shop {"version":"v1"}`: equal scopes have equal keys, whatever the order of their labels, and no others. */
export function scopeKey(scope: Scope): string {
  const labels = Object.entries(scope.labels).sort(([a], [b]) => compareText(a, b));
  return labels.length === 0 ? scope.namespace : `${scope.namespace} ${JSON.stringify(Object.fromEntries(labels))}`;
}
