import { status as grpcStatus, type ServerReadableStream, type sendUnaryData } from '@grpc/grpc-js';
import type { Proxy } from '../model/proxy.ts';
import { MetricsService, type StreamMetricsMessage } from '../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { serviceDefinition } from '../proto/services.ts';
import { type MetricsStream, openMetricsStream, type Sample } from '../telemetry/metrics-service.ts';
import type { ExtraService } from '../xds/server-options.ts';
import type { CheckBearer } from './bearer.ts';

/**
 * Envoy's metrics service on the xDS port (E33): a stream is read only for the connected proxy that its credential stands for (T1). The
 * proxy of a first message may still be on its way in: then that message alone is passed over.
 */
export function createMetricsEndpoint(options: {
  readonly check: CheckBearer;
  readonly proxy: (nodeId: string) => Proxy | undefined;
  readonly record: (proxy: Proxy, samples: readonly Sample[]) => void;
  readonly onFailure: (error: unknown, what: string) => void;
}): ExtraService {
  const { check, proxy, record, onFailure } = options;
  return {
    definition: serviceDefinition(MetricsService),
    implementation: {
      streamMetrics(call: ServerReadableStream<StreamMetricsMessage, object>, answer: sendUnaryData<object>) {
        const authorization = call.metadata.get('authorization').map(String);
        const caller = check(authorization);
        if ('refused' in caller) {
          answer({ code: caller.refused.code, details: caller.refused.message });
          return;
        }
        /** Of the first message; later ones have none. */
        let identifier: StreamMetricsMessage['identifier'];
        let stream: MetricsStream | undefined;
        const receive = (message: StreamMetricsMessage): void => {
          // The credential may have been revoked since the stream began.
          const standing = check(authorization);
          if ('refused' in standing) {
            refuse(standing.refused.code, standing.refused.message);
            return;
          }
          identifier ??= message.identifier;
          const known = identifier?.node === undefined ? undefined : proxy(identifier.node.id);
          if (stream === undefined && known !== undefined) {
            if (known.namespace !== caller.ok.namespace || known.service !== caller.ok.service) {
              refuse(grpcStatus.PERMISSION_DENIED, 'WEFT0203 the credential is not that of this proxy');
              return;
            }
            stream = openMetricsStream(known, record);
          }
          if (stream?.receive({ ...message, identifier: message.identifier ?? identifier }) === false) {
            refuse(grpcStatus.INVALID_ARGUMENT, 'WEFT0203 the stream names another node');
          }
        };
        const refuse = (code: grpcStatus, details: string): void => {
          answer({ code, details });
          call.destroy();
        };
        call.on('data', (message: StreamMetricsMessage) => {
          try {
            receive(message);
          } catch (error) {
            onFailure(error, `metrics of ${identifier?.node?.id}`);
            call.destroy();
          }
        });
        call.on('error', () => undefined);
        call.on('end', () => answer(null, {}));
      },
    },
  };
}
