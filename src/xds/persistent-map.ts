/**
 * An immutable map for large sets that change a little at a time: a base that never changes and a small overlay of
 * differences. A change copies the overlay only, so its cost grows with the square root of the size.
 */
export interface PersistentMap<Value> {
  readonly base: ReadonlyMap<string, Value>;
  /** Undefined marks a key of the base as gone. */
  readonly overlay: ReadonlyMap<string, Value | undefined>;
  readonly size: number;
}

const nothing: ReadonlyMap<string, never> = new Map<string, never>();
const empty: PersistentMap<never> = { base: nothing, overlay: nothing, size: 0 };

/** The map without entries. */
export function emptyMap<Value>(): PersistentMap<Value> {
  return empty;
}

/** A map with these entries; the base is taken as it is and must not change any more. */
export function mapOver<Value>(base: ReadonlyMap<string, Value>): PersistentMap<Value> {
  return { base, overlay: nothing, size: base.size };
}

/** The value of a key, or undefined. */
export function valueOf<Value>(map: PersistentMap<Value>, key: string): Value | undefined {
  if (map.overlay.size === 0) return map.base.get(key);
  const value = map.overlay.get(key);
  return value !== undefined || map.overlay.has(key) ? value : map.base.get(key);
}

/** The entries, each key once. */
export function* entriesOf<Value>(map: PersistentMap<Value>): Generator<readonly [string, Value]> {
  for (const entry of map.base) if (!map.overlay.has(entry[0])) yield entry;
  for (const [key, value] of map.overlay) if (value !== undefined) yield [key, value];
}

/** The keys. */
export function* keysOf<Value>(map: PersistentMap<Value>): Generator<string> {
  if (map.overlay.size === 0) yield* map.base.keys();
  else for (const [key] of entriesOf(map)) yield key;
}

/** The map after these changes, where undefined removes a key. */
export function withChanges<Value>(
  map: PersistentMap<Value>,
  changes: readonly (readonly [string, Value | undefined])[] | ReadonlyMap<string, Value | undefined>,
): PersistentMap<Value> {
  const count = 'size' in changes ? changes.size : changes.length;
  if (count === 0) return map;
  const most = 8 + Math.sqrt(map.base.size);
  if (map.overlay.size + count >= 4 * most) return mapOver(rebuilt(map, changes));
  const overlay = new Map(map.overlay);
  let { size } = map;
  for (const [key, value] of changes) {
    const before = overlay.has(key) ? overlay.get(key) : map.base.get(key);
    size += (value === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    if (value === undefined && !map.base.has(key)) overlay.delete(key);
    else overlay.set(key, value);
  }
  if (overlay.size === 0) return mapOver(map.base);
  if (overlay.size < most) return { base: map.base, overlay, size };
  return mapOver(rebuilt(map, changes));
}

/** The entries after these changes as a map of their own, made at one go. */
function rebuilt<Value>(
  { base, overlay }: PersistentMap<Value>,
  changes: Iterable<readonly [string, Value | undefined]>,
): ReadonlyMap<string, Value> {
  const entries = new Map(base);
  for (const part of [overlay, changes])
    for (const [key, value] of part)
      if (value === undefined) entries.delete(key);
      else entries.set(key, value);
  return entries.size === 0 ? nothing : entries;
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
