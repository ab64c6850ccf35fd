import type { Inbound } from '../model/ir-inbound.ts';
import { isHttp } from '../model/service.ts';
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';
import { fixedAssignment } from './load-assignment.ts';
import { inboundName } from './names.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { unlimitedBreakers } from './unlimited-breakers.ts';
import { upstreamHttpOptions, upstreamHttpOptionsName } from './upstream-http-options.ts';

/** The application behind the proxy, on loopback, without limits of its own (R12). */
export function inboundCluster(inbound: Inbound): Cluster {
  const { port, protocol, applicationAddress, requestsPerConnection: requests, httpVersion } = inbound;
  const name = inboundName(port);
  const metadata = provenanceMetadata({ requestsPerConnection: requests, httpVersion });
  const limits = requests === undefined ? {} : { maxRequestsPerConnection: requests.value };
  return message(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: durationOf(10_000),
    loadAssignment: fixedAssignment(name, [{ address: applicationAddress, port, weight: 1 }]),
    circuitBreakers: unlimitedBreakers,
    ...(isHttp(protocol)
      ? {
          typedExtensionProtocolOptions: {
            [upstreamHttpOptionsName]: upstreamHttpOptions(limits, httpVersion ? { version: httpVersion.value } : {}),
          },
        }
      : {}),
    ...(metadata === undefined ? {} : { metadata }),
  });
}
