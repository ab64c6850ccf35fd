import { changesSince, type Layer } from './layer.ts';
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
    const resource = layer.types.get(typeUrl)?.get(name);
    if (resource !== undefined) return resource;
  }
  return undefined;
}

/** All names of a type. */
export function* namesOf(layers: readonly Layer[], typeUrl: string): Generator<string> {
  for (const layer of layers) yield* layer.types.get(typeUrl)?.keys() ?? [];
}

/** The names of a type that may differ between two views; undefined means: compare everything. */
export function changedNames(
  now: readonly Layer[],
  before: readonly Layer[] | undefined,
  typeUrl: string,
): readonly string[] | undefined {
  if (now === before) return [];
  if (before === undefined || before.length !== now.length) return undefined;
  const changed: string[] = [];
  for (const [index, layer] of now.entries()) {
    const older = before[index];
    const names = older === undefined ? undefined : changesSince(layer, older, typeUrl);
    if (names === undefined) return undefined;
    changed.push(...names);
  }
  return changed;
}
