import type { WeightedDestination } from '../model/ir-route.ts';
import { clusterName } from './names.ts';

/** The cluster of a connection: the only one, or one by weight. Both the TCP proxy and a tunnel's route say it in these words. */
export function clusterChoice(destinations: readonly WeightedDestination[]) {
  const [only, another] = destinations;
  if (only !== undefined && another === undefined)
    return { case: 'cluster' as const, value: clusterName(only.destination) };
  const clusters = destinations.map(({ destination, weight }) => ({
    name: clusterName(destination),
    weight: weight.value,
  }));
  return { case: 'weightedClusters' as const, value: { clusters } };
}
