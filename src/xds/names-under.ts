import { valueOf } from './persistent-map.ts';
import type { Resource } from './resource.ts';
import { isSubscribed, type Subscription } from './subscription.ts';

const none: readonly string[] = [];

/** The names under which the client wants a resource: its own, and those of its aliases that it asked for (X83). */
export function namesUnder(
  subscription: Subscription,
  { name, aliases }: Pick<Resource, 'name' | 'aliases'>,
): readonly string[] {
  const own = isSubscribed(subscription, name);
  if (aliases === undefined) return own ? [name] : none;
  const asked = new Set(aliases.filter((alias) => valueOf(subscription.names, alias) !== undefined));
  if (own) asked.add(name);
  return [...asked];
}
