import type { Node } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { keysOf } from './persistent-map.ts';
import type { StreamState } from './stream-state.ts';
import { everythingHeld, type Rejection, type Subscription, type Variant } from './subscription.ts';

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

export interface TypeStatus {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  /** Made when it is read: a proxy may have asked for thousands. */
  readonly subscribed: readonly string[];
  /** What the client was sent and did not refuse. Made when it is read. */
  readonly held: readonly { readonly name: string; readonly version: string }[];
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

/** The status of every type of a stream. */
export function typeStatuses(state: StreamState): readonly TypeStatus[] {
  return state.subscriptions.map((subscription) => typeStatus(subscription, state));
}

function typeStatus(subscription: Subscription, { seen }: StreamState): TypeStatus {
  const { type, wildcard, sentVersion, sentAt, ackedVersion, ackedAt } = subscription;
  return {
    typeUrl: type.typeUrl,
    wildcard,
    get subscribed() {
      return [...keysOf(subscription.names)];
    },
    get held() {
      return Array.from(everythingHeld(subscription, seen), ([name, { version }]) => ({ name, version }));
    },
    nonce: subscription.lastNonce,
    sentVersion,
    sentAt,
    ackedVersion,
    ackedAt,
    inFlightSince: subscription.inFlight?.since,
    owed: subscription.pending.size,
    error: subscription.rejection,
  };
}
