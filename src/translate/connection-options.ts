import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ConnectionPoolDecision } from '../model/ir-destination.ts';
import type { UpstreamConnectionOptionsSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';

/** Keepalive of the connections to a destination. */
export function connectionOptions({ tcpKeepalive }: Pick<ConnectionPoolDecision, 'tcpKeepalive'>): {
  upstreamConnectionOptions?: MessageInitShape<typeof UpstreamConnectionOptionsSchema>;
} {
  if (tcpKeepalive === undefined) return {};
  const { probes, time, interval } = tcpKeepalive.value;
  return {
    upstreamConnectionOptions: {
      tcpKeepalive: {
        ...(probes === undefined ? {} : { keepaliveProbes: probes }),
        ...(time === undefined ? {} : { keepaliveTime: seconds(time) }),
        ...(interval === undefined ? {} : { keepaliveInterval: seconds(interval) }),
      },
    },
  };
}

/** The kernel counts keepalive in whole seconds. */
function seconds(millis: number): number {
  return Math.max(1, Math.round(millis / 1000));
}
