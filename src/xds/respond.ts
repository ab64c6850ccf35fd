import { type Chosen, choose } from './choose.ts';
import { launch } from './flight.ts';
import { isBeatDue, respondWithHeartbeats } from './heartbeat.ts';
import type { Layer } from './layer.ts';
import { keysOf, valueOf } from './persistent-map.ts';
import type { Plan, Seal } from './plan.ts';
import { absentResource, emptyResource, placeholderHost, type Resource } from './resource.ts';
import {
  everyName,
  type Held,
  heldOf,
  isResource,
  isSubscribed,
  removal,
  type Subscription,
  type Waiting,
  wasRefused,
} from './subscription.ts';
import { isPlaceholder } from './virtual-hosts.ts';
import { wantedOf } from './wanted.ts';

/** A change of one name that is due, as the order of types sees it. */
export interface Due {
  readonly subscription: Subscription;
  readonly name: string;
  /** Undefined: the name is gone. */
  readonly next: Resource | undefined;
  readonly held: Held | undefined;
  readonly waiting: Waiting | undefined;
}

/** `send` now (`instead`: an older form, the newest follows); or wait until an event, at the latest until a time. */
export type Verdict =
  | { readonly kind: 'send'; readonly instead?: Resource }
  | { readonly kind: 'wait'; readonly until: number; readonly clearSince?: number };

/** Content that another client refused: its last good form there, if any (X38). */
export interface Quarantined {
  readonly good: Resource | undefined;
}

/** The world a response is computed in. `layers` is what the stream has seen last. */
export interface ResponseContext {
  readonly layers: readonly Layer[];
  readonly generation: number;
  readonly now: number;
  readonly seal: Seal;
  /** The number of the stream's last response. */
  readonly after: number;
  /** Make before break (section 5). */
  readonly judge: (due: Due) => Verdict;
  /** Whether an equal client refused this content. */
  readonly quarantined: (resource: Resource) => Quarantined | undefined;
  /** Whether anything is. */
  readonly withholds: boolean;
  /** The client understands a TTL (X106, X107). */
  readonly ttl: boolean;
}

export interface Answer {
  readonly subscription: Subscription;
  readonly plan: Plan | undefined;
  /** When to ask again although nothing happened; Infinity: never. */
  readonly wake: number;
}

/** A resource that may be sent for a name. */
export interface Offer {
  /** Under which it is owed: its own name or an alias. */
  readonly name: string;
  readonly resource: Resource;
  readonly held: Held | undefined;
  /** What it is to the view: the newest form, something to hold instead of it, or a form before the newest, which follows. */
  readonly as: 'newest' | 'instead' | 'earlier';
}

/** A name that may be told to be removed. */
export interface Removal {
  readonly name: string;
  readonly held: Held | undefined;
}

export interface Collected {
  readonly offers: Offer[];
  readonly removals: Removal[];
  /** Names that need nothing: the client holds what stands in the view. */
  readonly settled: string[];
  /** Of these, what the client came with and has to hear of, since it has a TTL (X108). */
  readonly claimed: string[];
  /** Names that stay as they are, although the view says otherwise: what stands there was refused, or cannot be said. */
  readonly kept: { readonly name: string; readonly held: Held | undefined }[];
  readonly waiting: Map<string, Waiting>;
  wake: number;
}

const never = Number.POSITIVE_INFINITY;

/** No client holds the event loop by asking for a great many names at once (T8): the rest follows in further responses (X19). */
const offersPerLook = 4_096;
/** …of which there need be nothing here: only these can be more than a mesh is large. */
const removalsPerLook = 1_024;

/**
 * The next response made of changes only: all of delta, and EDS, RDS, SDS of SotW, where absence deletes nothing (X52).
 * Nothing while a response is in flight (X21); then everything that is owed at this moment, from the newest view.
 */
