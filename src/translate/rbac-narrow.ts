import type { Condition } from '../model/ir-inbound.ts';

/**
 * What is left of a condition where something is known of the caller: its SPIFFE ID, without its scheme; that it has none, for it calls in
 * plaintext (`null`); or only that it has a certificate (`undefined`). What that decides is gone.
 */
export function narrow(condition: Condition, caller: string | null | undefined): Condition {
  switch (condition.kind) {
    case 'principal':
      if (caller === null) return never;
      if (caller === undefined) return condition;
      if (condition.match.kind === 'present') return always;
      if (condition.match.kind !== 'exact') return condition;
      return condition.match.value === caller ? always : never;
    case 'all':
      return joined(condition.of, caller, 'all', never);
    case 'any':
      return joined(condition.of, caller, 'any', always);
    case 'not': {
      const of = narrow(condition.of, caller);
      if (of.kind === 'always') return never;
      return of.kind === 'never' ? always : { kind: 'not', of };
    }
    default:
      return condition;
  }
}

/** `decides` is what makes all of them true or false; its opposite says nothing. */
function joined(
  of: readonly Condition[],
  caller: string | null | undefined,
  kind: 'all' | 'any',
  decides: Condition,
): Condition {
  const silent = kind === 'all' ? always : never;
  const open = of.map((each) => narrow(each, caller)).filter((each) => each.kind !== silent.kind);
  if (open.some((each) => each.kind === decides.kind)) return decides;
  const [only, another] = open;
  if (only === undefined) return silent;
  return another === undefined ? only : { kind, of: open };
}

/** Those of whom the caller must be one for the condition to hold; undefined: it names nobody, or may hold for others, too. */
export function namedCallers(condition: Condition): ReadonlySet<string> | undefined {
  switch (condition.kind) {
    case 'never':
      return new Set();
    case 'principal':
      return condition.match.kind === 'exact' ? new Set([condition.match.value]) : undefined;
    case 'all': {
      const named = condition.of.flatMap((each) => namedCallers(each) ?? []);
      return named.toSorted((one, other) => one.size - other.size)[0];
    }
    case 'any': {
      const named = condition.of.map(namedCallers);
      return named.every((each) => each !== undefined) ? new Set(named.flatMap((each) => [...each])) : undefined;
    }
    default:
      return undefined;
  }
}

const always: Condition = { kind: 'always' };
const never: Condition = { kind: 'never' };
