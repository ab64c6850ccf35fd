import { type Layer, resourcesOf } from './layer.ts';
import { entriesOf, type PersistentMap } from './persistent-map.ts';
import type { Resource, ResourceReference } from './resource.ts';

type Index = ReadonlyMap<string, readonly string[]>;

const indexes = new WeakMap<PersistentMap<Resource>, Index>();

/** The names of the resources of a type that refer to another. Made once for a layer, and only when something goes. */
export function referrersOf(layer: Layer, typeUrl: string, to: ResourceReference): readonly string[] {
  const resources = resourcesOf(layer, typeUrl);
  let index = indexes.get(resources);
  if (index === undefined) {
    index = indexOf(resources);
    indexes.set(resources, index);
  }
  return index.get(keyOf(to)) ?? [];
}

function indexOf(resources: PersistentMap<Resource>): Index {
  const index = new Map<string, string[]>();
  for (const [name, { references }] of entriesOf(resources))
    for (const reference of references) {
      const key = keyOf(reference);
      const names = index.get(key);
      if (names === undefined) index.set(key, [name]);
      else names.push(name);
    }
  return index;
}

function keyOf({ typeUrl, name }: ResourceReference): string {
  return `${typeUrl} ${name}`;
}
