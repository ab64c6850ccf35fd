import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import {
  Health,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
} from '../proto/gen/grpc/health/v1/health_pb.ts';
import { serviceDefinition } from '../proto/services.ts';
import { failed, type ProbeResult, passed } from './probe-result.ts';

/** One `grpc.health.v1.Health/Check` without TLS, on a connection of its own; SERVING is the success. `timeout` in milliseconds. */
export function probeGrpc(place: string, service: string, timeout: number): Promise<ProbeResult> {
  const { check } = serviceDefinition(Health);
  const client = new Client(place, credentials.createInsecure(), {
    'grpc.enable_http_proxy': 0,
    // What an earlier probe learned of the address does not hold this one up.
    'grpc.use_local_subchannel_pool': 1,
  });
  return new Promise((resolve) => {
    const answered = (error: ServiceError | null, answer?: HealthCheckResponse): void => {
      client.close();
      if (error !== null) resolve(failed(words(error)));
      else if (answer?.status === HealthCheckResponse_ServingStatus.SERVING) resolve(passed);
      else resolve(failed(`answered ${HealthCheckResponse_ServingStatus[answer?.status ?? 0] ?? answer?.status}`));
    };
    const deadline = Date.now() + timeout;
    client.makeUnaryRequest(
      check.path,
      check.requestSerialize,
      check.responseDeserialize,
      { service },
      { deadline },
      answered,
    );
  });
}

function words(error: ServiceError): string {
  if (error.code === status.UNIMPLEMENTED) return 'serves no grpc.health.v1.Health';
  if (error.code === status.UNAVAILABLE)
    return /ECONNREFUSED/.test(error.details) ? 'connection refused' : 'unreachable';
  return `${status[error.code]}: ${error.details}`;
}
