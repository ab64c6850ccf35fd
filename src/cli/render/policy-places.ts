import type { PolicyItem } from '../../admin/mesh-values.ts';

/**
 * Finds the line of a route by its name, `VirtualService/shop/reviews[canary]` or `VirtualService/shop/reviews[0]`: the rule's own place
 * where the object has it, else the object's; undefined for a name that no accepted object has.
 */
export function policyPlaces(policies: readonly PolicyItem[]): (routeName: string) => string | undefined {
  const byRef = new Map(policies.map((item) => [`${item.kind}/${item.namespace}/${item.name}`, item]));
  return (routeName) => {
    const [, ref = '', rule] = /^([^[]+)(?:\[(.*)\])?$/.exec(routeName) ?? [];
    const policy = byRef.get(ref);
    if (policy === undefined) return undefined;
    const index = rule === undefined ? undefined : ruleIndex(policy, rule);
    const line = index === undefined ? undefined : policy.positions[`spec.http[${index}]`]?.line;
    return `${policy.file}:${line ?? policy.line}`;
  };
}

function ruleIndex(policy: PolicyItem, rule: string): number | undefined {
  if (policy.kind !== 'VirtualService' || !('http' in policy.spec)) return undefined;
  const named = policy.spec.http.findIndex((http) => http.name === rule);
  if (named >= 0) return named;
  return /^\d+$/.test(rule) ? Number(rule) : undefined;
}
