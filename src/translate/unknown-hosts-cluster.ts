import { type Cluster, ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { message } from '../proto/message.ts';
import { byRequest } from './cluster-discovery.ts';
import { durationOf } from './duration.ts';
import { unknownHostsName } from './names.ts';
import { unlimitedBreakers } from './unlimited-breakers.ts';
import { upstreamHttpOptions, upstreamHttpOptionsName } from './upstream-http-options.ts';

/** Hosts that the registry does not know, where they may pass: each request's own host is resolved and called as it is (D18). */
export const unknownHostsCluster: Cluster = message(ClusterSchema, {
  ...byRequest,
  name: unknownHostsName,
  connectTimeout: durationOf(10_000),
  circuitBreakers: unlimitedBreakers,
  typedExtensionProtocolOptions: { [upstreamHttpOptionsName]: upstreamHttpOptions({}) },
});
