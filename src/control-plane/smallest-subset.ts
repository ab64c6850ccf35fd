import type { Steps } from '../model/steps.ts';

/**
 * Of the items the smallest list that is enough, in the sense that none of it could be left out; of several such lists one with items
 * that stand earlier. Undefined: all of them together are not enough. More is enough where less is. Asks some times the logarithm of
 * their number for each item of the answer (QuickXplain).
 */
export function* smallestSubset<T>(
  items: readonly T[],
  isEnough: (some: readonly T[]) => Steps<boolean>,
): Steps<readonly T[] | undefined> {
  if (items.length === 0 || !(yield* isEnough(items))) return undefined;
  return yield* neededOf(items, [], false);

  /** What of `some` is needed beside `others`; whether others have come since that was asked the last time. */
  function* neededOf(some: readonly T[], others: readonly T[], isNews: boolean): Steps<readonly T[]> {
    if (isNews && (yield* isEnough(others))) return [];
    if (some.length === 1) return some;
    const middle = Math.ceil(some.length / 2);
    const [early, late] = [some.slice(0, middle), some.slice(middle)];
    const ofLate = yield* neededOf(late, [...others, ...early], true);
    const ofEarly = yield* neededOf(early, [...others, ...ofLate], ofLate.length > 0);
    return [...ofEarly, ...ofLate];
  }
}
