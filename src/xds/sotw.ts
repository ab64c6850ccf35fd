import { claimedClusters } from './claimed-clusters.ts';
import { land, type Moment, withNames, withNothingHeld } from './delta.ts';
import { emptyDigest, joined, versionOf } from './digest.ts';
import { send } from './flight.ts';
import { nextHeartbeat } from './heartbeat.ts';
import { costOfNames } from './name-cost.ts';
import { withCurrentRejection } from './observe.ts';
import { emptyMap, keysOf, mapOver, valueOf, withChanges } from './persistent-map.ts';
import { canonicalName } from './resource-name.ts';
import { clusterType } from './resource-types.ts';
import { type Answer, type ResponseContext, respondWithChanges } from './respond.ts';
import { lookup } from './snapshot.ts';
import {
  force,
  forget,
  type Held,
  heldOf,
  lookAgain,
  mayHoldMore,
  nobodyWaits,
  noNames,
  nothingHeld,
  removal,
  type Subscription,
  withAll,
} from './subscription.ts';
import { type Suspects, stands, suspectsStill } from './suspects.ts';
import { wholeSet } from './whole-set.ts';

/** A DiscoveryRequest as far as it concerns one type; `error` is the text of `error_detail` where that is present. */
export interface SotwRequest {
  readonly nonce: string;
  readonly version: string;
  readonly error: string | undefined;
  readonly names: readonly string[];
}

/**
 * Applies a request: ACK or NACK if its nonce is the latest, then the names, which are always the complete set (X47),
 * recorded even from a stale request (X28). `stale` requests get no response of their own (X27).
 */
export function receiveSotw(
  subscription: Subscription,
  request: SotwRequest,
  firstRequest: boolean,
  moment: Moment,
): { readonly subscription: Subscription; readonly stale: boolean } {
  const { lastNonce } = subscription;
  const stale = lastNonce !== '' && request.nonce !== '' && request.nonce !== lastNonce;
  const landed = stale ? subscription : land(subscription, request, moment);
  const opened = firstRequest ? { ...landed, claimedVersion: request.version, setOwed: true } : landed;
  return { subscription: rename(opened, request.names, moment), stale };
}

/** X48 to X50: what a list of names means depends on the type and on what was ever named. */
function rename(subscription: Subscription, listed: readonly string[], { seen }: Moment): Subscription {
  const { wildcard: whole, typeUrl } = subscription.type;
  const named = new Set(listed.filter((name) => name !== '*').map(canonicalName));
  const wildcard = listed.includes('*') || (whole && listed.length === 0 && !subscription.everNamed);
  const everNamed = subscription.everNamed || listed.length > 0;
  const added: string[] = [];
  for (const name of named) if (valueOf(subscription.names, name) === undefined) added.push(name);
  const isSame = added.length === 0 && named.size === subscription.names.size && wildcard === subscription.wildcard;
  if (isSame) return everNamed === subscription.everNamed ? subscription : { ...subscription, everNamed };
  const known = wildcard && !subscription.wildcard ? lookAgain(subscription, seen) : subscription;
  const dropped = new Set([...keysOf(subscription.names)].filter((name) => !named.has(name)));
  const differs = known.agreed ? withNothingHeld(known, added) : known.differs;
  const renamed: Subscription = {
    ...known,
    everNamed,
    wildcard,
    differs,
    names: withNames(emptyMap(), [...named], seen, typeUrl),
    namesCost: subscription.namesCost + costOfNames(added) - costOfNames(dropped),
    setOwed: subscription.setOwed || whole,
  };
  if (whole) return renamed;
  // What the wildcard alone brought is asked for no more.
  if (subscription.wildcard && !wildcard)
    for (const list of [known.differs, known.pending])
      for (const name of keysOf<unknown>(list)) if (!named.has(name)) dropped.add(name);
  // The first request is answered as a whole, name by name.
  return subscription.first ? forget(renamed, dropped) : force(forget(renamed, dropped), added);
}

/** The next response, or none: nothing while one is in flight (X21), nothing when the client holds what is owed (X41). */
export function respondSotw(subscription: Subscription, context: ResponseContext): Answer {
  if (!subscription.type.wildcard) return respondWithChanges({ ...subscription, setOwed: false }, context);
  if (subscription.inFlight !== undefined) return { subscription, plan: undefined, wake: never };
  const heartbeat = nextHeartbeat(subscription);
  if (heartbeat <= context.now) return respondWithSet({ ...subscription, setOwed: true }, context);
  if (subscription.agreed && subscription.pending.size === 0 && !subscription.setOwed && !stands(subscription))
    return { subscription, plan: undefined, wake: heartbeat };
  return respondWithSet(subscription, context);
}

