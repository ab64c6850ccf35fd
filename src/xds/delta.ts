import { acknowledge, refuse } from './acknowledge.ts';
import { withHeartbeatsKept } from './heartbeat.ts';
import { type Layer, resourcesOf } from './layer.ts';
import { costOfNames, costOfNew, costOfVersions } from './name-cost.ts';
import { keysOf, mapOver, namesOver, type PersistentMap, valueOf, withChanges } from './persistent-map.ts';
import { canonicalName } from './resource-name.ts';
import { allVirtualHosts } from './resource-types.ts';
import {
  force,
  forget,
  type Held,
  isSubscribed,
  lookAgain,
  nothingHeld,
  type Subscription,
  withAll,
} from './subscription.ts';

/** A DeltaDiscoveryRequest as far as it concerns one type; `error` is the text of `error_detail` where that is present. */
export interface DeltaRequest {
  readonly nonce: string;
  readonly error: string | undefined;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** name → version that the client still holds from an earlier stream. */
  readonly initialVersions: ReadonlyMap<string, string>;
}

/** When a request is applied, and the view that its stream has seen last. */
export interface Moment {
  readonly now: number;
  readonly seen: readonly Layer[];
  /** The client understands a TTL (X106, X107). */
  readonly ttl: boolean;
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
  moment: Moment,
): Subscription {
  const landed = land(subscription, request, moment);
  const opened = firstRequest ? open(landed, request) : withoutClaims(landed);
  const subscribed = subscribe(opened, request.subscribe, firstRequest, moment.seen);
  return unsubscribe(subscribed, request.unsubscribe);
}

/** Ends the flight if the nonce is its own. */
export function land(
  subscription: Subscription,
  request: { readonly nonce: string; readonly error: string | undefined },
  moment: Moment,
): Subscription {
  const { inFlight } = subscription;
  if (inFlight === undefined || request.nonce !== inFlight.nonce) return subscription;
  if (request.error === undefined) return acknowledge(subscription, moment);
  const refused = refuse(subscription, request.error, moment.now);
  return moment.ttl ? withHeartbeatsKept(refused, inFlight, moment.now) : refused;
}

/**
 * X63, X70: what the client comes back with, and whether it speaks the legacy wildcard. All virtual hosts are sent whatever is named: Envoy's
 * filter for those asked for may stand beside.
 */
function open(subscription: Subscription, request: DeltaRequest): Subscription {
  const { type } = subscription;
  const wildcard = type === allVirtualHosts || (type.wildcard && request.subscribe.length === 0);
  if (request.initialVersions.size === 0) return { ...subscription, wildcard };
  const differs = new Map<string, Held>();
  for (const [name, version] of request.initialVersions) differs.set(canonicalName(name), { version });
  return { ...subscription, wildcard, claimsCost: costOfVersions(request.initialVersions), differs: mapOver(differs) };
}

/** T8: what the client came with is kept until the first answers are acknowledged, and the client can put that off. */
function withoutClaims(subscription: Subscription): Subscription {
  const { claimsCost, agreed, differs, inFlight } = subscription;
  if (claimsCost === 0 || !agreed || differs.size > 0 || inFlight !== undefined) return subscription;
  return { ...subscription, claimsCost: 0 };
}

function subscribe(
  subscription: Subscription,
  names: readonly string[],
  firstRequest: boolean,
  seen: readonly Layer[],
): Subscription {
  if (names.length === 0) return subscription;
  const { type } = subscription;
  // X65: of any type, though only LDS and CDS have a wildcard that nobody names.
  const wanted = names.filter((name) => name !== everything).map(canonicalName);
  const becomesWildcard = !subscription.wildcard && names.includes(everything);
  const known = becomesWildcard ? lookAgain(subscription, seen) : subscription;
  const named: Subscription = {
    ...known,
    everNamed: true,
    wildcard: subscription.wildcard || becomesWildcard,
    names: withNames(subscription.names, wanted, seen, type.typeUrl),
    namesCost: subscription.namesCost + costOfNew(subscription.names, wanted),
    differs: known.agreed ? withNothingHeld(subscription, wanted) : known.differs,
  };
  // X69: asked again is answered, held or not; only the versions of a first request may spare it (X70).
  return firstRequest ? named : force(named, wanted);
}

/** The names with these; a whole subscription that equals all of a layer is kept once for all who have it. */
export function withNames(
  names: PersistentMap<true>,
  added: readonly string[],
  seen: readonly Layer[],
  typeUrl: string,
): PersistentMap<true> {
  return namesOver(
    withAll(names, added, true),
    seen.map((layer) => resourcesOf(layer, typeUrl)),
  );
}

/**
 * What was not subscribed is not held, although the stream has seen it. What is on its way, be it unchanged in a set, given up
 * meanwhile and asked for again, the client takes when it comes to it: something may have to stay that this refers to.
 */
export function withNothingHeld(subscription: Subscription, wanted: readonly string[]): Subscription['differs'] {
  const fresh = new Map<string, Held | typeof nothingHeld>();
  for (const name of wanted) if (!isSubscribed(subscription, name)) fresh.set(name, nothingHeld);
  if (fresh.size === 0) return subscription.differs;
  for (const resource of subscription.inFlight?.members ?? [])
    for (const name of [resource.name, ...(resource.aliases ?? [])]) if (fresh.has(name)) fresh.set(name, resource);
  return withChanges(subscription.differs, fresh);
}

/** Before the first look everything that is held is written down, and only what is written down, or is in the view, is looked at. */
function withNothingOf(subscription: Subscription, names: readonly string[]): Subscription {
  const unknown = names.filter((name) => valueOf(subscription.differs, name) === undefined);
  return { ...subscription, differs: withAll<Held | typeof nothingHeld>(subscription.differs, unknown, nothingHeld) };
}

function unsubscribe(subscription: Subscription, listed: readonly string[]): Subscription {
  if (listed.length === 0) return subscription;
  const names = listed.map(canonicalName);
  const endsWildcard = subscription.wildcard && names.includes(everything);
  const unnamed = names.filter((name) => valueOf(subscription.names, name) !== undefined);
  const remaining: Subscription = {
    ...subscription,
    wildcard: subscription.wildcard && !endsWildcard,
    names: withAll(subscription.names, unnamed, undefined),
    namesCost: subscription.namesCost - costOfNames(new Set(unnamed)),
  };
  // X75: under a wildcard the client must hear what is now under the name. X76: other unsubscribes are superfluous.
  if (remaining.wildcard) return force(remaining.agreed ? remaining : withNothingOf(remaining, unnamed), unnamed);
  if (!endsWildcard) return forget(remaining, new Set(unnamed));
  const left = [...keysOf(remaining.differs), ...keysOf(remaining.pending), ...names];
  return forget(remaining, new Set(left.filter((name) => valueOf(remaining.names, name) === undefined)));
}
