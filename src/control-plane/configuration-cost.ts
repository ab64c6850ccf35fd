import type { ProxyCost } from '../model/status.ts';
import { type Layer, resourcesOf } from '../xds/layer.ts';
import { entriesOf } from '../xds/persistent-map.ts';
import { clusterType } from '../xds/resource-types.ts';

/** WEFT0501: beyond either of these a proxy is told to cost more than it needs to. An Envoy takes some 30 KiB for each cluster. */
export const configurationBudget = { clusters: 2_000, bytes: 8 * 1024 * 1024 };

const costs = new WeakMap<Layer, ProxyCost>();

/** What a proxy with these layers receives. Each layer is counted once, however many proxies share it, and only when somebody asks. */
export function configurationCost(layers: readonly Layer[]): ProxyCost {
  let [clusters, bytes] = [0, 0];
  for (const layer of layers) {
    const cost = costOf(layer);
    clusters += cost.clusters;
    bytes += cost.bytes;
  }
  return { clusters, bytes };
}

/** Whether WEFT0501 is to be said of it. */
export function isBeyondBudget({ clusters, bytes }: ProxyCost): boolean {
  return clusters > configurationBudget.clusters || bytes > configurationBudget.bytes;
}

function costOf(layer: Layer): ProxyCost {
  const known = costs.get(layer);
  if (known !== undefined) return known;
  let bytes = 0;
  for (const resources of layer.types.values()) for (const [, { value }] of entriesOf(resources)) bytes += value.length;
  const cost = { clusters: resourcesOf(layer, clusterType).size, bytes };
  costs.set(layer, cost);
  return cost;
}
