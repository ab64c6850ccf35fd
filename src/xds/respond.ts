import { isResource } from './acknowledge.ts';
import { launch, settle } from './flight.ts';
import type { Layer } from './layer.ts';
import { sizeOf, valueOf } from './persistent-map.ts';
import { deltaBytes, type Resource } from './resource.ts';
import { resourceType } from './resource-types.ts';
import { lookup } from './snapshot.ts';
import {
  type Held,
  isSubscribed,
  observe,
  removal,
  type Subscription,
  type Waiting,
  wasRefused,
} from './subscription.ts';

/** What is to be sent; the wire form is made from it by encode-response.ts. */
export interface Plan {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

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

/** The world a response is computed in. */
export interface ResponseContext {
  readonly layers: readonly Layer[];
  readonly generation: number;
  readonly now: number;
  readonly nonce: string;
  /** Make before break (section 5). */
  readonly judge: (due: Due) => Verdict;
}

export interface Answer {
  readonly subscription: Subscription;
  readonly plan: Plan | undefined;
  /** When to ask again although nothing happened; Infinity: never. */
  readonly wake: number;
}

/** X19: a response is split at this many bytes of resources where that is legal. */
export const splitBytes = 3.5 * 1024 * 1024;

/** What was found about the names that were looked at. */
interface Collected {
  readonly resources: Resource[];
  /** Sent in an older form; the newest is still owed. */
  readonly older: Set<string>;
  readonly removed: string[];
  /** Nothing to send; with a resource where the client turned out to hold exactly that. */
  readonly settled: Map<string, Resource | undefined>;
  readonly waiting: Map<string, Waiting>;
  wake: number;
}

/**
 * The next response made of changes only: all of delta, and EDS, RDS, SDS of SotW, where absence deletes nothing (X52).
 * Nothing while a response is in flight (X21); then everything that is owed at this moment, from the newest view.
 */
export function respondWithChanges(subscription: Subscription, context: ResponseContext): Answer {
  if (subscription.inFlight !== undefined) return { subscription, plan: undefined, wake: Number.POSITIVE_INFINITY };
  const current = observe(subscription, context.layers);
  if (current.pending.size === 0 && !current.first)
    return { subscription: current, plan: undefined, wake: Number.POSITIVE_INFINITY };
  const collected: Collected = {
    resources: [],
    older: new Set(),
    removed: [],
    settled: new Map(),
    waiting: new Map(),
    wake: Number.POSITIVE_INFINITY,
  };
  const alone = resourceType(current.typeUrl).single;
  const unvisited = new Map(current.waiting);
  for (const name of current.pending) {
    // One is enough for a response of one; the others keep their notes until their turn.
    if (alone && collected.resources.length > 0) break;
    unvisited.delete(name);
    consider(current, context, name, collected);
  }
  const waiting = unvisited.size === 0 ? collected.waiting : new Map([...unvisited, ...collected.waiting]);
  const chosen = choose(current, collected);
  // X53, X68: an empty mesh is an answer. M7: a client that came back with all of it needs none.
  const empty = current.first && current.wildcard && current.variant === 'delta' && sizeOf(current.held) === 0;
  const settled = settle(current, collected.settled, waiting);
  if (chosen.resources.length + chosen.removed.length === 0 && !(empty && collected.waiting.size === 0))
    return { subscription: settled, plan: undefined, wake: collected.wake };
  return { ...launch(settled, context, chosen, collected.older), wake: collected.wake };
}

function consider(subscription: Subscription, context: ResponseContext, name: string, collected: Collected): void {
  const next = lookup(context.layers, subscription.typeUrl, name);
  const held = valueOf(subscription.held, name);
  const forced = subscription.forced.has(name);
  const good = subscription.refused.get(name)?.good;
  const due: Due = { subscription, name, next, held, waiting: subscription.waiting.get(name) };
  const unchanged = next?.version === held?.version && !forced;
  const told = held !== undefined && !isResource(held);
  if (!isSubscribed(subscription, name) || unchanged) collected.settled.set(name, unchanged && told ? next : undefined);
  else if (next === undefined) considerRemoval(due, wasRefused(subscription, name, removal), context, collected);
  else if (wasRefused(subscription, name, next.version)) {
    // M4: who asks again for a name whose newest content was refused gets what was good, else hears that it is gone.
    if (!forced) collected.settled.set(name, undefined);
    else if (good !== undefined) collected.resources.push(good);
    else considerRemoval(due, false, context, collected);
  } else {
    const verdict = context.judge(due);
    if (verdict.kind === 'wait') wait(due, verdict, context, collected);
    else {
      collected.resources.push(verdict.instead ?? next);
      if (verdict.instead !== undefined) collected.older.add(name);
    }
  }
}

function considerRemoval(due: Due, refusedBefore: boolean, context: ResponseContext, collected: Collected): void {
  // SotW has no word for "gone": the client keeps what it has, and the name is served when it comes back (X52, X58).
  if (refusedBefore || due.subscription.variant === 'sotw') {
    collected.settled.set(due.name, undefined);
    return;
  }
  // X72: who names what does not exist hears so at once.
  const asked = due.held === undefined && valueOf(due.subscription.names, due.name) !== undefined;
  const verdict: Verdict = asked ? { kind: 'send' } : context.judge(due);
  if (verdict.kind === 'wait') wait(due, verdict, context, collected);
  else collected.removed.push(due.name);
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

interface Chosen {
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

/** What of the owed fits into one response: E16, M5, X19, X44. */
function choose(subscription: Subscription, { resources, removed }: Collected): Chosen {
  const type = resourceType(subscription.typeUrl);
  if (subscription.isolated.size > 0) {
    const alone = resources.find((resource) => subscription.isolated.has(resource.name));
    if (alone !== undefined) return { resources: [alone], removed: [] };
  }
  if (subscription.removalsAlone && removed.length > 0) return { resources: [], removed };
  if (type.single)
    return resources.length > 0 ? { resources: resources.slice(0, 1), removed: [] } : { resources, removed };
  // Envoy takes the first CDS and LDS response as the whole set (X19).
  if (subscription.first && type.wildcard) return { resources, removed };
  let bytes = 0;
  const end = resources.findIndex((resource) => {
    bytes += deltaBytes(resource).length;
    return bytes > splitBytes;
  });
  return end <= 0
    ? { resources: end === 0 ? resources.slice(0, 1) : resources, removed }
    : { resources: resources.slice(0, end), removed };
}
