import type { Authorization, Condition } from '../model/ir-inbound.ts';
import type { TextMatch } from '../model/ir-route.ts';

/**
 * Principals among which every allowed caller is, or undefined where others may be allowed too: what ALLOW rules say about the
 * caller's identity, the rest of their conditions left open. An empty list: nobody is.
 *
 * On a TCP port this bound must hold before the first byte. Envoy's filter judges a connection when the caller's first bytes come, and
 * where the server speaks first a refused caller that stays silent would hear it all.
 */
export function allowedCallers({ allow }: Authorization): readonly TextMatch[] | undefined {
  if (allow === undefined) return undefined;
  return union(allow.map((rule) => (rule.operation.kind === 'never' ? [] : bound(rule.caller))));
}

function bound(condition: Condition): readonly TextMatch[] | undefined {
  switch (condition.kind) {
    case 'never':
      return [];
    case 'principal':
      return [condition.match];
    case 'any':
      return union(condition.of.map(bound));
    case 'all':
      return condition.of.map(bound).find((callers) => callers !== undefined);
    default:
      return undefined;
  }
}

function union(bounds: readonly (readonly TextMatch[] | undefined)[]): readonly TextMatch[] | undefined {
  return bounds.every((callers) => callers !== undefined) ? bounds.flat() : undefined;
}
