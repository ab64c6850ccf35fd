import type { MessageInitShape } from '@bufbuild/protobuf';
import { telemetryTransport } from '../model/telemetry-tags.ts';
import { pack } from '../proto/codec.ts';
import { ApiVersion } from '../proto/gen/envoy/config/core/v3/config_source_pb.ts';
import {
  HistogramEmitMode,
  MetricsServiceConfigSchema,
} from '../proto/gen/envoy/config/metrics/v3/metrics_service_pb.ts';
import type { StatsConfigSchema, StatsSinkSchema } from '../proto/gen/envoy/config/metrics/v3/stats_pb.ts';
import { controlPlaneService } from './control-plane-cluster.ts';
import type { SidecarCredential } from './own-identity.ts';

/** Families that are few in number and kept whole. `weft.` is what the stats access logger writes (E32). */
const KEPT_PREFIXES = ['weft.', 'cluster_manager.', 'listener_manager.', 'control_plane.', 'http.', 'ext_authz.'];

/** One expression a line, RE2, each matching a whole name. */
const KEPT_NAMES = [
  'server\\.(live|state|uptime|memory_allocated|dynamic_unknown_fields)',
  // Half of a cluster's memory is its 129 statistics (E30): only those that an answer of ours rests on.
  'cluster\\..*\\.(upstream_rq_(total|[1-5]xx|retry|retry_overflow|pending_overflow)|upstream_cx_(active|total|connect_fail)|membership_(healthy|total)|ssl\\.(fail.*|connection_error)|init_fetch_timeout|update_rejected|outlier_detection\\.ejections_active|health_check\\.name\\..*\\.healthy)',
  'listener\\..*\\.(downstream_cx_(total|active)|no_filter_chain_match|ssl\\.(handshake|fail.*|connection_error))',
  'tcp\\..*\\.downstream_cx_(total|active)',
  // Routes to which a policy gave a name for statistics (`statPrefix`); others have none.
  'vhost\\..*\\.route\\..*\\.upstream_rq_(total|[1-5]xx|retry|timeout)',
  '.*\\.update_rejected',
];

/** Which statistics Envoy keeps at all (E30). */
export function meshStatsConfig(): MessageInitShape<typeof StatsConfigSchema> {
  const prefixes = KEPT_PREFIXES.map((value) => ({ matchPattern: { case: 'prefix', value } }) as const);
  const names = KEPT_NAMES.map((regex) => ({ matchPattern: { case: 'safeRegex', value: { regex } } }) as const);
  return {
    statsMatcher: { statsMatcher: { case: 'inclusionList', value: { patterns: [...prefixes, ...names] } } },
  };
}

/** Sends what is kept to the control plane, over the cluster and with the credential of the xDS stream (E33). */
export function metricsServiceSink(credential: SidecarCredential): MessageInitShape<typeof StatsSinkSchema> {
  return {
    name: 'envoy.stat_sinks.metrics_service',
    configType: {
      case: 'typedConfig',
      value: pack(MetricsServiceConfigSchema, {
        grpcService: controlPlaneService(credential),
        transportApiVersion: ApiVersion.V3,
        reportCountersAsDeltas: telemetryTransport.reportCountersAsDeltas,
        emitTagsAsLabels: telemetryTransport.emitTagsAsLabels,
        histogramEmitMode: HistogramEmitMode[telemetryTransport.histogramEmitMode],
      }),
    },
  };
}
