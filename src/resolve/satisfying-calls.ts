import type { Condition } from '../model/ir-inbound.ts';
import { atomHolds, type Dimension, type DimensionValue, dimensionOf } from './call-dimension.ts';
import { all, always, any, never, not } from './condition.ts';
import { type Callers, valuesOf } from './dimension-values.ts';

/** As much of a call as conditions look at; the rest may be anything. */
export type FoundCall = ReadonlyMap<Dimension, DimensionValue>;

/** What one comparison may still cost, in conditions that are looked at. */
export interface Effort {
  left: number;
}

/**
 * Calls for which all conditions hold, one for each caller that differs for them. One thing of the call after another is chosen, and what the
 * conditions ask beyond that becomes less. Ends early when the effort is used up.
 */
export function* satisfyingCalls(
  conditions: readonly Condition[],
  callers: Callers,
  effort: Effort,
): Generator<FoundCall, void, void> {
  const looksAtCaller = conditions.some((condition) => firstDimension(condition, 'principal') !== undefined);
  if (!looksAtCaller) {
    const [found] = first(solve(conditions, new Map(), callers, effort));
    if (found) yield found;
    return;
  }
  for (const value of valuesOf('principal', conditions, callers)) {
    const open = withValue(conditions, 'principal', value, effort);
    if (open === undefined) continue;
    const [found] = first(solve(open, new Map([['principal', value]]), callers, effort));
    if (found) yield found;
  }
}

function first<T>(found: Generator<T, void, void>): readonly T[] {
  const { value, done } = found.next();
  return done === true || value === undefined ? [] : [value];
}

function* solve(
  conditions: readonly Condition[],
  call: FoundCall,
  callers: Callers,
  effort: Effort,
): Generator<FoundCall, void, void> {
  if (conditions.some(({ kind }) => kind === 'never')) return;
  let dimension: Dimension | undefined;
  for (const condition of conditions) {
    dimension = firstDimension(condition);
    if (dimension !== undefined) break;
  }
  if (dimension === undefined) {
    yield call;
    return;
  }
  for (const value of valuesOf(dimension, conditions, callers)) {
    if (effort.left <= 0) return;
    const open = withValue(conditions, dimension, value, effort);
    if (open !== undefined) yield* solve(open, new Map([...call, [dimension, value]]), callers, effort);
  }
}

/** What is left of the conditions; undefined: one of them does not hold. */
function withValue(
  conditions: readonly Condition[],
  dimension: Dimension,
  value: DimensionValue,
  effort: Effort,
): readonly Condition[] | undefined {
  const open: Condition[] = [];
  for (const condition of conditions) {
    effort.left -= 1;
    const rest = assigned(condition, dimension, value);
    if (rest.kind === 'never') return undefined;
    if (rest.kind !== 'always') open.push(rest);
  }
  return open;
}

/** What a condition still asks where one thing of the call is known. */
export function assigned(condition: Condition, dimension: Dimension, value: DimensionValue): Condition {
  switch (condition.kind) {
    case 'always':
    case 'never':
      return condition;
    case 'all':
      return all(condition.of.map((part) => assigned(part, dimension, value)));
    case 'any':
      return any(condition.of.map((part) => assigned(part, dimension, value)));
    case 'not':
      return not(assigned(condition.of, dimension, value));
    default:
      if (dimensionOf(condition) !== dimension) return condition;
      return atomHolds(condition, value) ? always : never;
  }
}

/** The first thing that a condition looks at; `wanted`: that one, if it does. */
export function firstDimension(condition: Condition, wanted?: Dimension): Dimension | undefined {
  switch (condition.kind) {
    case 'always':
    case 'never':
      return undefined;
    case 'all':
    case 'any':
      for (const part of condition.of) {
        const found = firstDimension(part, wanted);
        if (found !== undefined) return found;
      }
      return undefined;
    case 'not':
      return firstDimension(condition.of, wanted);
    default: {
      const found = dimensionOf(condition);
      return wanted === undefined || found === wanted ? found : undefined;
    }
  }
}
