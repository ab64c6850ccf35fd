import { namesUnder } from './names-under.ts';
import { valueOf } from './persistent-map.ts';
import { type Content, planOf } from './plan.ts';
import type { Resource } from './resource.ts';
import type { Answer, ResponseContext } from './respond.ts';
import { type Flight, heldOf, isResource, type Subscription } from './subscription.ts';

/** A client hears three times of a resource before it would forget it (X108). */
const timesPerLife = 3;

const never = Number.POSITIVE_INFINITY;

/** When each resource with a TTL is to be heard of again, once this content is sent: by the names under which it is asked for (X83). */
export function heartbeatsAfter(
  subscription: Subscription,
  content: Content,
  { now }: ResponseContext,
): ReadonlyMap<string, number> {
  // A whole set says all: what is not in it needs none.
  const isSet = subscription.variant === 'sotw' && subscription.type.wildcard;
  const heartbeats = new Map(isSet ? [] : subscription.heartbeats);
  for (const resource of content.resources)
    for (const name of namesUnder(subscription, resource))
      if (resource.ttl === undefined) heartbeats.delete(name);
      else heartbeats.set(name, now + resource.ttl / timesPerLife);
  for (const name of content.removed) heartbeats.delete(name);
  return heartbeats;
}

/** The moment of the next heartbeat; Infinity: never. */
export function nextHeartbeat({ heartbeats }: Subscription): number {
  let next = never;
  for (const at of heartbeats.values()) next = Math.min(next, at);
  return next;
}

/** X108: where something is always owed heartbeats go before it, but never twice running, or it would never have its turn. */
export function isBeatDue(subscription: Subscription, { now }: ResponseContext): boolean {
  const { agreed, beaten, heartbeats } = subscription;
  return agreed && !beaten && heartbeats.size > 0 && nextHeartbeat(subscription) <= now;
}

/** X108: name, TTL and version of what is due, without content, for a client to which nothing else is owed. */
export function respondWithHeartbeats(subscription: Subscription, context: ResponseContext): Answer {
  if (subscription.heartbeats.size === 0 || !context.ttl) return { subscription, plan: undefined, wake: never };
  const due = [...subscription.heartbeats].filter(([, at]) => at <= context.now).map(([name]) => name);
  const timed = due.map((name) => heldOf(subscription, context.layers, name)).filter(isTimed);
  // It may be asked for under several names (X61).
  const resources = timed.some(({ aliases }) => aliases !== undefined) ? [...new Set(timed)] : timed;
  // What is not heard of any more, or not under this name, is due no more either.
  const later = new Map([...subscription.heartbeats].filter(([, at]) => at > context.now));
  if (resources.length === 0) {
    const left = due.length === 0 ? subscription : { ...subscription, heartbeats: later };
    return { subscription: left, plan: undefined, wake: nextHeartbeat(left) };
  }
  const { type, variant, sentVersion } = subscription;
  // Who came back with everything was sent nothing yet.
  const version = sentVersion === '' ? String(context.generation) : sentVersion;
  const content: Content = { variant, typeUrl: type.typeUrl, version, resources, removed: [], ttl: 'heartbeat' };
  const envelope = context.seal(content, context.after);
  const { nonce } = envelope;
  const beaten: Subscription = {
    ...subscription,
    heartbeats: heartbeatsAfter({ ...subscription, heartbeats: later }, content, context),
    inFlight: { nonce, sent: [], members: [], removed: [], before: new Map(), version },
    lastNonce: nonce,
    beaten: true,
  };
  return { subscription: beaten, plan: planOf(content, envelope), wake: nextHeartbeat(beaten) };
}

/** After a NACK: what the client keeps because it refused what was to follow is heard of at once, since nobody knows when it was last. */
export function withHeartbeatsKept(landed: Subscription, { before }: Flight, now: number): Subscription {
  const { differs, heartbeats, pending } = landed;
  const kept = [...before].filter(
    ([name, held]) =>
      isTimed(held) && valueOf(differs, name) === held && valueOf(pending, name) === undefined && !heartbeats.has(name),
  );
  return kept.length === 0
    ? landed
    : withHeartbeats(
        landed,
        kept.map(([name]) => name),
        now,
      );
}

/** These are to be heard of at once. */
export function withHeartbeats(subscription: Subscription, names: readonly string[], now: number): Subscription {
  return {
    ...subscription,
    heartbeats: new Map([...subscription.heartbeats, ...names.map((name) => [name, now] as const)]),
  };
}

function isTimed(held: ReturnType<typeof heldOf>): held is Resource {
  return held !== undefined && isResource(held) && held.ttl !== undefined;
}
