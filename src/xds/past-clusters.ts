import { type Digest, emptyDigest } from './digest.ts';
import { type PersistentMap, valueOf } from './persistent-map.ts';
import type { Resource } from './resource.ts';

/** What a step of a layer's history says of clusters. */
export interface PastClusters {
  /** Of all clusters before the step. */
  readonly digest: Digest;
  /** The clusters that went with it; undefined: more went, or changed, than are remembered. */
  readonly gone: readonly Resource[] | undefined;
  /** What stood there before of those that changed with it. */
  readonly changed: readonly Resource[];
  /** The names of those that came with it. */
  readonly added: readonly string[];
}

/** History keeps no other resources alive, and of these not many. */
const remembered = 256;

/** What a step does to the clusters of a layer; `changes` by name, undefined where one goes. */
export function pastClusters(
  digest: Digest | undefined,
  before: PersistentMap<Resource>,
  changes: ReadonlyMap<string, Resource | undefined> | undefined,
): PastClusters {
  const gone: Resource[] = [];
  const changed: Resource[] = [];
  const added: string[] = [];
  for (const [name, resource] of changes ?? []) {
    const old = valueOf(before, name);
    if (old === undefined) added.push(name);
    else if (old.name === name) (resource === undefined ? gone : changed).push(old);
    if (gone.length + changed.length + added.length > remembered)
      return { digest: digest ?? emptyDigest, gone: undefined, changed: [], added: [] };
  }
  return { digest: digest ?? emptyDigest, gone, changed, added };
}
