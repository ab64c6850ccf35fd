import { type Layer, resourcesOf } from './layer.ts';
import { entriesOf, type PersistentMap } from './persistent-map.ts';
import type { Resource, ResourceReference } from './resource.ts';
import { type Held, nothingHeld } from './subscription.ts';

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

const referred = new WeakMap<object, ReadonlySet<string>>();

/** Whether anything held in one of these lists refers to a resource. The list is indexed once, however often it is asked. */
export function refersIn(
  held: PersistentMap<Held | typeof nothingHeld> | ReadonlyMap<string, Held>,
  to: ResourceReference,
): boolean {
  if (held.size === 0) return false;
  let keys = referred.get(held);
  if (keys === undefined) {
    const all = new Set<string>();
    for (const [, each] of 'overlay' in held ? entriesOf(held) : held)
      if (each !== nothingHeld) for (const reference of each.references ?? []) all.add(keyOf(reference));
    keys = all;
    referred.set(held, keys);
  }
  return keys.has(keyOf(to));
}

function keyOf({ typeUrl, name }: ResourceReference): string {
  return `${typeUrl} ${name}`;
}
