import { blame, cutErrorText } from './nack.ts';
import { withChanges } from './persistent-map.ts';
import type { Resource } from './resource.ts';
import { resourceType } from './resource-types.ts';
import { lookup } from './snapshot.ts';
import { type Flight, type Held, type Refusal, removal, type Subscription } from './subscription.ts';

/** Ends the flight with an ACK. The error is forgotten unless some refused content is still the newest (X42). */
export function acknowledge(subscription: Subscription, now: number): Subscription {
  const flight = subscription.inFlight;
  if (flight === undefined) return subscription;
  const refused = new Map(subscription.refused);
  for (const name of [...flight.before.keys()]) refused.delete(name);
  const landed: Subscription = {
    ...subscription,
    refused: refused.size === subscription.refused.size ? subscription.refused : refused,
    inFlight: undefined,
    ackedVersion: flight.version,
    ackedAt: now,
  };
  return isRejectionCurrent(landed) ? landed : { ...landed, rejection: undefined };
}

/**
 * Ends the flight with a NACK (X37 to X44): what is to blame is never sent again, the client is taken to hold what it
 * held before, and resources that may be innocent are owed again, one per response (E16).
 */
export function refuse(subscription: Subscription, errorText: string, now: number): Subscription {
  const flight = subscription.inFlight;
  if (flight === undefined) return subscription;
  const message = cutErrorText(errorText);
  const landed: Subscription = { ...subscription, inFlight: undefined };
  if (flight.sent.length === 0) return refuseRemovals(landed, flight, message, now);
  const whole = subscription.variant === 'sotw' && resourceType(subscription.typeUrl).wildcard;
  const found = blame(message, flight.sent);
  const nobody = found.rest === 'unknown' && found.culprits.size === 0;
  // A whole set cannot be taken apart: when nobody is named, all that is new in it is refused (M3).
  const culprits = whole && nobody ? new Set(flight.sent.map((resource) => resource.name)) : found.culprits;
  const again =
    found.rest === 'applied' ? [] : flight.sent.filter((resource) => !culprits.has(resource.name)).map(nameOf);
  const removedAgain = whole || found.rest === 'applied' ? [] : flight.removed;
  const refusedSent = flight.sent.filter((resource) => culprits.has(resource.name));
  const refusals = withRefusals(subscription.refused, refusedSent, flight.before);
  const restored = [...culprits, ...again, ...removedAgain].map((name) => [name, flight.before.get(name)] as const);
  const owed = whole ? [] : [...again, ...removedAgain];
  return {
    ...landed,
    refused: refusals,
    held: withChanges(subscription.held, restored),
    pending: new Set([...subscription.pending, ...again, ...removedAgain]),
    forced: new Set([...[...subscription.forced].filter((name) => !culprits.has(name)), ...owed]),
    isolated: new Set([...subscription.isolated, ...(whole ? [] : again)]),
    removalsAlone: subscription.removalsAlone || removedAgain.length > 0,
    rejection: {
      message,
      names: culprits.size > 0 ? [...culprits] : flight.sent.map(nameOf),
      version: flight.version,
      at: now,
    },
  };
}

function refuseRemovals(landed: Subscription, flight: Flight, message: string, at: number): Subscription {
  const refused = new Map<string, Refusal>(landed.refused);
  for (const name of flight.removed) refused.set(name, { version: removal, good: undefined });
  const names = [...flight.removed];
  return {
    ...landed,
    refused,
    held: withChanges(landed.held, flight.before),
    rejection: { message, names, version: flight.version, at },
  };
}

function withRefusals(
  refused: ReadonlyMap<string, Refusal>,
  culprits: readonly Resource[],
  before: ReadonlyMap<string, Held | undefined>,
): ReadonlyMap<string, Refusal> {
  const all = new Map(refused);
  for (const { name, version } of culprits) {
    const held = before.get(name);
    const good = held !== undefined && isResource(held) && held.version !== version ? held : undefined;
    all.set(name, { version, good: good ?? refused.get(name)?.good });
  }
  return all;
}

function isRejectionCurrent(subscription: Subscription): boolean {
  const { rejection, refused, seen, typeUrl } = subscription;
  if (rejection === undefined) return false;
  return rejection.names.some((name) => {
    const newest = lookup(seen ?? [], typeUrl, name)?.version ?? removal;
    return refused.get(name)?.version === newest;
  });
}

function nameOf(resource: Resource): string {
  return resource.name;
}

/** Whether the client got it on this stream, so that its content is known. */
export function isResource(held: Held): held is Resource {
  return 'value' in held;
}
