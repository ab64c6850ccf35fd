import type { Inbound } from '../model/ir-inbound.ts';
import type { Protocol } from '../model/policy.ts';
import { isHttp } from '../model/service.ts';
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';
import { fixedAssignment } from './load-assignment.ts';
import { inboundName } from './names.ts';
import { unlimitedBreakers } from './unlimited-breakers.ts';
import { upstreamHttpOptions, upstreamHttpOptionsName } from './upstream-http-options.ts';

/** The application behind the proxy, on loopback, without limits of its own (R12). */
export function inboundCluster(inbound: Pick<Inbound, 'port' | 'protocol' | 'applicationAddress'>): Cluster {
  const { port, protocol, applicationAddress } = inbound;
  const name = inboundName(port);
  return message(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: durationOf(10_000),
    loadAssignment: fixedAssignment(name, [{ address: applicationAddress, port, weight: 1 }]),
    circuitBreakers: unlimitedBreakers,
    ...(isHttp(protocol)
      ? { typedExtensionProtocolOptions: { [upstreamHttpOptionsName]: upstreamHttpOptions(reuse(protocol)) } }
      : {}),
  });
}

/**
 * A program that closes idle HTTP/1 connections races with the proxy's pool, and a caller with its own connection never sees that:
 * so one request for each connection (R13). HTTP/2 says goodbye properly, and its declared ports keep their connections.
 */
function reuse(protocol: Protocol): { maxRequestsPerConnection?: number } {
  return protocol === 'http2' || protocol === 'grpc' ? {} : { maxRequestsPerConnection: 1 };
}
