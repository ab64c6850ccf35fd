/**
 * An immutable map for large sets that change a little at a time: parts that never change and a small overlay of
 * differences. A change copies the overlay only, so its cost grows with the square root of the size; many changes at once
 * copy the parts that they are about.
 */
export interface PersistentMap<Value> {
  readonly base: ReadonlyMap<string, Value>;
  /** Further parts, of other keys: a map that grew by the thousand is never copied as a whole (T8). */
  readonly more: readonly ReadonlyMap<string, Value>[];
  /** Undefined marks a key of a part as gone. */
  readonly overlay: ReadonlyMap<string, Value | undefined>;
  readonly size: number;
}

type Change<Value> = readonly [string, Value | undefined];

const nothing: ReadonlyMap<string, never> = new Map<string, never>();
const noMore: readonly never[] = [];
const empty: PersistentMap<never> = { base: nothing, more: noMore, overlay: nothing, size: 0 };

/** What is added to a part makes it no larger than this. */
const partSize = 8_192;

/** The map without entries. */
export function emptyMap<Value>(): PersistentMap<Value> {
  return empty;
}

/** A map with these entries; the base is taken as it is and must not change any more. */
export function mapOver<Value>(base: ReadonlyMap<string, Value>): PersistentMap<Value> {
  return { base, more: noMore, overlay: nothing, size: base.size };
}

/** The value of a key, or undefined. */
export function valueOf<Value>(map: PersistentMap<Value>, key: string): Value | undefined {
  if (map.overlay.size === 0) return valueBelow(map, key);
  const value = map.overlay.get(key);
  return value !== undefined || map.overlay.has(key) ? value : valueBelow(map, key);
}

function valueBelow<Value>({ base, more }: PersistentMap<Value>, key: string): Value | undefined {
  const value = base.get(key);
  if (value !== undefined || more.length === 0) return value;
  for (const part of more) {
    const other = part.get(key);
    if (other !== undefined) return other;
  }
  return undefined;
}

/** The entries, each key once. */
export function* entriesOf<Value>(map: PersistentMap<Value>): Generator<readonly [string, Value]> {
  for (const part of partsOf(map)) for (const entry of part) if (!map.overlay.has(entry[0])) yield entry;
  for (const [key, value] of map.overlay) if (value !== undefined) yield [key, value];
}

/** The keys. */
export function* keysOf<Value>(map: PersistentMap<Value>): Generator<string> {
  if (map.overlay.size === 0) for (const part of partsOf(map)) yield* part.keys();
  else for (const [key] of entriesOf(map)) yield key;
}

function partsOf<Value>({ base, more }: PersistentMap<Value>): readonly ReadonlyMap<string, Value>[] {
  return more.length === 0 ? [base] : [base, ...more];
}

/** The map after these changes, where undefined removes a key. */
export function withChanges<Value>(
  map: PersistentMap<Value>,
  changes: readonly Change<Value>[] | ReadonlyMap<string, Value | undefined>,
): PersistentMap<Value> {
  const count = 'size' in changes ? changes.size : changes.length;
  if (count === 0) return map;
  const { base, more } = map;
  const most = 8 + Math.sqrt(base.size);
  if (map.overlay.size + count >= 4 * most) return folded(map, changes);
  const overlay = new Map(map.overlay);
  let { size } = map;
  for (const [key, value] of changes) {
    const below = valueBelow(map, key);
    const before = overlay.has(key) ? overlay.get(key) : below;
    size += (value === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    // What comes back stands last: whoever goes through the first ones only would otherwise find it before all others each time (X44).
    if (before === undefined) overlay.delete(key);
    if (value !== undefined || below !== undefined) overlay.set(key, value);
    else overlay.delete(key);
  }
  if (overlay.size < most) return { base, more, overlay: overlay.size === 0 ? nothing : overlay, size };
  return folded(map, changes);
}

/** The map without an overlay: the parts that the changes are about are made anew, new keys join the last one or become one of their own. */
function folded<Value>(map: PersistentMap<Value>, changes: Iterable<Change<Value>>): PersistentMap<Value> {
  const parts = partsOf(map);
  const copies: (Map<string, Value> | undefined)[] = parts.map(() => undefined);
  const copyOf = (index: number): Map<string, Value> => {
    const copy = copies[index] ?? new Map(parts[index]);
    copies[index] = copy;
    return copy;
  };
  const fresh = new Map<string, Value>();
  for (const list of [map.overlay, changes])
    for (const [key, value] of list) {
      const index = parts.findIndex((part) => part.has(key));
      const target = index < 0 ? fresh : copyOf(index);
      if (value === undefined) target.delete(key);
      else target.set(key, value);
    }
  const last = parts.length - 1;
  const lastSize = (copies[last] ?? parts[last] ?? nothing).size;
  if (fresh.size > 0 && lastSize > 0 && lastSize + fresh.size <= partSize) {
    const target = copyOf(last);
    for (const [key, value] of fresh) target.set(key, value);
    fresh.clear();
  }
  return over([...parts.map((part, index) => copies[index] ?? part), fresh].filter(({ size }) => size > 0));
}

function over<Value>(parts: readonly ReadonlyMap<string, Value>[]): PersistentMap<Value> {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const [base, ...more] = parts;
  if (base === undefined) return empty;
  // Parts that have shrunk are put together again, so that a key is not looked for in a great many of them.
  if (more.length > 4 && parts.length > (4 * size) / partSize)
    return mapOver(new Map(parts.flatMap((part) => [...part])));
  return { base, more, overlay: nothing, size };
}

const sharedBases = new WeakSet<object>([nothing]);

/** Whether many may have this base: that of the empty map, or one that namesOver shares. */
export function isSharedBase(base: ReadonlyMap<string, unknown>): boolean {
  return sharedBases.has(base);
}

const keySets = new WeakMap<ReadonlyMap<string, unknown>, ReadonlyMap<string, true>>();

/**
 * These names. Where they are just the keys of one of the maps that are given, the set is one that all who name
 * them share: a thousand proxies that subscribe to all of a thousand services then keep that list once.
 */
export function namesOver(
  names: PersistentMap<true>,
  candidates: readonly PersistentMap<unknown>[],
): PersistentMap<true> {
  for (const { base, size } of candidates) {
    if (size !== names.size || base.size !== size) continue;
    const set = sharedNames(base);
    if (every(keysOf(names), set)) return mapOver(set);
  }
  return names;
}

function sharedNames(base: ReadonlyMap<string, unknown>): ReadonlyMap<string, true> {
  const known = keySets.get(base);
  if (known !== undefined) return known;
  const set = new Map<string, true>();
  for (const name of base.keys()) set.set(name, true);
  keySets.set(base, set);
  sharedBases.add(set);
  return set;
}

function every(names: Iterable<string>, set: ReadonlyMap<string, true>): boolean {
  for (const name of names) if (!set.has(name)) return false;
  return true;
}
