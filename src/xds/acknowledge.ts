import type { Moment } from './delta.ts';
import { blame, cutErrorText } from './nack.ts';
import { namesUnder } from './names-under.ts';
import { isRejectionCurrent } from './observe.ts';
import { valueOf } from './persistent-map.ts';
import { asBefore, nameOf, refuseRemovals, rejection, withGood, withRefusals } from './refusals.ts';
import { afterTrial, refuseSet } from './refuse-set.ts';
import type { Resource } from './resource.ts';
import { virtualHostType } from './resource-types.ts';
import { copyOf, isSubscribed, type Subscription, withAll } from './subscription.ts';

/** Ends the flight with an ACK, whatever the client holds at the same cost. The error goes once nothing refused is newest (X42). */
export function acknowledge(subscription: Subscription, { seen }: Moment): Subscription {
  const flight = subscription.inFlight;
  if (flight === undefined) return subscription;
  const landed = copyOf(subscription);
  landed.refused = withGood(subscription.refused, flight.sent);
  landed.inFlight = undefined;
  landed.ackedVersion = flight.version;
  if (subscription.suspects !== undefined) afterTrial(landed, flight, subscription.suspects);
  if (landed.rejection === undefined || isRejectionCurrent(landed, seen)) return landed;
  return { ...landed, rejection: undefined };
}

/**
 * Ends the flight with a NACK (X37 to X44): what is to blame is never sent again, the client is taken to hold what it
 * held before, and what may be innocent is owed again, one resource per response (E16).
 */
export function refuse(subscription: Subscription, errorText: string, now: number): Subscription {
  const flight = subscription.inFlight;
  if (flight === undefined) return subscription;
  const message = cutErrorText(errorText);
  const landed: Subscription = { ...subscription, inFlight: undefined };
  if (subscription.variant === 'sotw' && subscription.type.wildcard) return refuseSet(landed, flight, message, now);
  if (flight.sent.length === 0) return refuseRemovals(landed, flight, message, now);
  const { culprits, rest } = blame(message, flight.sent, flight.members);
  // What is not subscribed any more is nobody's matter.
  const still = (name: string): boolean => isSubscribed(subscription, name);
  const namesOf = (resources: readonly Resource[]) =>
    resources.flatMap((resource) => namesUnder(subscription, resource));
  const refused = namesOf(flight.sent.filter(({ name }) => culprits.has(name)));
  const innocent = rest === 'applied' ? [] : flight.sent.filter(({ name }) => !culprits.has(name));
  const again = namesOf(innocent);
  const removedAgain = rest === 'applied' ? [] : flight.removed.filter(still);
  // E27: a request waits for a virtual host, so something has to stand for what was refused (M4).
  const isAwaited = subscription.type.typeUrl === virtualHostType;
  const isBare = (name: string): boolean =>
    !flight.before.has(name) && valueOf(subscription.pending, name) === undefined;
  const pending = isAwaited ? withAll(subscription.pending, refused.filter(isBare), 'changed') : subscription.pending;
  return {
    ...landed,
    refused: withRefusals(subscription.refused, flight, culprits),
    differs: asBefore(subscription, flight, [...refused, ...again, ...removedAgain], innocent),
    // A culprit stays owed if its name was asked for again meanwhile: M4 answers it.
    pending: withAll(pending, [...again, ...removedAgain], 'asked'),
    isolated: again.length === 0 ? subscription.isolated : new Set([...subscription.isolated, ...again]),
    removalsAlone: subscription.removalsAlone || removedAgain.length > 0,
    rejection: rejection(flight, culprits.size > 0 ? [...culprits] : flight.sent.map(nameOf), message, now),
  };
}