export function respondWithChanges(subscription: Subscription, context: ResponseContext): Answer {
  if (subscription.inFlight !== undefined) return { subscription, plan: undefined, wake: never };
  if (subscription.agreed && subscription.pending.size === 0) return respondWithHeartbeats(subscription, context);
  if (isBeatDue(subscription, context)) {
    const beaten = respondWithHeartbeats(subscription, context);
    if (beaten.plan !== undefined) return beaten;
  }
  const nothing = { offers: [], removals: [], settled: [], claimed: [], kept: [] };
  const collected: Collected = { ...nothing, waiting: new Map(), wake: never };
  const names = subscription.agreed ? keysOf(subscription.pending) : everyName(subscription, context.layers);
  const enough = subscription.type.single ? 1 : subscription.type.wildcard ? never : offersPerLook;
  const removalsEnough = Math.min(enough, subscription.type.wildcard ? never : removalsPerLook);
  const unvisited: string[] = [];
  for (const name of names) {
    const { offers, removals } = collected;
    if (offers.length + removals.length >= enough || removals.length >= removalsEnough) {
      if (subscription.agreed) break;
      unvisited.push(name);
    } else consider(subscription, context, name, collected);
  }
  const chosen = choose(subscription, collected);
  // X53, X68: an empty mesh is an answer, and so is one of which nothing can be sent yet (M1). M7: who came back with all of it needs none.
  const mustAnswer =
    subscription.first && subscription.wildcard && subscription.variant === 'delta' && subscription.differs.size === 0;
  const silent = isEmpty(chosen) && !mustAnswer;
  const answer = launch(subscription, context, { collected, chosen, unvisited }, silent);
  if (answer.plan === undefined && answer.subscription.heartbeats.size > 0) {
    const beaten = respondWithHeartbeats(answer.subscription, context);
    return { ...beaten, wake: Math.min(collected.wake, beaten.wake) };
  }
  return { ...answer, wake: collected.wake };
}

function isEmpty(chosen: Chosen): boolean {
  return chosen.offers.length + chosen.removals.length === 0;
}

function consider(subscription: Subscription, context: ResponseContext, name: string, collected: Collected): void {
  const held = heldOf(subscription, context.layers, name);
  const next = wantedOf(subscription, context.layers, name);
  if (!isSubscribed(subscription, name)) {
    const due = { subscription, name, next, held, waiting: subscription.waiting.get(name) };
    // X71, X83: what a client came with and asks for under an alias is gone under its own name all the same.
    if (held === undefined || isResource(held) || next !== undefined) collected.settled.push(name);
    else considerRemoval(due, false, context, collected);
    return;
  }
  const asked = isAsked(subscription, name, held);
  if (next !== undefined) {
    considerResource(
      { subscription, name, next, held, waiting: subscription.waiting.get(name) },
      next,
      asked,
      context,
      collected,
    );
    return;
  }
  const stand = standIn(subscription, name, held);
  if (stand !== undefined) {
    if (stand.version === held?.version && !asked) collected.kept.push({ name, held });
    else collected.offers.push({ name, resource: stand, held, as: 'instead' });
  } else if (held === undefined && !asked) collected.settled.push(name);
  else if (subscription.variant === 'sotw') {
    // SotW has no word for "gone": the client keeps what it has, and the name is served when it comes back (X52, X58). What it is owed all the
    // same, as endpoints after their cluster (X87), it is told as it has it.
    if (asked && held !== undefined && isResource(held) && !subscription.isolated.has(name))
      collected.offers.push({ name, resource: held, held, as: 'earlier' });
    else collected.kept.push({ name, held });
  } else
    considerRemoval(
      { subscription, name, next, held, waiting: subscription.waiting.get(name) },
      asked,
      context,
      collected,
    );
}

/** X69, X72, X75, X87: an answer is owed whether or not something changed. */
function isAsked(subscription: Subscription, name: string, held: Held | undefined): boolean {
  if (subscription.pending.size > 0 && valueOf(subscription.pending, name) === 'asked') return true;
  return subscription.first && held === undefined && valueOf(subscription.names, name) !== undefined;
}

/** X90, X111, X115: what is said of a name that does not exist, where it cannot be said to be removed. */
function standIn(subscription: Subscription, name: string, held: Held | undefined): Resource | undefined {
  const stand = standInOf(subscription, name, held);
  return stand !== undefined && wasRefused(subscription, name, stand.version) ? undefined : stand;
}

function standInOf(subscription: Subscription, name: string, held: Held | undefined): Resource | undefined {
  const { missing, typeUrl } = subscription.type;
  if (missing === 'removed' || valueOf(subscription.names, name) === undefined) return undefined;
  if (missing === 'absent') return isPlaceholder(name) ? placeholderHost(typeUrl, name) : absentResource(typeUrl, name);
  if (missing === 'absent-if-unknown') {
    const absent = absentResource(typeUrl, name);
    return held === undefined || held.version === absent.version ? absent : undefined;
  }
  const empty = emptyResource(typeUrl, name);
  if (missing === 'empty') return empty;
  // Endpoints that go away stay with their cluster; only a name that never had any must not keep it warming.
  const neverHadAny = held === undefined || held.version === empty.version;
  return subscription.variant === 'sotw' && neverHadAny ? empty : undefined;
}

