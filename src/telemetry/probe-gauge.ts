import type { StreamMetricsMessage } from '../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';

const gauge = 'cluster.membership_healthy';
const clusterTag = 'envoy.cluster_name';

/** Whether the one host of this cluster is healthy, as Envoy's own health checks find; undefined: the message does not say. */
export function readClusterHealth(message: StreamMetricsMessage, cluster: string): boolean | undefined {
  for (const family of message.envoyMetrics) {
    if (family.name !== gauge) continue;
    const metric = family.metric.find(({ label }) =>
      label.some(({ name, value }) => name === clusterTag && value === cluster),
    );
    if (metric?.gauge !== undefined) return metric.gauge.value > 0;
  }
  return undefined;
}
