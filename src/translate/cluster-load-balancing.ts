import type { Destination } from '../model/ir-destination.ts';
import type { WarmupDecision } from '../model/ir-load-balancing.ts';
import {
  type Cluster,
  type Cluster_CommonLbConfig,
  Cluster_CommonLbConfig_LocalityWeightedLbConfigSchema,
  Cluster_LbPolicy,
  Cluster_LeastRequestLbConfigSchema,
  Cluster_MaglevLbConfigSchema,
  Cluster_RingHashLbConfigSchema,
  Cluster_RoundRobinLbConfigSchema,
  type Cluster_SlowStartConfig,
  Cluster_SlowStartConfigSchema,
} from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';

/** How an endpoint is chosen (D5, D9), and how a new one comes into its share (D10). */
export function loadBalancing({
  loadBalancer,
  warmup,
}: Destination): Pick<Cluster, 'lbPolicy'> & Partial<Pick<Cluster, 'lbConfig'>> {
  // Who calls by name chooses nobody: the cluster does as it is told.
  if (loadBalancer === undefined) return { lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED };
  const { value } = loadBalancer;
  if (typeof value === 'object') return byKey(value);
  const slowStartConfig = warmup && slowStart(warmup.value);
  switch (value) {
    case 'least-request': {
      const lbPolicy = Cluster_LbPolicy.LEAST_REQUEST;
      if (slowStartConfig === undefined) return { lbPolicy };
      const config = message(Cluster_LeastRequestLbConfigSchema, { slowStartConfig });
      return { lbPolicy, lbConfig: { case: 'leastRequestLbConfig', value: config } };
    }
    case 'round-robin': {
      const lbPolicy = Cluster_LbPolicy.ROUND_ROBIN;
      if (slowStartConfig === undefined) return { lbPolicy };
      const config = message(Cluster_RoundRobinLbConfigSchema, { slowStartConfig });
      return { lbPolicy, lbConfig: { case: 'roundRobinLbConfig', value: config } };
    }
    case 'random':
      return { lbPolicy: Cluster_LbPolicy.RANDOM };
    case 'as-requested':
      return { lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED };
    default:
      return value satisfies never;
  }
}

function byKey(value: { readonly ring: number } | { readonly table: number }) {
  if ('ring' in value) {
    const config = message(Cluster_RingHashLbConfigSchema, { minimumRingSize: BigInt(value.ring) });
    return {
      lbPolicy: Cluster_LbPolicy.RING_HASH,
      lbConfig: { case: 'ringHashLbConfig' as const, value: config },
    };
  }
  const config = message(Cluster_MaglevLbConfigSchema, { tableSize: BigInt(value.table) });
  return { lbPolicy: Cluster_LbPolicy.MAGLEV, lbConfig: { case: 'maglevLbConfig' as const, value: config } };
}

function slowStart({ window, minimumPercent, aggression }: WarmupDecision): Cluster_SlowStartConfig {
  return message(Cluster_SlowStartConfigSchema, {
    slowStartWindow: durationOf(window),
    // Envoy wants the name of a runtime value that could change it, though nobody sets one.
    aggression: { defaultValue: aggression, runtimeKey: 'weft.warmup.aggression' },
    minWeightPercent: { value: minimumPercent },
  });
}

/** Whether a locality is chosen first, by its weight (D12). */
export function localityChoice({
  locality,
}: Destination): Partial<Pick<Cluster_CommonLbConfig, 'localityConfigSpecifier'>> {
  if (locality?.value.weighted !== true) return {};
  const value = message(Cluster_CommonLbConfig_LocalityWeightedLbConfigSchema);
  return { localityConfigSpecifier: { case: 'localityWeightedLbConfig', value } };
}
