import { type PersistentMap, valueOf } from './persistent-map.ts';

/*
 * What a client makes the server keep by naming things (T8). Each name has its places in the maps of its stream, so a great many short
 * ones cost no less than long ones.
 */

/** Bytes that are kept beside those of a name itself. */
const besides = 128;

/** What is counted for these names, each as often as it is listed. */
export function costOfNames(names: Iterable<string>): number {
  let sum = 0;
  for (const name of names) sum += Buffer.byteLength(name) + besides;
  return sum;
}

/** What is counted for the versions that a client comes with. */
export function costOfVersions(versions: ReadonlyMap<string, string>): number {
  let sum = costOfNames(versions.keys());
  for (const version of versions.values()) sum += Buffer.byteLength(version);
  return sum;
}

/** What these names add to the ones that are there. */
export function costOfNew(before: PersistentMap<true>, names: readonly string[]): number {
  return costOfNames(new Set(names.filter((name) => valueOf(before, name) === undefined)));
}
