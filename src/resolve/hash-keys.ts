import { isDeepStrictEqual } from 'node:util';
import type { ForwardAction, WeightedDestination } from '../model/ir-route.ts';
import { hashOf, type RuleContext } from './target-rule.ts';

/**
 * P27: the keys of all destinations of a route, each once. Where all have one and the same, it also chooses among them, so that a key keeps its
 * endpoint (docs/decisions/33); else each request is led to one of them by the weights alone.
 */
export function hashKeys(
  context: RuleContext,
  destinations: readonly WeightedDestination[],
): Pick<ForwardAction, 'hash' | 'hashChooses'> {
  const found = destinations.map(({ destination }) => hashOf(context, destination));
  const keys = found.filter((key) => key !== undefined);
  const hash = keys.filter(
    (key, index) => keys.findIndex(({ value }) => isDeepStrictEqual(value, key.value)) === index,
  );
  if (hash.length === 0) return {};
  const chooses = destinations.length > 1 && hash.length === 1 && keys.length === destinations.length;
  return chooses ? { hash, hashChooses: true } : { hash };
}
