import type { Resource } from './resource.ts';

/** What differs between a layer and one before it: names by type, changed, new or gone. */
export interface LayerChange {
  readonly from: LayerId;
  readonly names: ReadonlyMap<string, readonly string[]>;
}

/** The identity of a layer. Held weakly by nobody: it is a small object, so that history keeps no resources alive. */
export interface LayerId {
  readonly layer: true;
}

/**
 * An immutable set of resources with an identity. Proxies that share a layer share its bytes. `history` says, newest
 * step first, how it came to be, so that a stream some steps behind is answered from the changes alone.
 */
export interface Layer {
  readonly id: LayerId;
  readonly types: ReadonlyMap<string, ReadonlyMap<string, Resource>>;
  readonly history: readonly LayerChange[];
}

/** A stream that is further behind compares all that it holds. */
const stepsRemembered = 16;

/**
 * Makes a layer. A resource equal in version to that of `previous` is replaced by it, so its wire form is never made
 * again; when nothing differs `previous` itself is returned. Throws when two resources of a type share a name (X61).
 */
export function createLayer(resources: Iterable<Resource>, previous?: Layer): Layer {
  const types = new Map<string, Map<string, Resource>>();
  const changed = new Map<string, string[]>();
  for (const candidate of resources) {
    const { typeUrl, name } = candidate;
    const ofType = entry(types, typeUrl, () => new Map<string, Resource>());
    if (ofType.has(name)) throw new Error(`two resources of type ${typeUrl} are named ${name}`);
    const before = previous?.types.get(typeUrl)?.get(name);
    const same = before !== undefined && before.version === candidate.version && sameLinks(before, candidate);
    ofType.set(name, same ? before : candidate);
    if (!same) entry(changed, typeUrl, () => []).push(name);
  }
  for (const [typeUrl, ofType] of previous?.types ?? [])
    for (const name of ofType.keys())
      if (types.get(typeUrl)?.has(name) !== true) entry(changed, typeUrl, () => []).push(name);
  if (previous === undefined) return { id: { layer: true }, types, history: [] };
  if (changed.size === 0) return previous;
  const step: LayerChange = { from: previous.id, names: changed };
  return { id: { layer: true }, types, history: [step, ...previous.history.slice(0, stepsRemembered - 1)] };
}

/** The names of a type that may differ between an older layer and this one; undefined when that is not remembered. */
export function changesSince(layer: Layer, older: Layer, typeUrl: string): readonly string[] | undefined {
  if (layer.id === older.id) return [];
  const steps = layer.history.findIndex((change) => change.from === older.id) + 1;
  if (steps === 0) return undefined;
  if (steps === 1) return layer.history[0]?.names.get(typeUrl) ?? [];
  return [...new Set(layer.history.slice(0, steps).flatMap((change) => change.names.get(typeUrl) ?? []))];
}

function sameLinks(one: Resource, other: Resource): boolean {
  if (one.edsName !== other.edsName || one.references.length !== other.references.length) return false;
  return one.references.every((reference, index) => {
    const against = other.references[index];
    return against !== undefined && against.name === reference.name && against.typeUrl === reference.typeUrl;
  });
}

function entry<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const present = map.get(key);
  if (present !== undefined) return present;
  const value = make();
  map.set(key, value);
  return value;
}
