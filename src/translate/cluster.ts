import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { ConnectionPoolDecision, Destination, EndpointAddress } from '../model/ir-destination.ts';
import { isHttp } from '../model/service.ts';
import { pack } from '../proto/codec.ts';
import {
  type CircuitBreakers,
  CircuitBreakersSchema,
} from '../proto/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import type { UpstreamConnectionOptionsSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  type Cluster,
  Cluster_CommonLbConfigSchema,
  Cluster_CustomClusterTypeSchema,
  Cluster_DiscoveryType,
  Cluster_EdsClusterConfigSchema,
  Cluster_LbPolicy,
  ClusterSchema,
} from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { DnsLookupFamily } from '../proto/gen/envoy/extensions/clusters/common/dns/v3/dns_pb.ts';
import { DnsClusterSchema } from '../proto/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import { ClusterConfigSchema } from '../proto/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
import { message } from '../proto/message.ts';
import { adsSource } from './config-source.ts';
import { dnsCache, dnsRetry } from './dns-cache.ts';
import { durationOf } from './duration.ts';
import { fixedAssignment } from './load-assignment.ts';
import { clusterName } from './names.ts';
import { outlierDetection } from './outlier-detection.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { transportSocketMatches } from './transport-socket-matches.ts';
import { upstreamHttpOptions, upstreamHttpOptionsName } from './upstream-http-options.ts';

/** The fields of a cluster that say where its endpoints come from. */
type Discovery = Pick<Cluster, 'clusterDiscoveryType'> &
  Partial<
    Pick<
      Cluster,
      'lbPolicy' | 'edsClusterConfig' | 'loadAssignment' | 'dnsLookupFamily' | 'respectDnsTtl' | 'dnsFailureRefreshRate'
    >
  >;

const loadBalancers = {
  'least-request': Cluster_LbPolicy.LEAST_REQUEST,
  'round-robin': Cluster_LbPolicy.ROUND_ROBIN,
  random: Cluster_LbPolicy.RANDOM,
} as const;

/** One destination: its endpoints, how to choose among them, how to talk to them, and the limits of it all (P24, P25, R2, R12). */
export function outboundCluster(destination: Destination): Cluster {
  const { ref, pool, security } = destination;
  const name = clusterName(ref);
  const metadata = provenanceMetadata(decidedFields(destination), '', {
    // Istio's name of it, for those who know it by that (P25).
    istio: `outbound|${ref.port}|${ref.subset ?? ''}|${ref.host}`,
  });
  return message(ClusterSchema, {
    name,
    lbPolicy: loadBalancers[destination.loadBalancer.value],
    ...discovery(destination, name),
    connectTimeout: durationOf(pool.connectTimeout.value),
    circuitBreakers: circuitBreakers(pool),
    commonLbConfig: message(Cluster_CommonLbConfigSchema, {
      healthyPanicThreshold: { value: destination.panicThreshold.value },
    }),
    ...(destination.outlierDetection === undefined
      ? {}
      : { outlierDetection: outlierDetection(destination.outlierDetection.value) }),
    ...connectionOptions(pool),
    typedExtensionProtocolOptions: protocolOptions(destination),
    transportSocketMatches: transportSocketMatches(security),
    ...(metadata === undefined ? {} : { metadata }),
  });
}

/**
 * Where endpoints come from. A `request` destination is resolved from each request's own host; where there is no such thing (plain
 * TCP) its own name is, if it is one name.
 */
function discovery(destination: Destination, name: string): Discovery {
  const { ref, addresses } = destination;
  switch (destination.discovery) {
    case 'registry':
      return {
        clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
        edsClusterConfig: message(Cluster_EdsClusterConfigSchema, { edsConfig: adsSource }),
      };
    case 'dns':
      return byDns(name, addresses, false);
    case 'dns-round-robin':
      return byDns(name, addresses, true);
    case 'request':
      if (!isHttp(destination.protocol) && !ref.host.startsWith('*')) {
        return byDns(name, [{ address: ref.host, port: ref.port, weight: 1 }], false);
      }
      return byRequest;
    default:
      return destination.discovery satisfies never;
  }
}

/** Resolved by the proxy: each answer an endpoint, or all of them one endpoint of which the first is used. */
function byDns(name: string, addresses: readonly EndpointAddress[], single: boolean): Discovery {
  return {
    clusterDiscoveryType: {
      case: 'clusterType',
      value: message(Cluster_CustomClusterTypeSchema, {
        name: 'envoy.clusters.dns',
        typedConfig: pack(DnsClusterSchema, {
          dnsLookupFamily: DnsLookupFamily.V4_PREFERRED,
          respectDnsTtl: true,
          dnsFailureRefreshRate: { baseInterval: dnsRetry.base, maxInterval: dnsRetry.longest },
          allAddressesInSingleEndpoint: single,
        }),
      }),
    },
    loadAssignment: fixedAssignment(name, addresses),
  };
}

/** The dynamic forward proxy: it does its own choosing. */
export const byRequest: Discovery = {
  lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
  clusterDiscoveryType: {
    case: 'clusterType',
    value: message(Cluster_CustomClusterTypeSchema, {
      name: 'envoy.clusters.dynamic_forward_proxy',
      typedConfig: pack(ClusterConfigSchema, {
        clusterImplementationSpecifier: { case: 'dnsCacheConfig', value: dnsCache },
        // Envoy wants server names and checks of its own choosing here, unless told that there is no TLS to check.
        allowInsecureClusterOptions: true,
      }),
    }),
  },
};

function circuitBreakers(pool: ConnectionPoolDecision): CircuitBreakers {
  return message(CircuitBreakersSchema, {
    thresholds: [
      {
        maxConnections: pool.maxConnections.value,
        maxPendingRequests: pool.maxPendingRequests.value,
        maxRequests: pool.maxRequests.value,
        maxRetries: pool.maxRetries.value,
        trackRemaining: true,
      },
    ],
  });
}

function connectionOptions({ tcpKeepalive }: ConnectionPoolDecision): {
  upstreamConnectionOptions?: MessageInitShape<typeof UpstreamConnectionOptionsSchema>;
} {
  if (tcpKeepalive === undefined) return {};
  const { probes, time, interval } = tcpKeepalive.value;
  return {
    upstreamConnectionOptions: {
      tcpKeepalive: {
        ...(probes === undefined ? {} : { keepaliveProbes: probes }),
        ...(time === undefined ? {} : { keepaliveTime: seconds(time) }),
        ...(interval === undefined ? {} : { keepaliveInterval: seconds(interval) }),
      },
    },
  };
}

/** The kernel counts keepalive in whole seconds. */
function seconds(millis: number): number {
  return Math.max(1, Math.round(millis / 1000));
}

function protocolOptions({ protocol, pool }: Destination): Record<string, Any> {
  if (!isHttp(protocol)) return {};
  const { maxRequestsPerConnection: requests } = pool;
  return {
    [upstreamHttpOptionsName]: upstreamHttpOptions({
      idleTimeout: durationOf(pool.idleTimeout.value),
      maxConnectionDuration: durationOf(pool.maxConnectionDuration.value),
      ...(requests === undefined ? {} : { maxRequestsPerConnection: requests.value }),
    }),
  };
}

function decidedFields({ pool, loadBalancer, outlierDetection: outlier, panicThreshold }: Destination) {
  return { loadBalancer, outlierDetection: outlier, panicThreshold, ...pool };
}
