import type { StreamNode } from './client-node.ts';
import type { Layer } from './layer.ts';
import { entriesOf, keysOf, valueOf } from './persistent-map.ts';
import { isStandIn, type Resource } from './resource.ts';
import { canonicalName } from './resource-name.ts';
import { lookup } from './snapshot.ts';
import type { StreamState } from './stream-state.ts';
import {
  everythingHeld,
  type Held,
  heldOf,
  isResource,
  nothingHeld,
  type Rejection,
  type Subscription,
  type Variant,
} from './subscription.ts';
import type { Times, TypeTimes } from './type-times.ts';
import { isPlaceholder } from './virtual-hosts.ts';

/** One live stream, for people and programs that ask how the proxies stand (X42, X122). Times: epoch milliseconds. */
export interface StreamStatus<Principal> {
  readonly id: number;
  readonly principal: Principal;
  /** Without its extensions: what `opened` tells has them. */
  readonly node: StreamNode;
  /** `address:port` of the other end of the connection. */
  readonly peer: string;
  readonly variant: Variant;
  readonly openedAt: number;
  /** In push order; only the types that the client asked for. */
  readonly types: readonly TypeStatus[];
}

/**
 * How one type of a stream stands. What is printed of it, or written as JSON, are numbers and short texts, whatever the client asked for.
 * The lists, and what is made of them, come when they are asked for by name, and are made then.
 */
export interface TypeStatus {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  /** How many names the client asked for; those that a wildcard brings do not count. */
  readonly namesSubscribed: number;
  /** Under how many names the client does not hold what stands in its view; at rest that is what is withheld (X38). */
  readonly namesDiffering: number;
  readonly nonce: string;
  readonly sentVersion: string;
  readonly sentAt: number | undefined;
  readonly ackedVersion: string;
  readonly ackedAt: number | undefined;
  /** Since when a response waits for its ACK. */
  readonly inFlightSince: number | undefined;
  /** How many names are owed and not sent yet, held back by make before break included. */
  readonly owed: number;
  readonly error: Rejection | undefined;
  /** The client has asked for the first time, and this server has neither sent an answer nor found that it owes none. */
  readonly awaitsFirstAnswer: boolean;
  /** Whether the client asked for this name itself. Costs one look. */
  isSubscribed(name: string): boolean;
  /** The version that the client holds of one resource; undefined: it holds none. Costs one look. */
  versionOf(name: string): string | undefined;
  /** That resource itself, where it was sent on this stream; of what a client brought along only the version is known. */
  heldResource(name: string): Resource | undefined;
  /** List: what the client asked for. */
  readonly subscribed: readonly string[];
  /** List: what the client was sent and did not refuse. */
  readonly held: readonly { readonly name: string; readonly version: string }[];
  /** List: under which names it holds something else than what stands in `seen`. */
  readonly differing: readonly Differing[];
  /** The view that the stream has looked at last, resources and all. */
  readonly seen: readonly Layer[];
}

/** A name of the view under which the client holds something else. */
export interface Differing {
  readonly name: string;
  /** What it holds; undefined: nothing. */
  readonly version: string | undefined;
  /** The newest is to be sent; otherwise it is withheld until it changes. */
  readonly owed: boolean;
}

/** The status of every type of a stream. */
export function typeStatuses(state: StreamState, times: TypeTimes): readonly TypeStatus[] {
  return state.subscriptions.map(
    (subscription) => new TypeView(subscription, state.seen, times.find(subscription.type.typeUrl)),
  );
}

/** A response that waits for its answer. */
export interface Unanswered {
  readonly typeUrl: string;
  readonly version: string;
  readonly nonce: string;
  readonly sentAt: number;
}

const none: readonly Unanswered[] = [];

/** What waits for its answer since this moment or longer. Makes nothing where nothing does, since all streams are asked now and then. */
export function unansweredSince(state: StreamState, times: TypeTimes, moment: number): readonly Unanswered[] {
  let found: Unanswered[] | undefined;
  for (const { inFlight, type } of state.subscriptions) {
    if (inFlight === undefined) continue;
    const sentAt = times.find(type.typeUrl)?.sentAt;
    if (sentAt === undefined || sentAt > moment) continue;
    found ??= [];
    found.push({ typeUrl: type.typeUrl, version: inFlight.version, nonce: inFlight.nonce, sentAt });
  }
  return found ?? none;
}

/** A class, since what stands in its prototype is printed by nobody. */
class TypeView implements TypeStatus {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  readonly namesSubscribed: number;
  readonly namesDiffering: number;
  readonly nonce: string;
  readonly sentVersion: string;
  readonly sentAt: number | undefined;
  readonly ackedVersion: string;
  readonly ackedAt: number | undefined;
  readonly inFlightSince: number | undefined;
  readonly owed: number;
  readonly error: Rejection | undefined;
  readonly awaitsFirstAnswer: boolean;
  readonly #subscription: Subscription;
  readonly #seen: readonly Layer[];

  constructor(subscription: Subscription, seen: readonly Layer[], times: Times | undefined) {
    this.typeUrl = subscription.type.typeUrl;
    this.wildcard = subscription.wildcard;
    this.namesSubscribed = subscription.names.size;
    this.namesDiffering = [...differing(subscription, seen)].length;
    this.nonce = subscription.lastNonce;
    this.sentVersion = subscription.sentVersion;
    this.sentAt = times?.sentAt;
    this.ackedVersion = subscription.ackedVersion;
    this.ackedAt = times?.ackedAt;
    this.inFlightSince = subscription.inFlight === undefined ? undefined : times?.sentAt;
    this.owed = subscription.pending.size;
    this.error = subscription.rejection;
    this.awaitsFirstAnswer = subscription.first;
    this.#subscription = subscription;
    this.#seen = seen;
  }

  isSubscribed(name: string): boolean {
    return valueOf(this.#subscription.names, canonicalName(name)) !== undefined;
  }

  versionOf(name: string): string | undefined {
    return heldOf(this.#subscription, this.#seen, canonicalName(name))?.version;
  }

  heldResource(name: string): Resource | undefined {
    const held = heldOf(this.#subscription, this.#seen, canonicalName(name));
    return held !== undefined && isResource(held) ? held : undefined;
  }

  get subscribed() {
    return [...keysOf(this.#subscription.names)];
  }

  get held() {
    return Array.from(everythingHeld(this.#subscription, this.#seen), ([name, { version }]) => ({ name, version }));
  }

  get differing() {
    return [...differing(this.#subscription, this.#seen)];
  }

  get seen() {
    return this.#seen;
  }
}

function* differing({ agreed, differs, pending, type }: Subscription, seen: readonly Layer[]): Generator<Differing> {
  if (!agreed) return;
  for (const [name, held] of entriesOf(differs)) {
    const owed = valueOf(pending, name) !== undefined;
    if (!owed && isForNothing(name, held) && lookup(seen, type.typeUrl, name) === undefined) continue;
    yield { name, version: held === nothingHeld ? undefined : held.version, owed };
  }
}

/** X67, X90, X111, X115: said where there is nothing, so that it differs from nothing. */
function isForNothing(name: string, held: Held | typeof nothingHeld): boolean {
  return held !== nothingHeld && (isStandIn(held) || isPlaceholder(name));
}
