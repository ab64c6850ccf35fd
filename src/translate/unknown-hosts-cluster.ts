import type { View } from '../model/ir.ts';
import { isWritten } from '../model/provenance.ts';
import { type Cluster, ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { message } from '../proto/message.ts';
import { circuitBreakers } from './circuit-breakers.ts';
import { byRequest } from './cluster-discovery.ts';
import { connectionOptions } from './connection-options.ts';
import { durationOf } from './duration.ts';
import { unknownHostsName } from './names.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { upstreamHttpOptions, upstreamHttpOptionsName } from './upstream-http-options.ts';

/** Hosts that the registry does not know, where they may pass: each request's own host is resolved and called as it is (D18). */
export function unknownHostsCluster(passing: View['passing']): Cluster {
  const metadata = provenanceMetadata({ ...passing });
  const { idleTimeout, maxConnectionDuration, maxRequestsPerConnection: requests } = passing;
  return message(ClusterSchema, {
    ...byRequest,
    name: unknownHostsName,
    connectTimeout: durationOf(passing.connectTimeout.value),
    circuitBreakers: circuitBreakers({ pool: passing }),
    ...connectionOptions(passing),
    typedExtensionProtocolOptions: {
      [upstreamHttpOptionsName]: upstreamHttpOptions({
        // Only what is written: programs keep their connections to strangers as they like.
        ...(isWritten(idleTimeout) && { idleTimeout: durationOf(idleTimeout.value) }),
        ...(maxConnectionDuration && { maxConnectionDuration: durationOf(maxConnectionDuration.value) }),
        ...(requests && { maxRequestsPerConnection: requests.value }),
      }),
    },
    ...(metadata === undefined ? {} : { metadata }),
  });
}
