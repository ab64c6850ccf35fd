import { status as grpcStatus } from '@grpc/grpc-js';
import type { Proxy } from '../model/proxy.ts';
import { MetricsService, type StreamMetricsMessage } from '../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { type MetricsStream, openMetricsStream, type Sample } from '../telemetry/metrics-service.ts';
import { readClusterHealth } from '../telemetry/probe-gauge.ts';
import { probeName } from '../translate/names.ts';
import type { CallHandler } from '../xds/call.ts';
import { clientStreamHandler } from '../xds/handlers.ts';
import type { Refused } from '../xds/server-options.ts';
import type { CheckCredential } from './credential-check.ts';

/**
 * Envoy's metrics service on the xDS port (E33): a stream is read only for the connected proxy that its credential stands for (T1). The
 * proxy of a first message may still be on its way in: then that message alone is passed over.
 */
export function createMetricsEndpoint(options: {
  readonly check: CheckCredential;
  readonly proxy: (nodeId: string) => Proxy | undefined;
  readonly record: (proxy: Proxy, samples: readonly Sample[]) => void;
  /** What the Envoy of a proxy finds of its application. */
  readonly probed: (proxy: Proxy, healthy: boolean) => void;
}): readonly [path: string, handler: CallHandler] {
  const { check, proxy, record, probed } = options;
  return clientStreamHandler(MetricsService.method.streamMetrics, {
    authenticate: check,
    open(caller, call) {
      /** Of the first message; later ones have none. */
      let identifier: StreamMetricsMessage['identifier'];
      let stream: MetricsStream | undefined;
      return {
        message(message) {
          // The credential may have been revoked since the stream began.
          const standing = check(call);
          if ('refused' in standing) return standing;
          identifier ??= message.identifier;
          const known = identifier?.node === undefined ? undefined : proxy(identifier.node.id);
          if (stream === undefined && known !== undefined) {
            const isOwn = caller.nodeId === undefined || caller.nodeId === known.id;
            if (!isOwn || known.namespace !== caller.namespace || known.service !== caller.service)
              return refused(grpcStatus.PERMISSION_DENIED, 'WEFT0203 the credential is not that of this proxy');
            stream = openMetricsStream(known, record);
          }
          if (stream?.receive({ ...message, identifier: message.identifier ?? identifier }) === false)
            return refused(grpcStatus.INVALID_ARGUMENT, 'WEFT0203 the stream names another node');
          const healthy = readClusterHealth(message, probeName);
          if (known !== undefined && healthy !== undefined) probed(known, healthy);
          return undefined;
        },
        end: () => ({ ok: {} }),
      };
    },
  });
}

function refused(code: grpcStatus, message: string): Refused {
  return { refused: { code, message } };
}