function considerResource(
  due: Due,
  next: Resource,
  asked: boolean,
  context: ResponseContext,
  collected: Collected,
): void {
  const { subscription, name, held } = due;
  if (isSame(held, next, context) && !asked) {
    collected.settled.push(name);
    if (context.ttl && next.ttl !== undefined && held !== undefined && !isResource(held)) collected.claimed.push(name);
    return;
  }
  const refusal = wasRefused(subscription, next.name, next.version)
    ? { good: subscription.refused.get(next.name)?.good }
    : instead(due, context.quarantined(next));
  if (refusal !== undefined) {
    const { good } = refusal;
    // X90, X111, X115: without a good form it is to this client as if it did not exist.
    const form = good ?? (asked || held === undefined ? standIn(subscription, name, held) : undefined);
    // M4: who asks for a name whose newest content was refused gets what was good, else hears that it is gone.
    if (form !== undefined && (asked || form.version !== held?.version))
      collected.offers.push({ name, resource: form, held, as: 'instead' });
    else if (asked && subscription.variant === 'delta')
      considerRemoval({ ...due, next: undefined }, true, context, collected);
    else collected.kept.push({ name, held });
    return;
  }
  const verdict = standingVerdict(context.judge(due), context);
  // X69: who asks again for what it holds in an earlier form gets that, while the newest waits.
  if (verdict.kind === 'wait' && asked && isGiven(due))
    collected.offers.push({ name, resource: due.held, held, as: 'earlier' });
  else if (verdict.kind === 'wait') wait(due, verdict, context, collected);
  else if (verdict.instead === undefined) collected.offers.push({ name, resource: next, held, as: 'newest' });
  else collected.offers.push({ name, resource: verdict.instead, held, as: 'earlier' });
}

/** X38: an earlier form that equal clients refused is none. */
export function standingVerdict(verdict: Verdict, context: ResponseContext): Verdict {
  const refused = verdict.kind === 'send' && verdict.instead !== undefined && context.quarantined(verdict.instead);
  return refused ? { kind: 'wait', until: never } : verdict;
}

/** X93: what this stream gave the client and it did not refuse is newer than what another took before. */
function instead({ subscription, held }: Due, found: Quarantined | undefined): Quarantined | undefined {
  if (found === undefined || held === undefined || !isResource(held)) return found;
  return wasRefused(subscription, held.name, held.version) ? found : { good: held };
}

/** X108: a TTL that came, went or changed is told, though the content is what it was. */
export function isSame(held: Held | undefined, next: Resource, { ttl }: ResponseContext): boolean {
  if (held?.version !== next.version) return false;
  return !ttl || !isResource(held) || held.ttl === next.ttl;
}

function considerRemoval(due: Due, asked: boolean, context: ResponseContext, collected: Collected): void {
  const { name, held } = due;
  if (wasRefused(due.subscription, name, removal) && !asked) {
    collected.kept.push({ name, held });
    return;
  }
  // X72, X75: who asks about what does not exist hears so at once, whatever refers to it: nothing is taken away.
  const verdict: Verdict = held === undefined ? { kind: 'send' } : context.judge(due);
  if (verdict.kind === 'send') collected.removals.push({ name, held });
  // X69: who asks for what is on its way out, but still in use, gets what it holds; the removal stays owed.
  else if (asked && isGiven(due)) collected.offers.push({ name, resource: due.held, held, as: 'earlier' });
  else wait(due, verdict, context, collected);
}

/** The client holds what this stream gave it, and it is the client that asks and not the isolation after a NACK. */
function isGiven(due: Due): due is Due & { readonly held: Resource } {
  return due.held !== undefined && isResource(due.held) && !due.subscription.isolated.has(due.name);
}

function wait(
  due: Due,
  verdict: { readonly until: number; readonly clearSince?: number },
  context: ResponseContext,
  collected: Collected,
): void {
  collected.waiting.set(due.name, waitingSince(due.waiting, verdict.clearSince, context.now));
  collected.wake = Math.min(collected.wake, verdict.until);
}

/** The note kept of a name that waits: the first moment stays. */
export function waitingSince(before: Waiting | undefined, clearSince: number | undefined, now: number): Waiting {
  const since = before?.since ?? now;
  return clearSince === undefined ? { since } : { since, clearSince };
}
