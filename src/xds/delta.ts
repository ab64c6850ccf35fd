import { acknowledge, refuse } from './acknowledge.ts';
import { entriesOf, mapOf, valueOf, withChanges } from './persistent-map.ts';
import { resourceType } from './resource-types.ts';
import { force, forget, type Subscription } from './subscription.ts';

/** A DeltaDiscoveryRequest as far as it concerns one type; `error` is the text of `error_detail` where that is present. */
export interface DeltaRequest {
  readonly nonce: string;
  readonly error: string | undefined;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** name → version that the client still holds from an earlier stream. */
  readonly initialVersions: ReadonlyMap<string, string>;
}

const everything = '*';

/**
 * Applies a request: first the ACK or NACK if its nonce is the latest, then the subscription, whatever the nonce (X29,
 * X81), subscribe before unsubscribe (X66).
 */
export function receiveDelta(
  subscription: Subscription,
  request: DeltaRequest,
  firstRequest: boolean,
  now: number,
): Subscription {
  const landed = land(subscription, request, now);
  const opened = firstRequest ? open(landed, request) : landed;
  return unsubscribe(subscribe(opened, request.subscribe, firstRequest), request.unsubscribe);
}

/** Ends the flight if the nonce is its own. */
export function land(
  subscription: Subscription,
  request: { readonly nonce: string; readonly error: string | undefined },
  now: number,
): Subscription {
  if (subscription.inFlight === undefined || request.nonce !== subscription.inFlight.nonce) return subscription;
  return request.error === undefined ? acknowledge(subscription, now) : refuse(subscription, request.error, now);
}

/** X63, X70: what the client comes back with, and whether it speaks the legacy wildcard. */
function open(subscription: Subscription, request: DeltaRequest): Subscription {
  const wildcard = resourceType(subscription.typeUrl).wildcard && request.subscribe.length === 0;
  const held = mapOf(Array.from(request.initialVersions, ([name, version]) => [name, { version }] as const));
  return { ...subscription, wildcard, held, pending: new Set(request.initialVersions.keys()) };
}

function subscribe(subscription: Subscription, names: readonly string[], firstRequest: boolean): Subscription {
  if (names.length === 0) return subscription;
  const { wildcard: canBeWildcard } = resourceType(subscription.typeUrl);
  const wanted = canBeWildcard ? names.filter((name) => name !== everything) : names;
  const becomesWildcard = wanted.length < names.length && !subscription.wildcard;
  const named: Subscription = {
    ...subscription,
    everNamed: true,
    wildcard: subscription.wildcard || becomesWildcard,
    seen: becomesWildcard ? undefined : subscription.seen,
    names: withChanges(
      subscription.names,
      wanted.map((name) => [name, true]),
    ),
  };
  // X69: asked again is answered, held or not; only the versions of a first request may spare it (X70).
  const spared = (name: string) => firstRequest && valueOf(subscription.held, name) !== undefined;
  return force(
    named,
    wanted.filter((name) => !spared(name)),
  );
}

function unsubscribe(subscription: Subscription, names: readonly string[]): Subscription {
  if (names.length === 0) return subscription;
  const endsWildcard = subscription.wildcard && names.includes(everything);
  const unnamed = names.filter((name) => valueOf(subscription.names, name) !== undefined);
  const remaining: Subscription = {
    ...subscription,
    wildcard: subscription.wildcard && !endsWildcard,
    names: withChanges(
      subscription.names,
      unnamed.map((name) => [name, undefined]),
    ),
  };
  // X75: under a wildcard the client must hear what is now under the name. X76: other unsubscribes are superfluous.
  if (remaining.wildcard) return force(remaining, unnamed);
  if (!endsWildcard) return forget(remaining, unnamed);
  const left = [...entriesOf(remaining.held)].map(([name]) => name).concat([...remaining.pending], names);
  return forget(
    remaining,
    left.filter((name) => valueOf(remaining.names, name) === undefined),
  );
}
