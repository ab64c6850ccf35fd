import type { Inbound } from '../model/ir-inbound.ts';
import type { Decided } from '../model/provenance.ts';
import { isHttp } from '../model/service.ts';
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { message } from '../proto/message.ts';
import { circuitBreakers } from './circuit-breakers.ts';
import { connectionOptions } from './connection-options.ts';
import { durationOf } from './duration.ts';
import { fixedAssignment } from './load-assignment.ts';
import { inboundName } from './names.ts';
import { pipeAddress } from './pipe-address.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { unlimitedBreakers } from './unlimited-breakers.ts';
import { upstreamHttpOptions, upstreamHttpOptionsName } from './upstream-http-options.ts';

/** The application behind the proxy: on loopback and without limits of its own (R12), unless a Sidecar says otherwise. */
export function inboundCluster(inbound: Inbound): Cluster {
  const { port, protocol, program, pool, requestsPerConnection, httpVersion } = inbound;
  const name = inboundName(port);
  const metadata = provenanceMetadata({ program, ...poolFields(inbound), requestsPerConnection, httpVersion });
  return message(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: durationOf(pool?.connectTimeout.value ?? 10_000),
    loadAssignment: programAssignment(name, inbound),
    circuitBreakers: pool === undefined ? unlimitedBreakers : circuitBreakers({ pool }),
    ...(pool && connectionOptions(pool)),
    ...(isHttp(protocol)
      ? { typedExtensionProtocolOptions: { [upstreamHttpOptionsName]: protocolOptions(inbound) } }
      : {}),
    ...(metadata === undefined ? {} : { metadata }),
  });
}

/** What decides a pool, but for what its listener carries and what HTTP alone means. */
function poolFields({ pool, protocol }: Inbound): Readonly<Record<string, Decided<unknown> | undefined>> {
  if (pool === undefined) return {};
  const { tcpIdleTimeout, maxRequestsPerConnection, ...both } = pool;
  const { connectTimeout, maxConnections, tcpKeepalive } = both;
  return isHttp(protocol) ? both : { connectTimeout, maxConnections, tcpKeepalive };
}

function programAssignment(name: string, { port, applicationAddress, program }: Inbound): ClusterLoadAssignment {
  const at = program?.value ?? { kind: 'address', address: applicationAddress, port };
  if (at.kind === 'address') return fixedAssignment(name, [{ address: at.address, port: at.port, weight: 1 }]);
  return message(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: [
      {
        lbEndpoints: [
          { hostIdentifier: { case: 'endpoint', value: { address: pipeAddress(at.path) } }, loadBalancingWeight: 1 },
        ],
      },
    ],
  });
}

function protocolOptions({ pool, requestsPerConnection: requests, httpVersion }: Inbound) {
  const { idleTimeout: idle, maxConnectionDuration: age, maxConcurrentStreams, http2Keepalive } = pool ?? {};
  const common = {
    ...(idle && { idleTimeout: durationOf(idle.value) }),
    ...(age && { maxConnectionDuration: durationOf(age.value) }),
    ...(requests && { maxRequestsPerConnection: requests.value }),
  };
  return upstreamHttpOptions(common, {
    ...(httpVersion && { version: httpVersion.value }),
    ...(maxConcurrentStreams && { maxConcurrentStreams: maxConcurrentStreams.value }),
    ...(http2Keepalive && { keepalive: http2Keepalive.value }),
  });
}
