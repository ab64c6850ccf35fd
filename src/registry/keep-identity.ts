import { isDeepStrictEqual } from 'node:util';

/** `next`, or `previous` itself where both say the same: later work is remembered on object identity (house.md 3.3). */
export function keepIdentity<T>(previous: T | undefined, next: T): T {
  return previous !== undefined && isDeepStrictEqual(previous, next) ? previous : next;
}

/** A map whose unchanged values were already kept: `previous` itself if it has the same keys, in the same order, with identical values. */
export function keepMap<K, V>(previous: ReadonlyMap<K, V> | undefined, next: ReadonlyMap<K, V>): ReadonlyMap<K, V> {
  if (previous === undefined || previous.size !== next.size) return next;
  const before = previous.entries();
  for (const [key, value] of next) {
    const entry = before.next();
    if (entry.done || entry.value[0] !== key || entry.value[1] !== value) return next;
  }
  return previous;
}
