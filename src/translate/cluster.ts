import type { Any } from '@bufbuild/protobuf/wkt';
import type { Destination } from '../model/ir-destination.ts';
import { isHttp } from '../model/service.ts';
import {
  type Cluster,
  Cluster_CommonLbConfigSchema,
  ClusterSchema,
} from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { message } from '../proto/message.ts';
import { circuitBreakers } from './circuit-breakers.ts';
import { discovery } from './cluster-discovery.ts';
import { loadBalancing, localityChoice } from './cluster-load-balancing.ts';
import { connectionOptions } from './connection-options.ts';
import { durationOf } from './duration.ts';
import { healthChecks } from './health-checks.ts';
import { clusterName } from './names.ts';
import { outlierDetection } from './outlier-detection.ts';
import { decidedFields, provenanceMetadata } from './provenance-metadata.ts';
import { transportSockets } from './transport-socket-matches.ts';
import { upstreamHttpOptions, upstreamHttpOptionsName } from './upstream-http-options.ts';

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
    ...loadBalancing(destination),
    ...discovery(destination, name),
    connectTimeout: durationOf(pool.connectTimeout.value),
    circuitBreakers: circuitBreakers(destination),
    commonLbConfig: message(Cluster_CommonLbConfigSchema, {
      healthyPanicThreshold: { value: destination.panicThreshold.value },
      ...localityChoice(destination),
    }),
    ...(destination.outlierDetection === undefined
      ? {}
      : { outlierDetection: outlierDetection(destination.outlierDetection.value) }),
    ...healthChecks(destination),
    ...connectionOptions(pool),
    typedExtensionProtocolOptions: protocolOptions(destination),
    ...transportSockets(security),
    ...(metadata === undefined ? {} : { metadata }),
  });
}

function protocolOptions({ protocol, pool, security, outlierDetection: outlier }: Destination): Record<string, Any> {
  if (!isHttp(protocol)) return {};
  const { maxRequestsPerConnection: requests, maxConnectionDuration: age, httpVersion, maxConcurrentStreams } = pool;
  const { http2Keepalive } = pool;
  const { errorCodes } = outlier?.value ?? {};
  const common = {
    idleTimeout: durationOf(pool.idleTimeout.value),
    ...(age === undefined ? {} : { maxConnectionDuration: durationOf(age.value) }),
    ...(requests === undefined ? {} : { maxRequestsPerConnection: requests.value }),
  };
  return {
    [upstreamHttpOptionsName]: upstreamHttpOptions(common, {
      ...(httpVersion?.value === 'http2' && { version: 'http2' }),
      ...(maxConcurrentStreams && { maxConcurrentStreams: maxConcurrentStreams.value }),
      ...(http2Keepalive && { keepalive: http2Keepalive.value }),
      ...(errorCodes && { errorCodes }),
      ...(security.kind === 'tls' && {
        serverNameOfRequest: security.serverName === undefined,
        serverOfRequest: security.server?.names === 'request',
      }),
    }),
  };
}
