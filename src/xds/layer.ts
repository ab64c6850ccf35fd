import { anyText, check, shown } from './check.ts';
import { type Digest, emptyDigest, joined, without } from './digest.ts';
import { snapshotChange } from './option-kinds.ts';
import { type PastClusters, pastClusters } from './past-clusters.ts';
import { emptyMap, entriesOf, mapOver, type PersistentMap, valueOf, withChanges } from './persistent-map.ts';
import { type Resource, type ResourceReference, requireResource } from './resource.ts';
import { canonicalName } from './resource-name.ts';
import { clusterType } from './resource-types.ts';
import { sameItems } from './same-items.ts';
import type { SnapshotChange } from './snapshot-store.ts';

/** What differs between a layer and one before it: names by type, changed, new or gone. */
export interface LayerChange {
  readonly from: LayerId;
  readonly names: ReadonlyMap<string, readonly string[]>;
  readonly clusters: PastClusters;
}

/** The identity of a layer: a small object, so that history keeps no layers alive. */
export interface LayerId {
  readonly layer: true;
}

/**
 * An immutable set of resources with an identity. Proxies that share a layer share its bytes. `history` says, newest
 * step first, how it came to be, so that a stream some steps behind is answered from the changes alone.
 */
export interface Layer {
  readonly id: LayerId;
  /** The first of those that it was made from, one after the other. */
  readonly origin: LayerId;
  /** What the layer is of: layers of equal scope share what was refused of them (X38). Empty: of one proxy alone. */
  readonly scope: string;
  readonly types: ReadonlyMap<string, PersistentMap<Resource>>;
  /** Of the resources of each type, for the version of a whole set. */
  readonly digests: ReadonlyMap<string, Digest>;
  readonly history: readonly LayerChange[];
}

/** A stream that is further behind has the two layers compared; the result is shared as well. */
const stepsRemembered = 16;

const none: PersistentMap<Resource> = emptyMap();

/** The resources of a type. */
export function resourcesOf(layer: Layer, typeUrl: string): PersistentMap<Resource> {
  return layer.types.get(typeUrl) ?? none;
}

/**
 * Makes a layer. A resource equal in version to that of `previous` is replaced by it, so its wire form is never made
 * again; when nothing differs `previous` itself is returned. Throws when two resources of a type share a name (X61), and a TypeError for
 * what is no resource.
 */
export function createLayer(resources: Iterable<Resource>, previous?: Layer, scope = previous?.scope ?? ''): Layer {
  const steps = layerSteps(resources, previous, scope);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** So many resources are looked at in one step. */
const resourcesAStep = 512;

/** createLayer in steps, between which others may have their turn. */
export function* layerSteps(
  resources: Iterable<Resource>,
  previous: Layer | undefined,
  scope: string,
): Generator<void, Layer, void> {
  if (previous !== undefined) requireLayer(previous);
  check('createLayer', scope, anyText, 'scope');
  requireIterable(resources);
  const given = new Map<string, Map<string, Resource>>();
  const digests = new Map<string, Digest>();
  let looked = 0;
  for (const resource of resources) {
    requireResource(resource);
    const { typeUrl } = resource;
    const ofType = entry(given, typeUrl, () => new Map<string, Resource>());
    for (const name of namesFor(resource)) {
      if (ofType.has(name)) throw new Error(`two resources of type ${typeUrl} are named ${name}`);
      ofType.set(name, resource);
      digests.set(typeUrl, joined(digests.get(typeUrl) ?? emptyDigest, resource.digest));
    }
    if (++looked % resourcesAStep === 0) yield;
  }
  if (previous === undefined) {
    const types = new Map([...given].map(([typeUrl, ofType]) => [typeUrl, mapOver(ofType)]));
    return { ...emptyLayer(scope), types, digests };
  }
  const changes: [string, string, Resource | undefined][] = [];
  for (const [typeUrl, ofType] of given) {
    const before = resourcesOf(previous, typeUrl);
    for (const [name, resource] of ofType) {
      if (!isSame(valueOf(before, name), resource)) changes.push([typeUrl, name, resource]);
      if (++looked % resourcesAStep === 0) yield;
    }
  }
  for (const [typeUrl, ofType] of previous.types)
    for (const [name] of entriesOf(ofType))
      if (given.get(typeUrl)?.has(name) !== true) changes.push([typeUrl, name, undefined]);
  return changedLayer(previous, changes);
}

/** The same resources as a layer of its own: of another scope, and with no past. */
export function layerBeside({ types, digests }: Layer, scope: string): Layer {
  return { ...emptyLayer(scope), types, digests };
}

/**
 * The layer after some changes, at a cost that follows their number and not the size of the layer: these resources are
 * new or take the place of others, and these are gone. Throws when two resources of a type share a name (X61), or one is said to be set and to
 * be gone, and a TypeError for a name that there is not.
 */
export function updateLayer(previous: Layer, changes: SnapshotChange): Layer {
  requireLayer(previous);
  check('update', changes, snapshotChange, '', 'change');
  const all: [string, string, Resource | undefined][] = [];
  const old = ({ typeUrl, name }: ResourceReference) => valueOf(resourcesOf(previous, typeUrl), name);
  /** What stands under a name once the changes so far are made; undefined: nothing any more. */
  const made = new Map<string, Resource | undefined>();
  const put = (typeUrl: string, name: string, resource: Resource | undefined): void => {
    made.set(`${typeUrl} ${name}`, resource);
    all.push([typeUrl, name, resource]);
  };
  const removed = new Set<string>();
  for (const { typeUrl, name: said } of changes.remove ?? []) {
    const name = canonicalName(said);
    const resource = old({ typeUrl, name });
    for (const each of resource === undefined ? [name] : namesFor(resource)) {
      removed.add(`${typeUrl} ${each}`);
      if (resource !== undefined) put(typeUrl, each, undefined);
    }
  }
  const given = new Set<string>();
  const fresh: Resource[] = [];
  for (const resource of changes.set ?? []) {
    requireResource(resource);
    const { typeUrl } = resource;
    const own = `${typeUrl} ${resource.name}`;
    if (given.has(own)) throw new Error(`two resources of type ${typeUrl} are named ${resource.name}`);
    given.add(own);
    if (removed.has(own))
      throw new Error(
        `update: ${resource.name} of type ${typeUrl} stands in "set" and in "remove": leave it out of one`,
      );
    const before = old(resource);
    if (isSame(before, resource)) continue;
    // Aliases that are given up are free for others, whichever stands first in the list.
    for (const name of before?.aliases ?? []) put(typeUrl, name, undefined);
    fresh.push(resource);
  }
  for (const resource of fresh) {
    const { typeUrl } = resource;
    for (const name of namesFor(resource)) {
      const key = `${typeUrl} ${name}`;
      const present = made.has(key) ? made.get(key) : old({ typeUrl, name });
      if (present !== undefined && present.name !== resource.name)
        throw new Error(`two resources of type ${typeUrl} are named ${name}`);
      put(typeUrl, name, resource);
    }
  }
  return changedLayer(previous, all);
}

/** For those who write JavaScript: a scope in the place of the layer before would otherwise go unnoticed. */
function requireLayer(previous: Layer): void {
  const value: unknown = previous;
  if (typeof value !== 'object' || value === null || !('types' in value))
    throw new TypeError(`the layer before must be one that createLayer made, got ${shown(value)}`);
}

function requireIterable(resources: Iterable<Resource>): void {
  const value: unknown = resources;
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value))
    throw new TypeError(`resources must be an array or another iterable of resources, got ${shown(value)}`);
}