/** Section 5, point 5: what a client that comes back is known to hold, by the version of its set. */
function withClaimed(subscription: Subscription, { layers }: ResponseContext): Subscription {
  const { type, first, wildcard, claimedVersion, differs } = subscription;
  if (!first || !wildcard || claimedVersion === '' || type.typeUrl !== clusterType) return subscription;
  const held = claimedClusters(layers, claimedVersion);
  if (held.length === 0) return subscription;
  const claimed = held.map((cluster): readonly [string, Held] => [cluster.name, cluster]);
  return { ...subscription, differs: withChanges(differs, claimed) };
}

/** LDS and CDS: the full subscribed set in one message (X51). */
function respondWithSet(came: Subscription, context: ResponseContext): Answer {
  const subscription = withClaimed(came, context);
  const suspects = suspectsNow(subscription, context);
  const set = wholeSet(subscription, context, suspects);
  const { wake, waiting, differs } = set;
  const left = new Set([...set.earlier, ...waiting.keys()]);
  const looked: Subscription = {
    ...subscription,
    agreed: true,
    first: false,
    setOwed: false,
    isolated: noNames,
    suspects,
    pending: withAll(emptyMap(), [...left], 'changed'),
    waiting: waiting.size === 0 ? nobodyWaits : waiting,
    differs: mapOver(differs),
  };
  const version = versionOf([...set.members.values()].reduce((sum, { digest }) => joined(sum, digest), emptyDigest));
  // X34: a pure wildcard that comes with the current version holds the set already; of a TTL it has to hear (X108).
  const isTimed = context.ttl && [...set.members.values()].some(({ ttl }) => ttl !== undefined);
  const pure = subscription.first && subscription.wildcard && !subscription.everNamed && !isTimed;
  if (pure && subscription.claimedVersion !== '' && subscription.claimedVersion === version)
    return { subscription: { ...looked, ackedVersion: version }, plan: undefined, wake };
  // A list that never named anything, and is not the wildcard, asks for nothing (X50).
  const interested = subscription.wildcard || subscription.everNamed;
  // A client that took no set yet may hold more than it was sent here. It is told by a set, but not by one that lacks a
  // refused resource of which it may have a good form: that would withdraw it.
  const withdraws = set.lacking && mayHoldMore(subscription);
  const untaken = !subscription.first && subscription.ackedVersion === '' && !set.lacking;
  const owed = subscription.setOwed || (untaken && version !== subscription.sentVersion);
  if (!interested || withdraws || (!owed && set.changed.size + set.gone.size + set.dropped === 0)) {
    // Nothing is sent, so what the client holds stays as it was.
    const kept = new Map(differs);
    for (const name of set.told) kept.set(name, heldOf(subscription, context.layers, name) ?? nothingHeld);
    const unsent: Subscription = {
      ...looked,
      differs: mapOver(kept),
      suspects: withdraws ? subscription.suspects : suspects,
      // What cannot be told anew now is not due every moment either.
      heartbeats: withdraws ? heartbeatsLater(looked, context.now) : looked.heartbeats,
    };
    return { subscription: withCurrentRejection(unsent, context.layers), plan: undefined, wake };
  }
  const said = { version, resources: [...set.members.values()], removed: [] };
  return {
    ...send(looked, context, said, set.before, { sent: [...set.changed.values()], removed: [...set.gone] }),
    wake,
  };
}

function heartbeatsLater({ heartbeats }: Subscription, now: number): Subscription['heartbeats'] {
  return heartbeats.size === 0 ? heartbeats : new Map([...heartbeats].filter(([, at]) => at > now));
}

/** The suspects that would be told now in the form that was refused. So the next set has one of them that does not stand back. */
function suspectsNow(subscription: Subscription, context: ResponseContext): Suspects | undefined {
  const { suspects, type } = subscription;
  if (suspects === undefined) return undefined;
  const { news } = wholeSet(subscription, context, undefined);
  return suspectsStill(suspects, {
    isTold: ({ name, version }) => news.get(name) === version,
    isNewest: ({ name, version }) => (lookup(context.layers, type.typeUrl, name)?.version ?? removal) === version,
    blind: mayHoldMore(subscription),
  });
}

const never = Number.POSITIVE_INFINITY;
