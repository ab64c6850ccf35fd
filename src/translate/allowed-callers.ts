import type { Authorization, Condition } from '../model/ir-inbound.ts';
import type { TextMatch } from '../model/ir-route.ts';

/** Principals among which every caller is that may be let in; undefined: others may be, too; empty: nobody is. */
type Callers = readonly TextMatch[] | undefined;

/**
 * What rules say of the caller's identity before it has said a word: all that ALLOW rules name, or nobody where a DENY rule matches every
 * connection; the rest of their conditions is left open.
 *
 * On a TCP port this bound must hold before the first byte. Envoy's filter judges a connection when the caller's first bytes come, and
 * where the server speaks first a refused caller that stays silent would hear it all.
 */
export function allowedCallers({ deny, allow }: Pick<Authorization, 'deny' | 'allow'>): Callers {
  const denied = deny.map(({ caller, operation }) => outside({ kind: 'all', of: [caller, operation] }));
  const allowed = allow && union(allow.map((rule) => (rule.operation.kind === 'never' ? [] : within(rule.caller))));
  return narrowest([...denied, allowed]);
}

/** Those among whom everybody is for whom the condition holds. */
function within(condition: Condition): Callers {
  switch (condition.kind) {
    case 'never':
      return [];
    case 'principal':
      return [condition.match];
    case 'any':
      return union(condition.of.map(within));
    case 'all':
      return narrowest(condition.of.map(within));
    case 'not':
      return outside(condition.of);
    default:
      return undefined;
  }
}

/** Those among whom everybody is for whom the condition does not hold. */
function outside(condition: Condition): Callers {
  switch (condition.kind) {
    case 'always':
      return [];
    case 'any':
      return narrowest(condition.of.map(outside));
    case 'all':
      return union(condition.of.map(outside));
    case 'not':
      return within(condition.of);
    default:
      return undefined;
  }
}

function union(bounds: readonly Callers[]): Callers {
  return bounds.every((callers) => callers !== undefined) ? bounds.flat() : undefined;
}

/** All of them hold, and one is checked: nobody, where that is among them, else the first. */
function narrowest(bounds: readonly Callers[]): Callers {
  return bounds.find((callers) => callers?.length === 0) ?? bounds.find((callers) => callers !== undefined);
}
