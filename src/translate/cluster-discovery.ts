import type { Destination, EndpointAddress } from '../model/ir-destination.ts';
import type { Millis } from '../model/policy.ts';
import { isNamedByCalls } from '../model/service.ts';
import { pack } from '../proto/codec.ts';
import {
  type Cluster,
  Cluster_CustomClusterTypeSchema,
  Cluster_DiscoveryType,
  Cluster_EdsClusterConfigSchema,
  Cluster_LbPolicy,
} from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { DnsLookupFamily } from '../proto/gen/envoy/extensions/clusters/common/dns/v3/dns_pb.ts';
import { DnsClusterSchema } from '../proto/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import { ClusterConfigSchema } from '../proto/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
import { message } from '../proto/message.ts';
import { adsSource } from './config-source.ts';
import { dnsCache, dnsRetryWithin } from './dns-cache.ts';
import { durationOf } from './duration.ts';
import { fixedAssignment } from './load-assignment.ts';

/** The fields of a cluster that say where its endpoints come from. */
type Discovery = Pick<Cluster, 'clusterDiscoveryType'> &
  Partial<
    Pick<
      Cluster,
      'lbPolicy' | 'edsClusterConfig' | 'loadAssignment' | 'dnsLookupFamily' | 'respectDnsTtl' | 'dnsFailureRefreshRate'
    >
  >;

/**
 * Where endpoints come from. A `request` destination is resolved from each request's own host; where there is no such thing (plain
 * TCP) the addresses that it declares are called, else its own name is resolved, if it is one name.
 */
export function discovery(destination: Destination, name: string): Discovery {
  const { ref, addresses } = destination;
  const refresh = destination.dnsRefreshRate?.value;
  switch (destination.discovery) {
    case 'registry':
      return {
        clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
        edsClusterConfig: message(Cluster_EdsClusterConfigSchema, { edsConfig: adsSource }),
      };
    case 'dns':
      return byDns(name, addresses, false, refresh);
    case 'dns-round-robin':
      return byDns(name, addresses, true, refresh);
    case 'request':
      if (!isNamedByCalls(ref, destination)) {
        const own = [{ address: ref.host, port: ref.port, weight: 1 }];
        return byDns(name, addresses.length > 0 ? addresses : own, false, refresh);
      }
      return byRequest;
    default:
      return destination.discovery satisfies never;
  }
}

/** Resolved by the proxy: each answer an endpoint, or all of them one endpoint of which the first is used. */
export function byDns(
  name: string,
  addresses: readonly EndpointAddress[],
  single: boolean,
  refresh: Millis | undefined,
): Discovery {
  return {
    clusterDiscoveryType: {
      case: 'clusterType',
      value: message(Cluster_CustomClusterTypeSchema, {
        name: 'envoy.clusters.dns',
        typedConfig: pack(DnsClusterSchema, {
          dnsLookupFamily: DnsLookupFamily.V4_PREFERRED,
          respectDnsTtl: true,
          ...(refresh === undefined ? {} : { dnsRefreshRate: durationOf(refresh) }),
          dnsFailureRefreshRate: dnsRetryWithin(refresh),
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
