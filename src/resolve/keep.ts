import { isDeepStrictEqual } from 'node:util';
import { keepItems } from '../model/keep-items.ts';

/** `next` with every element that says the same as the one of equal key in `previous` replaced by it, or `previous` itself. */
export function keepEqualItems<T>(
  previous: readonly T[] | undefined,
  next: readonly T[],
  keyOf: (item: T) => string | number,
): readonly T[] {
  if (previous === undefined) return next;
  const byKey = new Map(previous.map((item) => [keyOf(item), item]));
  return keepItems(
    previous,
    next.map((item) => {
      const before = byKey.get(keyOf(item));
      return before !== undefined && isDeepStrictEqual(before, item) ? before : item;
    }),
  );
}

/** The value of a key, made and remembered at the first call. */
export function remembered<K extends object, V>(memory: WeakMap<K, V>, key: K, make: () => V): V {
  let value = memory.get(key);
  if (value === undefined) {
    value = make();
    memory.set(key, value);
  }
  return value;
}
