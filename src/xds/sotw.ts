import { isResource } from './acknowledge.ts';
import { land } from './delta.ts';
import { launch, settle, setVersion } from './flight.ts';
import { entriesOf, mapOf, valueOf } from './persistent-map.ts';
import type { Resource } from './resource.ts';
import { resourceType } from './resource-types.ts';
import { type Answer, type ResponseContext, respondWithChanges, waitingSince } from './respond.ts';
import { lookup, namesOf } from './snapshot.ts';
import { force, forget, isSubscribed, observe, type Subscription, type Waiting, wasRefused } from './subscription.ts';

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
  now: number,
): { readonly subscription: Subscription; readonly stale: boolean } {
  const { lastNonce } = subscription;
  const stale = lastNonce !== '' && request.nonce !== '' && request.nonce !== lastNonce;
  const landed = stale ? subscription : land(subscription, request, now);
  const opened = firstRequest ? { ...landed, claimedVersion: request.version, setOwed: true } : landed;
  return { subscription: rename(opened, request.names), stale };
}

/** X48 to X50: what a list of names means depends on the type and on what was ever named. */
function rename(subscription: Subscription, listed: readonly string[]): Subscription {
  const { wildcard: whole } = resourceType(subscription.typeUrl);
  const named = new Set(whole ? listed.filter((name) => name !== '*') : listed);
  const wildcard = whole && (listed.includes('*') || (listed.length === 0 && !subscription.everNamed));
  const added = [...named].filter((name) => valueOf(subscription.names, name) === undefined);
  const dropped = [...entriesOf(subscription.names)].map(([name]) => name).filter((name) => !named.has(name));
  const everNamed = subscription.everNamed || listed.length > 0;
  if (added.length + dropped.length === 0 && wildcard === subscription.wildcard) return { ...subscription, everNamed };
  const renamed: Subscription = {
    ...subscription,
    everNamed,
    wildcard,
    names: mapOf([...named].map((name) => [name, true] as const)),
    setOwed: subscription.setOwed || whole,
  };
  if (whole) return renamed;
  return force(forget(renamed, dropped), added);
}

/** The next response, or none: nothing while one is in flight (X21), nothing when the client holds what is owed (X41). */
export function respondSotw(subscription: Subscription, context: ResponseContext): Answer {
  if (!resourceType(subscription.typeUrl).wildcard) return respondWithChanges(subscription, context);
  if (subscription.inFlight !== undefined) return { subscription, plan: undefined, wake: Number.POSITIVE_INFINITY };
  const current = observe(subscription, context.layers);
  if (current.pending.size === 0 && !current.setOwed)
    return { subscription: current, plan: undefined, wake: Number.POSITIVE_INFINITY };
  return respondWithSet(current, context);
}

interface WholeSet {
  readonly members: ReadonlyMap<string, Resource>;
  /** Members that the client does not hold in this form. */
  readonly changed: readonly Resource[];
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** Sent in an older form; the newest is still owed. */
  readonly older: ReadonlySet<string>;
  /** Whether something is left out because its only content was refused. */
  readonly lacking: boolean;
  readonly wake: number;
}

/** LDS and CDS: the full subscribed set in one message (X51). */
function respondWithSet(subscription: Subscription, context: ResponseContext): Answer {
  const set = wholeSet(subscription, context);
  const { wake } = set;
  const looked = [...subscription.pending].filter((name) => !set.waiting.has(name) && !set.older.has(name));
  const settled = settle(subscription, new Map(looked.map((name) => [name, undefined])), set.waiting);
  const quiet: Subscription = { ...settled, setOwed: false };
  const gone = [...entriesOf(subscription.held)].map(([name]) => name).filter((name) => !set.members.has(name));
  // X34: a pure wildcard that comes with the current version holds the set already.
  const pure = subscription.first && subscription.wildcard && !subscription.everNamed;
  if (pure && subscription.claimedVersion !== '' && subscription.claimedVersion === setVersion(set.members))
    return {
      subscription: {
        ...quiet,
        held: mapOf(set.members),
        ackedVersion: subscription.claimedVersion,
        ackedAt: context.now,
      },
      plan: undefined,
      wake,
    };
  // A list that never named anything, and is not the wildcard, asks for nothing (X50).
  const interested = subscription.wildcard || subscription.everNamed;
  // A client that took no set yet may hold more than it was sent here. It is told by a set, but not by one that lacks a
  // refused resource of which it may have a good form: that would withdraw it.
  const untaken = !subscription.first && subscription.ackedAt === undefined && !set.lacking;
  const unsettled = untaken && setVersion(set.members) !== subscription.sentVersion;
  const owed = subscription.setOwed || unsettled;
  if (!interested || (!owed && set.changed.length + gone.length === 0))
    return { subscription: quiet, plan: undefined, wake };
  const left = new Set([...set.older, ...set.waiting.keys()]);
  const { plan, subscription: launched } = launch(quiet, context, { resources: set.changed, removed: gone }, left);
  const whole = plan === undefined ? undefined : { ...plan, resources: [...set.members.values()], removed: [] };
  return { subscription: launched, plan: whole, wake };
}

/** What the client should hold: what waits or was refused stands in it as it was (M3, section 5 point 2). */
function wholeSet(subscription: Subscription, context: ResponseContext): WholeSet {
  const members = new Map<string, Resource>();
  const changed: Resource[] = [];
  const waiting = new Map<string, Waiting>();
  const older = new Set<string>();
  let wake = Number.POSITIVE_INFINITY;
  let lacking = false;
  for (const name of candidates(subscription, context)) {
    if (!isSubscribed(subscription, name)) continue;
    const held = valueOf(subscription.held, name);
    const next = lookup(context.layers, subscription.typeUrl, name);
    let member = next;
    const good = held !== undefined && isResource(held) ? held : subscription.refused.get(name)?.good;
    if (next?.version !== held?.version || (next === undefined && good !== undefined)) {
      const due = { subscription, name, next, held, waiting: subscription.waiting.get(name) };
      const verdict = context.judge(due);
      if (next !== undefined && wasRefused(subscription, name, next.version)) member = good;
      else if (verdict.kind === 'wait') {
        member = good;
        wake = Math.min(wake, verdict.until);
        waiting.set(name, waitingSince(due.waiting, verdict.clearSince, context.now));
      } else if (verdict.instead !== undefined) {
        member = verdict.instead;
        older.add(name);
      }
    }
    if (member === undefined) {
      lacking ||= next !== undefined;
      continue;
    }
    members.set(name, member);
    if (member.version !== held?.version) changed.push(member);
  }
  return { members, changed, waiting, older, lacking, wake };
}

/** Every name that may stand in the set. */
function candidates(subscription: Subscription, context: ResponseContext): ReadonlySet<string> {
  const names = new Set<string>(subscription.pending);
  for (const [name] of entriesOf(subscription.held)) names.add(name);
  if (subscription.wildcard) for (const name of namesOf(context.layers, subscription.typeUrl)) names.add(name);
  else for (const [name] of entriesOf(subscription.names)) names.add(name);
  return names;
}
