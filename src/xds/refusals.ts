import { namesUnder } from './names-under.ts';
import { withChanges } from './persistent-map.ts';
import { isStandIn, type Resource } from './resource.ts';
import { allVirtualHosts } from './resource-types.ts';
import {
  type Flight,
  type Held,
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

/** M5: what was refused is that these are gone. `asked`: the names under which the client asks for them. */
export function refuseRemovals(
  landed: Subscription,
  flight: Flight,
  message: string,
  now: number,
  asked = flight.removed.filter((name) => isSubscribed(landed, name)),
): Subscription {
  const refused = new Map<string, Refusal>(landed.refused);
  for (const name of flight.removed) remember(refused, name, removal, undefined);
  const differs = asBefore(landed, flight, asked);
  return { ...landed, refused, differs, rejection: rejection(flight, flight.removed, message, now) };
}

/** `names`: the culprits, or all that may be. */
export function rejection({ version }: Flight, names: readonly string[], message: string, at: number): Rejection {
  return { message, names, version, at };
}

const nothingElse: readonly Resource[] = [];

/**
 * The client holds of these names what it held before the flight. `uncertain`: what of them it may have taken, since some, all or none of it
 * may have been (E15). Clusters and listeners are taken all or not at all, and SotW cannot take anything back.
 */
export function asBefore(
  subscription: Subscription,
  flight: Flight,
  names: readonly string[],
  uncertain = nothingElse,
): Subscription['differs'] {
  const { type, variant } = subscription;
  const perhapsTaken = new Map<string, Held>();
  if ((!type.wildcard || type === allVirtualHosts) && variant === 'delta')
    for (const resource of uncertain)
      for (const name of namesUnder(subscription, resource)) perhapsTaken.set(name, perhaps(resource));
  return withChanges(
    subscription.differs,
    names.map((name) => [name, flight.before.get(name) ?? perhapsTaken.get(name) ?? nothingHeld]),
  );
}

export function withRefusals(
  refused: ReadonlyMap<string, Refusal>,
  flight: Flight,
  culprits: ReadonlySet<string>,
): ReadonlyMap<string, Refusal> {
  const all = new Map(refused);
  for (const { name, version, aliases = [] } of flight.sent) {
    if (!culprits.has(name)) continue;
    const before = [name, ...aliases].map((asked) => flight.before.get(asked));
    const forms = before.filter((held) => held !== undefined).filter((held) => isFormOf(held, name));
    remember(
      all,
      name,
      version,
      forms.find((form) => form.version !== version),
    );
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
    if (known !== undefined && !isStandIn(resource)) all.set(resource.name, { ...known, good: resource });
  }
  return all;
}

/** Whether what was held is a form of this resource: under an alias there may have been another, or nothing. */
function isFormOf(held: Held, name: string): held is Resource {
  return isResource(held) && held.name === name && !isStandIn(held);
}

export function namesBut(resources: readonly Resource[], culprits: ReadonlySet<string>): readonly string[] {
  return resources.map(nameOf).filter((name) => !culprits.has(name));
}

export function nameOf({ name }: Resource | Suspect): string {
  return name;
}
