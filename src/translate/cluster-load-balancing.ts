import type { Destination } from '../model/ir-destination.ts';
import { type Cluster, Cluster_LbPolicy } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';

const loadBalancers = {
  'least-request': Cluster_LbPolicy.LEAST_REQUEST,
  'round-robin': Cluster_LbPolicy.ROUND_ROBIN,
  random: Cluster_LbPolicy.RANDOM,
} as const;

/** How an endpoint is chosen (D5). */
export function loadBalancing({ loadBalancer }: Destination): Partial<Pick<Cluster, 'lbPolicy'>> {
  return { lbPolicy: loadBalancers[loadBalancer.value] };
}
