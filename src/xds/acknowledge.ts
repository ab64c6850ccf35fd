import type { Moment } from './delta.ts';
import { blame, cutErrorText } from './nack.ts';
import { withChanges } from './persistent-map.ts';
import type { Resource } from './resource.ts';
import {
  copyOf,
  type Flight,
  type Held,
  isRejectionCurrent,
  isSubscribed,
  nothingHeld,
  type Refusal,
  type Rejection,
  removal,
  type Subscription,
  withAll,
} from './subscription.ts';

/** How many refused versions of one name are remembered. */
const versionsRemembered = 8;
/** How many names with refused content are remembered on one stream; the oldest go (INV10). */
const refusalsRemembered = 1_000;

/** Ends the flight with an ACK, whatever the client holds at the same cost. The error goes once nothing refused is newest (X42). */
export function acknowledge(subscription: Subscription, { seen }: Moment): Subscription {
  const flight = subscription.inFlight;
  if (flight === undefined) return subscription;
  const landed = copyOf(subscription);
  landed.refused = withGood(subscription.refused, flight.sent);
  landed.inFlight = undefined;
  landed.ackedVersion = flight.version;
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
  const again = rest === 'applied' ? [] : namesBut(flight.sent, culprits).filter(still);
  const removedAgain = rest === 'applied' ? [] : flight.removed.filter(still);
  return {
    ...landed,
    refused: withRefusals(subscription.refused, flight, culprits),
    differs: asBefore(subscription, flight, [...culprits, ...again, ...removedAgain].filter(still)),
    // A culprit stays owed if its name was asked for again meanwhile: M4 answers it.
    pending: withAll(subscription.pending, [...again, ...removedAgain], 'asked'),
    isolated: again.length === 0 ? subscription.isolated : new Set([...subscription.isolated, ...again]),
    removalsAlone: subscription.removalsAlone || removedAgain.length > 0,
    rejection: rejection(flight, culprits, message, now),
  };
}

/** M3: a whole set cannot be taken apart, so what is refused stands in the next one as it was before. */
function refuseSet(landed: Subscription, flight: Flight, message: string, now: number): Subscription {
  const found = blame(message, flight.sent, flight.members);
  const culprits = found.culprits.size > 0 ? found.culprits : new Set(flight.sent.map(nameOf));
  const still = (name: string): boolean => isSubscribed(landed, name);
  const again = found.rest === 'applied' ? [] : [...namesBut(flight.sent, culprits), ...flight.removed].filter(still);
  return {
    ...landed,
    refused: withSpares(withRefusals(landed.refused, flight, culprits), flight, again),
    differs: asBefore(landed, flight, [...culprits, ...again].filter(still)),
    heartbeats: new Map([...landed.heartbeats].filter(([name]) => !culprits.has(name))),
    pending: withAll(landed.pending, culprits.size > 0 ? again : [], 'changed'),
    rejection: rejection(flight, culprits, message, now),
  };
}

function refuseRemovals(landed: Subscription, flight: Flight, message: string, now: number): Subscription {
  const culprits = new Set(flight.removed);
  const refused = new Map<string, Refusal>(landed.refused);
  for (const name of culprits) refused.set(name, refusal(refused.get(name), removal, undefined));
  const differs = asBefore(
    landed,
    flight,
    flight.removed.filter((name) => isSubscribed(landed, name)),
  );
  return { ...landed, refused, differs, rejection: rejection(flight, culprits, message, now) };
}

function rejection(flight: Flight, culprits: ReadonlySet<string>, message: string, at: number): Rejection {
  const suspects = culprits.size > 0 ? [...culprits] : flight.sent.map(nameOf);
  return { message, names: suspects, version: flight.version, at };
}

/** The client holds of these names what it held before the flight. */
function asBefore(subscription: Subscription, flight: Flight, names: readonly string[]): Subscription['differs'] {
  return withChanges(
    subscription.differs,
    names.map((name) => [name, flight.before.get(name) ?? nothingHeld]),
  );
}

function withRefusals(
  refused: ReadonlyMap<string, Refusal>,
  flight: Flight,
  culprits: ReadonlySet<string>,
): ReadonlyMap<string, Refusal> {
  const all = new Map(refused);
  for (const { name, version } of flight.sent) {
    if (!culprits.has(name)) continue;
    const held = flight.before.get(name);
    const good = held !== undefined && isResource(held) && held.version !== version ? held : undefined;
    all.delete(name);
    all.set(name, refusal(refused.get(name), version, good));
    const [oldest] = all.keys();
    if (all.size > refusalsRemembered && oldest !== undefined) all.delete(oldest);
  }
  return all;
}

/** What the client may have taken is kept: a route may refer to it by now, and then it has to stay in the set. */
function withSpares(
  refused: ReadonlyMap<string, Refusal>,
  flight: Flight,
  names: readonly string[],
): ReadonlyMap<string, Refusal> {
  const all = new Map(refused);
  const innocent = new Set(names);
  for (const resource of flight.sent)
    if (innocent.has(resource.name))
      all.set(resource.name, { versions: refused.get(resource.name)?.versions ?? [], good: resource });
  return all;
}

function refusal(known: Refusal | undefined, version: string, good: Resource | undefined): Refusal {
  const others = known?.versions.filter((other) => other !== version) ?? [];
  const versions = [...others.slice(1 - versionsRemembered), version];
  const kept = known?.good === undefined || versions.includes(known.good.version) ? undefined : known.good;
  return { versions, good: good ?? kept };
}

/** The client took these: where it refused other content of the name, this is now the good one. */
function withGood(refused: ReadonlyMap<string, Refusal>, taken: readonly Resource[]): ReadonlyMap<string, Refusal> {
  if (refused.size === 0) return refused;
  const all = new Map(refused);
  for (const resource of taken) {
    const known = refused.get(resource.name);
    if (known !== undefined) all.set(resource.name, { ...known, good: resource });
  }
  return all;
}

function namesBut(resources: readonly Resource[], culprits: ReadonlySet<string>): readonly string[] {
  return resources.map(nameOf).filter((name) => !culprits.has(name));
}

function nameOf(resource: Resource): string {
  return resource.name;
}

/** Whether the client got it on this stream, so that its content is known. */
export function isResource(held: Held): held is Resource {
  return 'value' in held;
}
