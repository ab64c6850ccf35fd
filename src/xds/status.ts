import type { Node } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import type { Layer } from './layer.ts';
import { entriesOf, keysOf, valueOf } from './persistent-map.ts';
import type { StreamState } from './stream-state.ts';
import { everythingHeld, nothingHeld, type Rejection, type Subscription, type Variant } from './subscription.ts';

/** One live stream, for people and programs that ask how the proxies stand (X42, X122). Times: epoch milliseconds. */
export interface StreamStatus<Principal> {
  readonly id: number;
  readonly principal: Principal;
  readonly node: Node;
  /** `address:port` of the other end of the connection. */
  readonly peer: string;
  readonly variant: Variant;
  readonly openedAt: number;
  /** In push order; only the types that the client asked for. */
  readonly types: readonly TypeStatus[];
}

/** How one type of a stream stands. */
export interface TypeStatus {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  /** Made when it is read: a proxy may have asked for thousands. */
  readonly subscribed: readonly string[];
  /** What the client was sent and did not refuse. Made when it is read. */
  readonly held: readonly { readonly name: string; readonly version: string }[];
  /** The view that the stream has looked at last. */
  readonly seen: readonly Layer[];
  /** Under which names the client does not hold what stands in `seen`. Made when it is read; at rest it is what is withheld (X38). */
  readonly differing: readonly Differing[];
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
}

/** A name of the view under which the client holds something else. */
export interface Differing {
  readonly name: string;
  /** What it holds; undefined: nothing. */
  readonly version: string | undefined;
  /** The newest is to be sent; otherwise it is withheld until it changes. */
  readonly owed: boolean;
}

/** When a stream was last sent a type, and last acknowledged it. Kept beside its state, which equal streams share. */
export interface TypeTimes {
  sentAt: number | undefined;
  ackedAt: number | undefined;
}

/** The status of every type of a stream. */
export function typeStatuses(state: StreamState, times: ReadonlyMap<string, TypeTimes>): readonly TypeStatus[] {
  return state.subscriptions.map((subscription) =>
    typeStatus(subscription, state, times.get(subscription.type.typeUrl)),
  );
}

function typeStatus(subscription: Subscription, { seen }: StreamState, times: TypeTimes | undefined): TypeStatus {
  const { sentAt, ackedAt } = times ?? { sentAt: undefined, ackedAt: undefined };
  const { type, wildcard, sentVersion, ackedVersion } = subscription;
  return {
    typeUrl: type.typeUrl,
    wildcard,
    get subscribed() {
      return [...keysOf(subscription.names)];
    },
    get held() {
      return Array.from(everythingHeld(subscription, seen), ([name, { version }]) => ({ name, version }));
    },
    seen,
    get differing() {
      return subscription.agreed ? differing(subscription) : [];
    },
    nonce: subscription.lastNonce,
    sentVersion,
    sentAt,
    ackedVersion,
    ackedAt,
    inFlightSince: subscription.inFlight === undefined ? undefined : sentAt,
    owed: subscription.pending.size,
    error: subscription.rejection,
  };
}

function differing({ differs, pending }: Subscription): readonly Differing[] {
  return Array.from(entriesOf(differs), ([name, held]) => ({
    name,
    version: held === nothingHeld ? undefined : held.version,
    owed: valueOf(pending, name) !== undefined,
  }));
}
