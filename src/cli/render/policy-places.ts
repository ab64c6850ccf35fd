import type { PolicyItem } from '../../admin/mesh-values.ts';

/**
 * Finds the line of a route by its name, `VirtualService/shop/reviews[canary]`, `VirtualService/shop/reviews[0]` or `VirtualService/shop/db[tcp.0]`: the rule's own place
 * where the object has it, else the object's; undefined for a name that no accepted object has.
 */
export function policyPlaces(policies: readonly PolicyItem[]): (routeName: string) => string | undefined {
  const byRef = new Map(policies.map((item) => [`${item.kind}/${item.namespace}/${item.name}`, item]));
  return (routeName) => {
    const [, ref = '', rule] = /^([^[]+)(?:\[(.*)\])?$/.exec(routeName) ?? [];
    const policy = byRef.get(ref);
    if (policy === undefined) return undefined;
    const field = rule === undefined ? undefined : ruleField(policy, rule);
    const line = field === undefined ? undefined : policy.positions[field]?.line;
    return `${policy.file}:${line ?? policy.line}`;
  };
}

function ruleField(policy: PolicyItem, rule: string): string | undefined {
  if (policy.kind !== 'VirtualService' || !('http' in policy.spec)) return undefined;
  const named = policy.spec.http.findIndex((http) => http.name === rule);
  if (named >= 0) return `spec.http[${named}]`;
  // `tcp.0`: rules about connections have no names of their own.
  const [, layer = 'http', index] = /^(?:(tls|tcp)\.)?(\d+)$/.exec(rule) ?? [];
  return index === undefined ? undefined : `spec.${layer}[${index}]`;
}
