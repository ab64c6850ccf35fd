import type { Millis } from '../model/policy.ts';
import { Cluster_DnsLookupFamily } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  type DnsCacheConfig,
  DnsCacheConfigSchema,
} from '../proto/gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';

const first = 1_000;
const minute = 60_000;

/** After a failed resolution: soon, then at most a minute apart (D25), or as far as the mesh resolves anyway. */
export function dnsRetryWithin(longest: Millis = minute) {
  return { baseInterval: durationOf(Math.min(first, longest)), maxInterval: durationOf(longest) };
}

/** The one DNS cache behind requests to hosts that only the request knows: filter and clusters must agree on every byte. */
export const dnsCache: DnsCacheConfig = message(DnsCacheConfigSchema, {
  name: 'weft',
  dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
  dnsFailureRefreshRate: dnsRetryWithin(),
});

/** The filter that resolves the hosts of requests; routes name by it what else it shall resolve. */
export const dynamicForwardProxyName = 'envoy.filters.http.dynamic_forward_proxy';
