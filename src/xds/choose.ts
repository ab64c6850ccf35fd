import { type Resource, wireBytes } from './resource.ts';
import type { Collected, Offer, Removal } from './respond.ts';
import type { Subscription } from './subscription.ts';

/** What goes into one response. */
export interface Chosen {
  readonly offers: readonly Offer[];
  readonly removals: readonly Removal[];
}

/** X19: a response is split at this many bytes of resources where that is legal. */
export const splitBytes = 3.5 * 1024 * 1024;

/** What of the owed fits into one response: E16, M5, X19, X44. */
export function choose(subscription: Subscription, { offers, removals }: Collected): Chosen {
  const { type } = subscription;
  if (subscription.isolated.size > 0) {
    const alone = offers.find(({ name }) => subscription.isolated.has(name));
    // It may be owed under several names.
    if (alone !== undefined)
      return { offers: offers.filter(({ resource }) => resource.name === alone.resource.name), removals: [] };
  }
  if (subscription.removalsAlone && removals.length > 0) return { offers: [], removals };
  if (type.single) return offers.length > 0 ? { offers: offers.slice(0, 1), removals: [] } : { offers, removals };
  // Envoy takes the first CDS and LDS response as the whole set (X19).
  if (subscription.first && type.wildcard) return { offers, removals };
  let bytes = 0;
  const end = offers.findIndex(({ resource }) => {
    bytes += wireBytes(resource, subscription.variant).length;
    return bytes > splitBytes;
  });
  return end < 0 ? { offers, removals } : { offers: offers.slice(0, Math.max(1, end)), removals };
}

/** The resources of a response, each once, although it may be owed under several names (X79, X83). */
export function resourcesIn({ offers }: Chosen): readonly Resource[] {
  const resources = offers.map(({ resource }) => resource);
  const hasAliases = resources.some(({ aliases }) => aliases !== undefined);
  return hasAliases ? [...new Map(resources.map((resource) => [resource.name, resource])).values()] : resources;
}
