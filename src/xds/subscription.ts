import type { Layer } from './layer.ts';
import { emptyMap, entriesOf, type PersistentMap, valueOf, withChanges } from './persistent-map.ts';
import type { Resource, ResourceReference } from './resource.ts';
import { changedNames, lookup, namesOf } from './snapshot.ts';

export type Variant = 'delta' | 'sotw';

/** What the client holds under a name: a resource that this stream sent, or only the version that the client told. */
export interface Held {
  readonly version: string;
  readonly references?: readonly ResourceReference[];
  readonly edsName?: string;
}

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
  readonly since: number;
  /** What is new in it, so that it can be to blame. */
  readonly sent: readonly Resource[];
  readonly removed: readonly string[];
  /** What the client held of these names before. */
  readonly before: ReadonlyMap<string, Held | undefined>;
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
  readonly typeUrl: string;
  readonly variant: Variant;
  readonly wildcard: boolean;
  readonly names: PersistentMap<true>;
  /** Ends the legacy wildcard (X48, X64). */
  readonly everNamed: boolean;
  /** As sent (X82). */
  readonly held: PersistentMap<Held>;
  readonly refused: ReadonlyMap<string, Refusal>;
  /** Owed although unchanged (X69, X75, X87). Always part of `pending`. */
  readonly forced: ReadonlySet<string>;
  /** Names to look at for the next response; everything else is known to be as the client holds it. */
  readonly pending: ReadonlySet<string>;
  /** To be sent one per response, after a NACK that named nobody (E16). */
  readonly isolated: ReadonlySet<string>;
  /** The next removals travel without resources (M5). */
  readonly removalsAlone: boolean;
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** The view that `pending` is complete against; undefined: compare everything. */
  readonly seen: readonly Layer[] | undefined;
  /** Nothing has been answered yet on this stream. */
  readonly first: boolean;
  /** SotW LDS and CDS: the subscription changed, so the whole set is owed (M6, X56). */
  readonly setOwed: boolean;
  readonly inFlight: Flight | undefined;
  readonly lastNonce: string;
  /** The version a SotW client came with (X34). */
  readonly claimedVersion: string;
  readonly sentVersion: string;
  readonly sentAt: number | undefined;
  readonly ackedVersion: string;
  readonly ackedAt: number | undefined;
  readonly rejection: Rejection | undefined;
}

/** The state before the first request of a type. */
export function openSubscription(variant: Variant, typeUrl: string): Subscription {
  const none = new Set<string>();
  return {
    typeUrl,
    variant,
    wildcard: false,
    names: emptyMap(),
    everNamed: false,
    held: emptyMap(),
    refused: new Map(),
    forced: none,
    pending: none,
    isolated: none,
    removalsAlone: false,
    waiting: new Map(),
    seen: undefined,
    first: true,
    setOwed: false,
    inFlight: undefined,
    lastNonce: '',
    claimedVersion: '',
    sentVersion: '',
    sentAt: undefined,
    ackedVersion: '',
    ackedAt: undefined,
    rejection: undefined,
  };
}

/** Whether the client wants to hear of a name. */
export function isSubscribed(subscription: Subscription, name: string): boolean {
  return subscription.wildcard || valueOf(subscription.names, name) !== undefined;
}

/** The subscription with these names owed, held or not (X69, X75, X87). */
export function force(subscription: Subscription, names: Iterable<string>): Subscription {
  const added = [...names];
  if (added.length === 0) return subscription;
  return {
    ...subscription,
    forced: new Set([...subscription.forced, ...added]),
    pending: new Set([...subscription.pending, ...added]),
  };
}

/** Whether the client refused this version, or the removal, of a name on this stream. */
export function wasRefused(subscription: Subscription, name: string, version: string): boolean {
  return subscription.refused.get(name)?.versions.includes(version) === true;
}

/** Forgets names that are no longer subscribed (X57, X77); refusals stay, since refused content may come back. */
export function forget(subscription: Subscription, names: Iterable<string>): Subscription {
  const gone = new Set(names);
  if (gone.size === 0) return subscription;
  const kept = <Item>(items: Iterable<Item>, name: (item: Item) => string) =>
    [...items].filter((item) => !gone.has(name(item)));
  return {
    ...subscription,
    held: withChanges(
      subscription.held,
      [...gone].map((name) => [name, undefined]),
    ),
    forced: new Set(kept(subscription.forced, (name) => name)),
    pending: new Set(kept(subscription.pending, (name) => name)),
    isolated: new Set(kept(subscription.isolated, (name) => name)),
    waiting: new Map(kept(subscription.waiting, ([name]) => name)),
  };
}

/** Adds to `pending` what changed between the view seen last and this one; from the list of changes where there is one. */
export function observe(subscription: Subscription, layers: readonly Layer[]): Subscription {
  if (subscription.seen === layers) return subscription;
  const changed = changedNames(layers, subscription.seen, subscription.typeUrl) ?? everyName(subscription, layers);
  const news: string[] = [];
  for (const name of changed) if (isSubscribed(subscription, name) && !subscription.pending.has(name)) news.push(name);
  const pending = news.length === 0 ? subscription.pending : new Set([...subscription.pending, ...news]);
  const observed = { ...subscription, seen: layers, pending };
  // Where the refused content is no longer wanted nothing is left to acknowledge, so nothing else would end the error (X42).
  return isRejectionCurrent(observed) ? observed : { ...observed, rejection: undefined };
}

function* everyName(subscription: Subscription, layers: readonly Layer[]): Generator<string> {
  if (subscription.wildcard) yield* namesOf(layers, subscription.typeUrl);
  else for (const [name] of entriesOf(subscription.names)) yield name;
  for (const [name] of entriesOf(subscription.held)) yield name;
}

/** Whether some of what the last NACK was about is still the newest content (X42). */
export function isRejectionCurrent(subscription: Subscription): boolean {
  const { rejection: last, seen, typeUrl } = subscription;
  if (last === undefined) return false;
  return last.names.some((name) =>
    wasRefused(subscription, name, lookup(seen ?? [], typeUrl, name)?.version ?? removal),
  );
}
