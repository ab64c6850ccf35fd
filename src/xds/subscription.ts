import { type Layer, resourcesOf } from './layer.ts';
import { emptyMap, entriesOf, keysOf, mapOver, type PersistentMap, valueOf, withChanges } from './persistent-map.ts';
import type { Resource, ResourceReference } from './resource.ts';
import { type ResourceType, resourceType } from './resource-types.ts';
import type { Suspects } from './suspects.ts';
import { wantedOf } from './wanted.ts';

/** Incremental xDS, or the state of the world. */
export type Variant = 'delta' | 'sotw';

/** What the client holds under a name: a resource that this stream sent, or only the version that the client told. */
export interface Held {
  readonly version: string;
  readonly references?: readonly ResourceReference[];
  readonly edsName?: string;
  /** The client came with it, so that its content is known though this stream did not send it. */
  readonly claimed?: true;
}

/** Stands in `differs` for a name under which the client holds nothing. */
export const nothingHeld = 'nothing';

/** Why a name is owed a look: its content may have changed, or an answer is due whether or not it did (X69, X75, X87). */
export type Owed = 'changed' | 'asked';

/** Refused content of a name (X38). `good` is what the client took last. */
export interface Refusal {
  /** Refused versions, newest last; `removal` where that was refused. */
  readonly versions: readonly string[];
  readonly good: Resource | undefined;
}

/** Stands as a version where the removal of a name was refused (M5). */
export const removal = 'removal';

/** The one response that waits for its ACK or NACK (X21). */
export interface Flight {
  readonly nonce: string;
  /** What is new in it, so that it can be to blame. */
  readonly sent: readonly Resource[];
  /** All of it, in the order of the response: a NACK of gRPC counts (A46). */
  readonly members: readonly Resource[];
  readonly removed: readonly string[];
  /** What the client held before under the names that it asked for; a name without an entry it did not hold. */
  readonly before: ReadonlyMap<string, Held>;
  readonly version: string;
}

/** A NACK as kept for people (X42, X43). */
export interface Rejection {
  readonly message: string;
  readonly names: readonly string[];
  readonly version: string;
  readonly at: number;
}

/** Why a name that is owed has not been sent: since when, and since when nothing but the grace stands against it. */
export interface Waiting {
  readonly since: number;
  readonly clearSince?: number;
}

/** The state of one type on one stream (section 2). Plain data; times are milliseconds of the clock that is given. */
export interface Subscription {
  readonly type: ResourceType;
  readonly variant: Variant;
  readonly wildcard: boolean;
  readonly names: PersistentMap<true>;
  /** T8: what these count for, and what the client came with until its first answers are acknowledged. */
  readonly namesCost: number;
  readonly claimsCost: number;
  /** Ends the legacy wildcard (X48, X64). */
  readonly everNamed: boolean;
  /**
   * What the client holds (X82) is what the stream has seen last, for every subscribed name but those in `differs`. Before
   * the first answer it is not `agreed`: the client holds what is in `differs` alone, and every name is owed a look.
   */
  readonly agreed: boolean;
  readonly differs: PersistentMap<Held | typeof nothingHeld>;
  readonly refused: ReadonlyMap<string, Refusal>;
  /** Names to look at for the next response; everything else, once agreed, is known to be as the client holds it. */
  readonly pending: PersistentMap<Owed>;
  /** To be sent one per response, after a NACK that named nobody (E16). */
  readonly isolated: ReadonlySet<string>;
  /** SotW LDS and CDS: who may be to blame for a set that was refused without a name (M3). */
  readonly suspects: Suspects | undefined;
  /** The next removals travel without resources (M5). */
  readonly removalsAlone: boolean;
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** When each resource with a TTL is to be heard of again (X108). */
  readonly heartbeats: ReadonlyMap<string, number>;
  /** The last response was one of heartbeats. */
  readonly beaten: boolean;
  /** Nothing has been answered yet on this stream. */
  readonly first: boolean;
  /** SotW LDS and CDS: the subscription changed, so the whole set is owed (M6, X56). */
  readonly setOwed: boolean;
  readonly inFlight: Flight | undefined;
  readonly lastNonce: string;
  /** The version a SotW client came with (X34). */
  readonly claimedVersion: string;
  readonly sentVersion: string;
  readonly ackedVersion: string;
  readonly rejection: Rejection | undefined;
}

export const noNames: ReadonlySet<string> = new Set();
export const nobodyWaits: ReadonlyMap<string, Waiting> = new Map();
const noRefusals: ReadonlyMap<string, Refusal> = new Map();
const noHeartbeats: ReadonlyMap<string, number> = new Map();

/** The state before the first request of a type. */
export function openSubscription(variant: Variant, type: string | ResourceType): Subscription {
  return {
    type: typeof type === 'string' ? resourceType(type) : type,
    variant,
    wildcard: false,
    names: emptyMap(),
    namesCost: 0,
    claimsCost: 0,
    everNamed: false,
    agreed: false,
    differs: emptyMap(),
    refused: noRefusals,
    pending: emptyMap(),
    isolated: noNames,
    suspects: undefined,
    removalsAlone: false,
    waiting: nobodyWaits,
    heartbeats: noHeartbeats,
    beaten: false,
    first: true,
    setOwed: false,
    inFlight: undefined,
    lastNonce: '',
    claimedVersion: '',
    sentVersion: '',
    ackedVersion: '',
    rejection: undefined,
  };
}

/** A value while it is being made. */
export type Draft<Value> = { -readonly [Field in keyof Value]: Value[Field] };

/**
 * A copy to be changed and handed on. Every response and every ACK makes some; written out, since V8 takes 1 µs for the
 * spread of so many fields and 30 ns for this.
 */
