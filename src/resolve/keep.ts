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

/** What was made or asked for last, the newest last: of two meshes, so that one that is planned or checked beside the other does not put it out. */
export interface Lasts<V> {
  readonly all: readonly V[];
  /** How often something was made since the older one was asked for. */
  readonly unasked: number;
}

/** One that nobody asks for while this many are made is let go: what it was made of shall not be kept for ever. */
const mostUnasked = 8;

/** With what was made next; of two before it the one that it was made `from` goes. */
export function withNext<V>({ all, unasked }: Lasts<V>, from: V | undefined, next: V): Lasts<V> {
  const [older, newer] = all;
  if (newer === undefined) return { all: [...all, next], unasked: 0 };
  const isOlderLeft = from !== older && unasked < mostUnasked;
  return isOlderLeft && older !== undefined
    ? { all: [older, next], unasked: unasked + 1 }
    : { all: [newer, next], unasked: 0 };
}

/** After one of them was asked for: what comes next most likely follows from it. */
export function withAsked<V>(lasts: Lasts<V>, asked: V): Lasts<V> {
  const [older, newer] = lasts.all;
  return asked === newer || newer === undefined || older === undefined ? lasts : { all: [newer, older], unasked: 0 };
}

export const noLasts: Lasts<never> = { all: [], unasked: 0 };
