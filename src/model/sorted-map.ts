import { compareText } from './compare-text.ts';

/**
 * A map in the order of its keys that changes a little at a time: a part that never changes and a few differences, so a change copies
 * the differences only. From two of them the keys that differ are known without a look at all others.
 */
export interface SortedMap<K extends string, V> extends ReadonlyMap<K, V> {
  /** Sorted by key. */
  readonly base: ReadonlyMap<K, V>;
  /** Undefined: the key is gone. */
  readonly overlay: ReadonlyMap<K, V | undefined>;
}

/** How many entries were looked at one by one because nothing said which differ: the cost of a change, for tests. */
export const mapCounter = { entries: 0 };

/** A map with these entries, sorted by key. */
export function sortedMap<K extends string, V>(entries: Iterable<readonly [K, V]>): SortedMap<K, V> {
  const base = new Map([...entries].sort(([a], [b]) => compareText(a, b)));
  mapCounter.entries += base.size;
  return over(base, new Map(), base.size);
}

/** The map after these changes, sorted by key; undefined removes one. The map itself where they say what it says. */
export function withEntries<K extends string, V>(
  map: ReadonlyMap<K, V>,
  changes: ReadonlyMap<K, V | undefined>,
): ReadonlyMap<K, V> {
  const real = [...changes].filter(([key, value]) => map.get(key) !== value || (value === undefined && map.has(key)));
  if (real.length === 0) return map;
  const sorted = isSorted(map) ? map : sortedMap(map);
  const overlay = new Map(sorted.overlay);
  let { size } = sorted;
  for (const [key, value] of real) {
    size += (value === undefined ? 0 : 1) - (sorted.has(key) ? 1 : 0);
    if (sorted.base.get(key) !== value) overlay.set(key, value);
    else overlay.delete(key);
  }
  const changed = over(sorted.base, overlay, size);
  return overlay.size > 16 + Math.sqrt(sorted.base.size) ? folded(changed) : changed;
}

/** The keys under which two maps hold other values, or only one holds any. */
export function differingKeys<K extends string, V>(before: ReadonlyMap<K, V>, now: ReadonlyMap<K, V>): ReadonlySet<K> {
  const differing = new Set<K>();
  if (before === now) return differing;
  const candidates = isSorted(before) && isSorted(now) && before.base === now.base ? [before.overlay, now.overlay] : [];
  if (candidates.length === 0) {
    candidates.push(before, now);
    mapCounter.entries += before.size + now.size;
  }
  for (const part of candidates)
    for (const key of part.keys()) if (before.get(key) !== now.get(key)) differing.add(key);
  return differing;
}

function isSorted<K extends string, V>(map: ReadonlyMap<K, V>): map is SortedMap<K, V> {
  return 'overlay' in map;
}

/** Many differences become part of the rest: as seldom as the root of the size. */
function folded<K extends string, V>(map: SortedMap<K, V>): SortedMap<K, V> {
  mapCounter.entries += map.size;
  return over(new Map(map), new Map(), map.size);
}

function over<K extends string, V>(
  base: ReadonlyMap<K, V>,
  overlay: ReadonlyMap<K, V | undefined>,
  size: number,
): SortedMap<K, V> {
  const entries = (): Generator<[K, V], undefined, unknown> => merged(base, overlay);
  return {
    base,
    overlay,
    size,
    get(key) {
      const value = overlay.get(key);
      return value !== undefined || overlay.has(key) ? value : base.get(key);
    },
    has: (key) => (overlay.has(key) ? overlay.get(key) !== undefined : base.has(key)),
    entries,
    [Symbol.iterator]: entries,
    *keys() {
      for (const [key] of entries()) yield key;
      return undefined;
    },
    *values() {
      for (const [, value] of entries()) yield value;
      return undefined;
    },
    forEach(act, self?: unknown) {
      for (const [key, value] of entries()) act.call(self, value, key, this);
    },
  };
}

function* merged<K extends string, V>(
  base: ReadonlyMap<K, V>,
  overlay: ReadonlyMap<K, V | undefined>,
): Generator<[K, V], undefined, unknown> {
  const added = [...overlay.keys()].filter((key) => !base.has(key)).sort(compareText);
  let next = 0;
  const addedEntry = (key: K): [K, V][] => {
    const value = overlay.get(key);
    return value === undefined ? [] : [[key, value]];
  };
  for (const [key, old] of base) {
    for (let other = added[next]; other !== undefined && other < key; other = added[++next]) yield* addedEntry(other);
    const value = overlay.has(key) ? overlay.get(key) : old;
    if (value !== undefined) yield [key, value];
  }
  for (const key of added.slice(next)) yield* addedEntry(key);
  return undefined;
}