export function copyOf(subscription: Subscription): Draft<Subscription> {
  return {
    type: subscription.type,
    variant: subscription.variant,
    wildcard: subscription.wildcard,
    names: subscription.names,
    namesCost: subscription.namesCost,
    claimsCost: subscription.claimsCost,
    everNamed: subscription.everNamed,
    agreed: subscription.agreed,
    differs: subscription.differs,
    refused: subscription.refused,
    pending: subscription.pending,
    isolated: subscription.isolated,
    suspects: subscription.suspects,
    removalsAlone: subscription.removalsAlone,
    waiting: subscription.waiting,
    heartbeats: subscription.heartbeats,
    beaten: subscription.beaten,
    first: subscription.first,
    setOwed: subscription.setOwed,
    inFlight: subscription.inFlight,
    lastNonce: subscription.lastNonce,
    claimedVersion: subscription.claimedVersion,
    sentVersion: subscription.sentVersion,
    ackedVersion: subscription.ackedVersion,
    rejection: subscription.rejection,
  };
}

/** Whether the client got it on this stream, so that its content is known. */
export function isResource(held: Held): held is Resource {
  return 'value' in held;
}

/**
 * SotW LDS and CDS: the client came back and took no set on this stream yet. What it holds from before is not known, and each set deletes
 * what it lacks (X51), so none may lack anything.
 */
export function mayHoldMore({ claimedVersion, ackedVersion }: Subscription): boolean {
  return claimedVersion !== '' && ackedVersion === '';
}

/** Whether the client wants to hear of a name. */
export function isSubscribed(subscription: Subscription, name: string): boolean {
  return subscription.wildcard || valueOf(subscription.names, name) !== undefined;
}

/** What the client holds under a name; `seen` is the view that the stream has seen last. */
export function heldOf(subscription: Subscription, seen: readonly Layer[], name: string): Held | undefined {
  if (subscription.differs.size > 0) {
    const other = valueOf(subscription.differs, name);
    if (other !== undefined) return other === nothingHeld ? undefined : other;
  }
  if (!subscription.agreed || !isSubscribed(subscription, name)) return undefined;
  return wantedOf(subscription, seen, name);
}

/** Every name that the client holds or asked for, each once. A wildcard asks for no alias: it brings the resource itself (X61). */
export function* everyName(subscription: Subscription, seen: readonly Layer[]): Generator<string> {
  const { wildcard, names, differs, type } = subscription;
  if (wildcard) {
    for (const layer of seen)
      for (const [name, resource] of entriesOf(resourcesOf(layer, type.typeUrl)))
        if (resource.name === name || valueOf(names, name) !== undefined) yield name;
    for (const name of keysOf(names)) if (wantedOf(subscription, seen, name) === undefined) yield name;
  } else yield* keysOf(names);
  for (const name of keysOf(differs))
    if (
      wildcard
        ? wantedOf(subscription, seen, name) === undefined && valueOf(names, name) === undefined
        : valueOf(names, name) === undefined
    )
      yield name;
}

/** What the client holds, each name once. */
export function* everythingHeld(
  subscription: Subscription,
  seen: readonly Layer[],
): Generator<readonly [string, Held]> {
  for (const name of subscription.agreed ? everyName(subscription, seen) : keysOf(subscription.differs)) {
    const held = heldOf(subscription, seen, name);
    if (held !== undefined) yield [name, held];
  }
}

/** The subscription with these names owed, held or not (X69, X75, X87). */
export function force(subscription: Subscription, names: readonly string[]): Subscription {
  if (names.length === 0) return subscription;
  const forced = copyOf(subscription);
  forced.pending = withAll(subscription.pending, names, 'asked');
  return forced;
}

/** The map with one value for all of these. */
export function withAll<Value>(
  map: PersistentMap<Value>,
  names: readonly string[],
  value: Value | undefined,
): PersistentMap<Value> {
  if (names.length === 0) return map;
  return withChanges(
    map,
    names.map((name) => [name, value]),
  );
}

/** Whether the client refused this version, or the removal, of a name on this stream. */
export function wasRefused(subscription: Subscription, name: string, version: string): boolean {
  return subscription.refused.size > 0 && subscription.refused.get(name)?.versions.includes(version) === true;
}

/** Forgets names that are no longer subscribed (X57, X77); refusals stay, since refused content may come back. */
export function forget(subscription: Subscription, gone: ReadonlySet<string>): Subscription {
  if (gone.size === 0) return subscription;
  const without = <Value>(entries: ReadonlyMap<string, Value>) =>
    entries.size === 0 ? entries : new Map([...entries].filter(([name]) => !gone.has(name)));
  const names = [...gone];
  return {
    ...subscription,
    differs: withAll(subscription.differs, names, undefined),
    pending: withAll(subscription.pending, names, undefined),
    isolated: new Set([...subscription.isolated].filter((name) => !gone.has(name))),
    waiting: without(subscription.waiting),
    heartbeats: without(subscription.heartbeats),
  };
}

/**
 * Starts over with what is known to be held, so that every name is looked at again: a wildcard began. What was agreed is
 * written down, since names that were not subscribed are not held.
 */
export function lookAgain(subscription: Subscription, seen: readonly Layer[]): Subscription {
  const differs = new Map<string, Held | typeof nothingHeld>(everythingHeld(subscription, seen));
  // What is on its way will be there, or was given up and is there no more: nobody can tell, so it is told anew. What it refers to stays.
  for (const resource of subscription.inFlight?.members ?? [])
    if (!differs.has(resource.name)) differs.set(resource.name, perhaps(resource));
  return { ...subscription, agreed: false, differs: mapOver(differs) };
}

/** Held or not, nobody can tell: it is told anew, and what it refers to stays. */
export function perhaps({ references }: Resource): Held {
  return { version: '', references };
}
