import type { Condition } from '../model/ir-inbound.ts';

export const always: Condition = { kind: 'always' };
export const never: Condition = { kind: 'never' };

/** True if every one holds; of nothing: always. What is already decided is left out. */
export function all(conditions: readonly Condition[]): Condition {
  const open = conditions.filter(({ kind }) => kind !== 'always');
  if (open.some(({ kind }) => kind === 'never')) return never;
  const [only, another] = open;
  if (only === undefined) return always;
  return another === undefined ? only : { kind: 'all', of: open };
}

/** True if one holds; of nothing: never. */
export function any(conditions: readonly Condition[]): Condition {
  const open = conditions.filter(({ kind }) => kind !== 'never');
  if (open.some(({ kind }) => kind === 'always')) return always;
  const [only, another] = open;
  if (only === undefined) return never;
  return another === undefined ? only : { kind: 'any', of: open };
}

export function not(condition: Condition): Condition {
  switch (condition.kind) {
    case 'always':
      return never;
    case 'never':
      return always;
    case 'not':
      return condition.of;
    default:
      return { kind: 'not', of: condition };
  }
}

/** One field and its negation (P41): an absent list asks nothing; values are alternatives; `not` values are excluded. */
export function field(
  values: readonly string[],
  notValues: readonly string[],
  condition: (value: string) => Condition,
): Condition {
  return all([
    values.length === 0 ? always : any(values.map(condition)),
    notValues.length === 0 ? always : not(any(notValues.map(condition))),
  ]);
}
