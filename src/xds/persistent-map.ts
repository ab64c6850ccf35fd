/**
 * An immutable map for large sets that change a little at a time: a base that never changes and a small overlay of
 * differences. A change copies the overlay only, so its cost grows with the square root of the size.
 */
export interface PersistentMap<Value> {
  readonly base: ReadonlyMap<string, Value>;
  /** Undefined marks a key of the base as gone. */
  readonly overlay: ReadonlyMap<string, Value | undefined>;
}

/** The map without entries. */
export function emptyMap<Value>(): PersistentMap<Value> {
  return { base: new Map(), overlay: new Map() };
}

/** A map with these entries. */
export function mapOf<Value>(entries: Iterable<readonly [string, Value]>): PersistentMap<Value> {
  return { base: new Map(entries), overlay: new Map() };
}

/** The value of a key, or undefined. */
export function valueOf<Value>(map: PersistentMap<Value>, key: string): Value | undefined {
  return map.overlay.has(key) ? map.overlay.get(key) : map.base.get(key);
}

/** The entries, each key once. */
export function* entriesOf<Value>(map: PersistentMap<Value>): Generator<readonly [string, Value]> {
  for (const entry of map.base) if (!map.overlay.has(entry[0])) yield entry;
  for (const [key, value] of map.overlay) if (value !== undefined) yield [key, value];
}

/** How many entries there are; looks at the overlay only. */
export function sizeOf<Value>(map: PersistentMap<Value>): number {
  let size = map.base.size;
  for (const [key, value] of map.overlay) {
    if (value === undefined) size -= map.base.has(key) ? 1 : 0;
    else if (!map.base.has(key)) size += 1;
  }
  return size;
}

/** The map after these changes, where undefined removes a key. */
export function withChanges<Value>(
  map: PersistentMap<Value>,
  changes: Iterable<readonly [string, Value | undefined]>,
): PersistentMap<Value> {
  const overlay = new Map(map.overlay);
  for (const [key, value] of changes) {
    if (value === undefined && !map.base.has(key)) overlay.delete(key);
    else overlay.set(key, value);
  }
  if (overlay.size === 0) return map.overlay.size === 0 ? map : { base: map.base, overlay };
  if (overlay.size < 8 + Math.sqrt(map.base.size)) return { base: map.base, overlay };
  return mapOf(entriesOf({ base: map.base, overlay }));
}
