import { type Layer, resourcesOf } from './layer.ts';
import { entriesOf, valueOf } from './persistent-map.ts';

/** The names of a type that may differ between an older layer and this one. */
export function changesSince(layer: Layer, older: Layer, typeUrl: string): readonly string[] {
  if (layer.id === older.id) return [];
  const [newest] = layer.history;
  if (newest?.from === older.id) return newest.names.get(typeUrl) ?? [];
  const steps = layer.history.findIndex((change) => change.from === older.id) + 1;
  if (steps === 0) return differences(layer, older).get(typeUrl) ?? [];
  return [...new Set(layer.history.slice(0, steps).flatMap((change) => change.names.get(typeUrl) ?? []))];
}

type Names = ReadonlyMap<string, readonly string[]>;
const compared = new WeakMap<Layer, WeakMap<Layer, Names>>();

/** Compares two layers whole, once for all streams that come from the one to the other. */
function differences(layer: Layer, older: Layer): Names {
  let fromOthers = compared.get(layer);
  if (fromOthers === undefined) {
    fromOthers = new WeakMap();
    compared.set(layer, fromOthers);
  }
  const known = fromOthers.get(older);
  if (known !== undefined) return known;
  const names = new Map<string, readonly string[]>();
  for (const typeUrl of new Set([...layer.types.keys(), ...older.types.keys()])) {
    const [now, before] = [resourcesOf(layer, typeUrl), resourcesOf(older, typeUrl)];
    const changed: string[] = [];
    for (const [name, resource] of entriesOf(now)) if (valueOf(before, name) !== resource) changed.push(name);
    for (const [name] of entriesOf(before)) if (valueOf(now, name) === undefined) changed.push(name);
    if (changed.length > 0) names.set(typeUrl, changed);
  }
  fromOthers.set(older, names);
  return names;
}
