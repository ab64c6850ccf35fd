import { digestOf, emptyDigest, joined, versionOf } from './digest.ts';
import { blameByText } from './nack.ts';
import { namesUnder } from './names-under.ts';
import { withChanges } from './persistent-map.ts';
import {
  asBefore,
  nameOf,
  namesBut,
  refuseRemovals,
  rejection,
  remember,
  withRefusals,
  withSpares,
} from './refusals.ts';
import {
  type Draft,
  type Flight,
  type Held,
  isResource,
  isSubscribed,
  mayHoldMore,
  nothingHeld,
  perhaps,
  removal,
  type Subscription,
  withAll,
} from './subscription.ts';
import {
  newsOf,
  type Suspect,
  type Suspects,
  standingVersions,
  suspectsAfter,
  suspectsAmong,
  suspectsBeside,
} from './suspects.ts';

/**
 * M3: a whole set cannot be taken apart, so what is refused stands in the next one as it was before. Where nobody is named, and more
 * than one may be to blame, all are suspects: the next sets offer them in halves until each culprit is alone.
 */
export function refuseSet(landed: Subscription, flight: Flight, message: string, now: number): Subscription {
  const news = newsOf(flight);
  const named = blameByText(message, flight.sent, flight.members);
  if (named.culprits.size === 0 && news.length > 1) return suspectSet(landed, flight, news, message, now);
  const suspects = suspectsBeside(news, landed.suspects);
  const askedFor = namesAsked(landed, flight);
  if (flight.sent.length === 0)
    return { ...refuseRemovals(landed, flight, message, now, flight.removed.flatMap(askedFor)), suspects };
  const culprits = named.culprits.size > 0 ? named.culprits : new Set(flight.sent.map(nameOf));
  const innocent = named.rest === 'applied' ? [] : [...namesBut(flight.sent, culprits), ...flight.removed];
  const [refused, again] = [[...culprits].flatMap(askedFor), innocent.flatMap(askedFor)];
  const spares = innocent.filter((name) => askedFor(name).length > 0);
  return {
    ...landed,
    suspects,
    refused: withSpares(withRefusals(landed.refused, flight, culprits), flight, spares),
    differs: asBefore(landed, flight, [...refused, ...again]),
    heartbeats: heartbeatsBefore(landed, flight, new Set(refused)),
    pending: withAll(landed.pending, again, 'changed'),
    rejection: rejection(flight, namesWith([...culprits], suspects, landed.suspects), message, now),
  };
}

/** Under which names the client still asks for a resource of a refused set: its own, and aliases (X83). */
function namesAsked(subscription: Subscription, { sent, before }: Flight): (name: string) => readonly string[] {
  const under = new Map<string, Set<string>>();
  const note = (name: string, asked: string): void => {
    if (asked === name || !isSubscribed(subscription, asked)) return;
    under.set(name, (under.get(name) ?? new Set()).add(asked));
  };
  for (const resource of sent) for (const asked of namesUnder(subscription, resource)) note(resource.name, asked);
  for (const [asked, held] of before) if (isResource(held)) note(held.name, asked);
  return (name) => [...(isSubscribed(subscription, name) ? [name] : []), ...(under.get(name) ?? [])];
}

function suspectSet(
  landed: Subscription,
  flight: Flight,
  news: readonly Suspect[],
  message: string,
  now: number,
): Subscription {
  const names = news.map(nameOf);
  const askedFor = namesAsked(landed, flight);
  const again = names.flatMap(askedFor);
  const blind = mayHoldMore(landed);
  const sent = new Map(flight.sent.flatMap((resource) => askedFor(resource.name).map((name) => [name, resource])));
  // Of what is held without its form being known nothing can stand in a set; what it came back with may be in use all the same.
  const formOf = (name: string) => {
    const held = flight.before.get(name);
    if (held !== undefined && isResource(held)) return held;
    const resource = sent.get(name);
    return blind && resource !== undefined ? perhaps(resource) : nothingHeld;
  };
  const suspects = suspectsAmong(news, landed.suspects, blind);
  return {
    ...landed,
    suspects,
    differs: withChanges(
      landed.differs,
      again.map((name) => [name, formOf(name)]),
    ),
    heartbeats: heartbeatsBefore(landed, flight, new Set(again)),
    pending: withAll(landed.pending, again, 'changed'),
    rejection: rejection(flight, namesWith(names, suspects, landed.suspects), message, now),
  };
}

/** These names, and those that stand from now on, since a search was given up. */
function namesWith(
  names: readonly string[],
  suspects: Suspects | undefined,
  before: Suspects | undefined,
): readonly string[] {
  const standing = standingVersions(suspects);
  return standing.size === standingVersions(before).size ? names : [...new Set([...names, ...standing.keys()])];
}

/** X108: of what was refused, only what the client held before with a TTL is to be heard of. */
function heartbeatsBefore(
  { heartbeats }: Subscription,
  { before }: Flight,
  names: ReadonlySet<string>,
): Subscription['heartbeats'] {
  if (heartbeats.size === 0) return heartbeats;
  const isTimed = (held: Held | undefined): boolean => held !== undefined && isResource(held) && held.ttl !== undefined;
  return new Map([...heartbeats].filter(([name]) => !names.has(name) || isTimed(before.get(name))));
}

/**
 * After the ACK of a set that tried some suspects. Who is left alone is the culprit where nothing else has changed since: to try it too
 * would be to repeat the set that was refused.
 */
export function afterTrial(landed: Draft<Subscription>, flight: Flight, before: Suspects): void {
  const suspects = suspectsAfter(newsOf(flight), before);
  const last = suspects?.guilty.length === 1 ? suspects.guilty[0] : undefined;
  if (last === undefined || landed.rejection?.version !== versionWith(flight, last)) {
    landed.suspects = suspects;
    if (landed.rejection !== undefined) {
      const names = namesWith(landed.rejection.names, suspects, before);
      if (names !== landed.rejection.names) landed.rejection = { ...landed.rejection, names };
    }
    return;
  }
  const { name, version } = last;
  const good = flight.members.find((member) => member.name === name);
  landed.suspects = suspectsBeside([last], suspects);
  const refused = new Map(landed.refused);
  remember(refused, name, version, good);
  landed.refused = refused;
  landed.rejection = { ...landed.rejection, names: [name] };
}

/** The version of a set that was sent if it had this as well. */
function versionWith({ members }: Flight, { name, version }: Suspect): string {
  const own = version === removal ? emptyDigest : digestOf(name, version);
  const others = members.filter((member) => member.name !== name);
  return versionOf(others.reduce((sum, { digest }) => joined(sum, digest), own));
}