/** X83: a resource is found under its aliases as well. */
function namesFor({ name, aliases }: Resource): readonly string[] {
  return aliases === undefined ? [name] : [...new Set([name, ...aliases])];
}

function emptyLayer(scope: string): Layer {
  const id: LayerId = { layer: true };
  return { id, origin: id, scope, types: new Map(), digests: new Map(), history: [] };
}

function changedLayer(previous: Layer, changes: readonly (readonly [string, string, Resource | undefined])[]): Layer {
  if (changes.length === 0) return previous;
  const byType = new Map<string, Map<string, Resource | undefined>>();
  for (const [typeUrl, name, resource] of changes) entry(byType, typeUrl, () => new Map()).set(name, resource);
  const types = new Map(previous.types);
  const digests = new Map(previous.digests);
  const names = new Map<string, readonly string[]>();
  for (const [typeUrl, ofType] of byType) {
    const before = resourcesOf(previous, typeUrl);
    let digest = digests.get(typeUrl) ?? emptyDigest;
    for (const [name, resource] of ofType) {
      const old = valueOf(before, name);
      if (old !== undefined) digest = without(digest, old.digest);
      if (resource !== undefined) digest = joined(digest, resource.digest);
    }
    const after = before.size === 0 ? mapOver(onlyPresent(ofType)) : withChanges(before, ofType);
    if (after.size > 0) types.set(typeUrl, after);
    else types.delete(typeUrl);
    digests.set(typeUrl, digest);
    names.set(typeUrl, [...ofType.keys()]);
  }
  const clusters = pastClusters(
    previous.digests.get(clusterType),
    resourcesOf(previous, clusterType),
    byType.get(clusterType),
  );
  const step: LayerChange = { from: previous.id, names, clusters };
  const history = [step, ...previous.history.slice(0, stepsRemembered - 1)];
  return { id: { layer: true }, origin: previous.origin, scope: previous.scope, types, digests, history };
}

function onlyPresent(entries: ReadonlyMap<string, Resource | undefined>): ReadonlyMap<string, Resource> {
  const present = new Map<string, Resource>();
  for (const [name, resource] of entries) if (resource !== undefined) present.set(name, resource);
  return present;
}

function isSame(one: Resource | undefined, other: Resource): boolean {
  if (one === other) return true;
  if (one === undefined || one.version !== other.version || one.edsName !== other.edsName || one.ttl !== other.ttl)
    return false;
  return sameItems(one.aliases ?? [], other.aliases ?? []) && sameReferences(one.references, other.references);
}

function sameReferences(one: readonly ResourceReference[], other: readonly ResourceReference[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ typeUrl, name }, index) => other[index]?.name === name && other[index].typeUrl === typeUrl)
  );
}

function entry<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const present = map.get(key);
  if (present !== undefined) return present;
  const value = make();
  map.set(key, value);
  return value;
}
