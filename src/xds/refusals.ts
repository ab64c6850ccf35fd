import { withChanges } from './persistent-map.ts';
import type { Resource } from './resource.ts';
import {
  type Flight,
  isResource,
  isSubscribed,
  nothingHeld,
  perhaps,
  type Refusal,
  type Rejection,
  removal,
  type Subscription,
} from './subscription.ts';
import type { Suspect } from './suspects.ts';

/** How many refused versions of one name are remembered. */
const versionsRemembered = 8;
/** How many names with refused content are remembered on one stream; the oldest go (INV10). */
const refusalsRemembered = 1_000;

/** M5: what was refused is that these are gone. */
export function refuseRemovals(landed: Subscription, flight: Flight, message: string, now: number): Subscription {
  const refused = new Map<string, Refusal>(landed.refused);
  for (const name of flight.removed) remember(refused, name, removal, undefined);
  const differs = asBefore(
    landed,
    flight,
    flight.removed.filter((name) => isSubscribed(landed, name)),
  );
  return { ...landed, refused, differs, rejection: rejection(flight, flight.removed, message, now) };
}

/** `names`: the culprits, or all that may be. */
export function rejection({ version }: Flight, names: readonly string[], message: string, at: number): Rejection {
  return { message, names, version, at };
}

/** The client holds of these names what it held before the flight. */
export function asBefore(
  subscription: Subscription,
  flight: Flight,
  names: readonly string[],
): Subscription['differs'] {
  return withChanges(
    subscription.differs,
    names.map((name) => [name, flight.before.get(name) ?? nothingHeld]),
  );
}

/**
 * The same of names that are sent again, since some, all or none of them may have been taken (E15). Clusters and listeners are taken all or not
 * at all, and SotW cannot take anything back.
 */
export function asBeforeOrTaken(
  subscription: Subscription,
  flight: Flight,
  names: readonly string[],
): Subscription['differs'] {
  const { type, variant } = subscription;
  if (type.wildcard || variant === 'sotw') return subscription.differs;
  const again = new Set(names);
  const taken = flight.sent.filter(({ name }) => again.has(name) && !flight.before.has(name));
  return withChanges(
    subscription.differs,
    taken.map((resource) => [resource.name, perhaps(resource)]),
  );
}

export function withRefusals(
  refused: ReadonlyMap<string, Refusal>,
  flight: Flight,
  culprits: ReadonlySet<string>,
): ReadonlyMap<string, Refusal> {
  const all = new Map(refused);
  for (const { name, version } of flight.sent) {
    if (!culprits.has(name)) continue;
    const held = flight.before.get(name);
    const good = held !== undefined && isResource(held) && held.version !== version ? held : undefined;
    remember(all, name, version, good);
  }
  return all;
}

/** What the client may have taken is kept: a route may refer to it by now, and then it has to stay in the set. */
export function withSpares(
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

/** Adds a refused version; the oldest name goes where there are too many. */
export function remember(all: Map<string, Refusal>, name: string, version: string, good: Resource | undefined): void {
  const known = all.get(name);
  const others = known?.versions.filter((other) => other !== version) ?? [];
  const versions = [...others.slice(1 - versionsRemembered), version];
  const kept = known?.good === undefined || versions.includes(known.good.version) ? undefined : known.good;
  all.delete(name);
  all.set(name, { versions, good: good ?? kept });
  const [oldest] = all.keys();
  if (all.size > refusalsRemembered && oldest !== undefined) all.delete(oldest);
}

/** The client took these: where it refused other content of the name, this is now the good one. */
export function withGood(
  refused: ReadonlyMap<string, Refusal>,
  taken: readonly Resource[],
): ReadonlyMap<string, Refusal> {
  if (refused.size === 0) return refused;
  const all = new Map(refused);
  for (const resource of taken) {
    const known = refused.get(resource.name);
    if (known !== undefined) all.set(resource.name, { ...known, good: resource });
  }
  return all;
}

export function namesBut(resources: readonly Resource[], culprits: ReadonlySet<string>): readonly string[] {
  return resources.map(nameOf).filter((name) => !culprits.has(name));
}

export function nameOf({ name }: Resource | Suspect): string {
  return name;
}
