import { changesSince } from './changes-since.ts';
import { type Digest, emptyDigest, joined } from './digest.ts';
import { type Layer, resourcesOf } from './layer.ts';
import { keysOf, valueOf } from './persistent-map.ts';
import type { Resource } from './resource.ts';

/**
 * All that one proxy may see at one moment: a layer shared with others, and layers of its own. Names are disjoint
 * between layers. The number and meaning of the layers stay the same from one snapshot of a proxy to the next.
 */
export interface Snapshot {
  readonly generation: number;
  /** Where the content comes from: a commit, or empty. For reading only. */
  readonly commit: string;
  readonly layers: readonly Layer[];
}

/** The resource of a name, or undefined when it does not exist for this proxy. */
export function lookup(layers: readonly Layer[], typeUrl: string, name: string): Resource | undefined {
  for (const layer of layers) {
    const ofType = layer.types.get(typeUrl);
    const resource = ofType === undefined ? undefined : valueOf(ofType, name);
    if (resource !== undefined) return resource;
  }
  return undefined;
}

/** All names of a type. */
export function* namesOf(layers: readonly Layer[], typeUrl: string): Generator<string> {
  for (const layer of layers) yield* keysOf(resourcesOf(layer, typeUrl));
}

/** The names of a type that may differ between two views of one proxy. */
export function changedNames(now: readonly Layer[], before: readonly Layer[], typeUrl: string): readonly string[] {
  let changed: readonly string[] = [];
  for (const [index, layer] of now.entries()) {
    const older = before[index];
    const names = older === undefined ? [...keysOf(resourcesOf(layer, typeUrl))] : changesSince(layer, older, typeUrl);
    if (names.length > 0) changed = changed.length === 0 ? names : [...changed, ...names];
  }
  const gone = before.slice(now.length).flatMap((layer) => [...keysOf(resourcesOf(layer, typeUrl))]);
  return gone.length === 0 ? changed : [...changed, ...gone];
}

/** The fingerprint of all resources of a type. */
export function digestOfType(layers: readonly Layer[], typeUrl: string): Digest {
  let digest = emptyDigest;
  for (const layer of layers) digest = joined(digest, layer.digests.get(typeUrl) ?? emptyDigest);
  return digest;
}
