import type { MessageInitShape } from '@bufbuild/protobuf';
import type { HealthProbe } from '../model/health-check.ts';
import type { Destination, HealthCheckDecision } from '../model/ir-destination.ts';
import type { Protocol } from '../model/policy.ts';
import type { Cluster } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { type HealthCheck, HealthCheckSchema } from '../proto/gen/envoy/config/core/v3/health_check_pb.ts';
import { CodecClientType } from '../proto/gen/envoy/type/v3/http_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';
import { healthCheckName } from './names.ts';

/**
 * Active checks of the endpoints. Each is called as requests are, by mesh TLS or in plaintext, for its own metadata chooses the socket
 * (P35). Whoever leaves the registry is gone at once, though it still answers (E35).
 */
export function healthChecks(
  destination: Destination,
): Partial<Pick<Cluster, 'healthChecks' | 'ignoreHealthOnHostRemoval'>> {
  const { healthChecks: checks = [] } = destination;
  if (checks.length === 0) return {};
  return {
    healthChecks: checks.map(({ value }) => healthCheck(value, destination)),
    ignoreHealthOnHostRemoval: true,
  };
}

function healthCheck(decision: HealthCheckDecision, { ref, protocol }: Destination): HealthCheck {
  const { interval, timeout, unhealthyAfter, healthyAfter, probe } = decision;
  return message(HealthCheckSchema, {
    name: healthCheckName(decision),
    interval: durationOf(interval),
    // Envoy looks once a minute at what nobody calls, unless told otherwise.
    noTrafficInterval: durationOf(interval),
    timeout: durationOf(timeout),
    unhealthyThreshold: unhealthyAfter,
    healthyThreshold: healthyAfter,
    healthChecker: checker(probe, ref.host, protocol),
  });
}

/** Else one answer of another status takes an endpoint out, whatever `unhealthyAfter` says; what is expected goes before. */
const retriableStatuses = [{ start: 100n, end: 600n }];

function checker(
  probe: HealthProbe,
  host: string,
  protocol: Protocol,
): NonNullable<MessageInitShape<typeof HealthCheckSchema>['healthChecker']> {
  switch (probe.kind) {
    case 'http': {
      const expectedStatuses = probe.expect.map(({ from, to }) => ({ start: BigInt(from), end: BigInt(to + 1) }));
      const codecClientType =
        protocol === 'http2' || protocol === 'grpc' ? CodecClientType.HTTP2 : CodecClientType.HTTP1;
      return {
        case: 'httpHealthCheck',
        value: { host, path: probe.path, expectedStatuses, retriableStatuses, codecClientType },
      };
    }
    case 'grpc':
      return {
        case: 'grpcHealthCheck',
        value: { authority: host, ...(probe.service === undefined ? {} : { serviceName: probe.service }) },
      };
    case 'tcp':
      return { case: 'tcpHealthCheck', value: {} };
    default:
      return probe satisfies never;
  }
}
