import type { ListenerTerms } from '../model/ir-mesh.ts';
import { type TelemetryStat, type TelemetryTag, telemetryPrefix, telemetryStats } from '../model/telemetry-tags.ts';
import { pack } from '../proto/codec.ts';
import { type AccessLog, AccessLogSchema } from '../proto/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { Config_Histogram_Unit, ConfigSchema } from '../proto/gen/envoy/extensions/access_loggers/stats/v3/stats_pb.ts';
import { message } from '../proto/message.ts';
import { fileAccessLog } from './file-access-log.ts';
import { versionMetadataKey, weftMetadataKey } from './provenance-metadata.ts';

/** How a connection was turned away, in few words, since Envoy's own texts name the caller: each would be a statistic. */
const refused = `%CEL(${[
  "has(connection.transport_failure_reason) ? (connection.transport_failure_reason.contains('SAN matcher') ? 'caller' : 'handshake')",
  "has(connection.termination_details) && connection.termination_details.startsWith('rbac_') ? 'rule'",
  "'no'",
].join(' : ')})%`;

/** On which side of a call a listener stands. */
export type Side = 'source' | 'destination';

/**
 * Microseconds from the first byte of a request to the last of its answer. Where the caller left before, to the last moment that is
 * known: without a number Envoy would log an error for each such request.
 */
const requestDuration = `%COALESCE(${JSON.stringify({
  operators: ['DS_TX_END', 'DS_TX_BEG', 'DS_RX_END', 'DS_RX_BEG'].map((end) => ({
    command: 'COMMON_DURATION',
    param: `DS_RX_BEG:${end}:us`,
  })),
})})%`;

/** The statistics of one side (E32): who called whom and what came of it, counted where the request or connection ends. */
function statsLogger(side: Side, of: TelemetryStat['of']): AccessLog {
  const stats: readonly TelemetryStat[] = telemetryStats.filter((stat) => stat.of === of);
  return message(AccessLogSchema, {
    name: 'weft.stats',
    configType: {
      case: 'typedConfig',
      value: pack(ConfigSchema, {
        statsScope: { prefix: telemetryPrefix },
        counters: stats
          .filter((stat) => stat.kind === 'counter')
          .map((stat) => ({ stat: named(stat, side), ...counted(stat.value) })),
        histograms: stats
          .filter((stat) => stat.kind === 'histogram')
          .map((stat) => ({ stat: named(stat, side), ...measured(stat.value) })),
      }),
    },
  });
}

function named({ name, tags }: TelemetryStat, side: Side) {
  const told = side === 'destination' ? tags : tags.filter((tag) => tag !== 'refused');
  return { name, tags: told.map((tag) => ({ name: tag, valueFormat: tagFormat(tag, side) })) };
}

/** Envoy's words for a tag; what does not exist (no flag, no certificate) comes as `-`. */
function tagFormat(tag: TelemetryTag, side: Side): string {
  switch (tag) {
    case 'reporter':
      return side;
    case 'destination_cluster':
      return '%UPSTREAM_CLUSTER%';
    case 'destination_version':
      return `%UPSTREAM_METADATA(${weftMetadataKey}:${versionMetadataKey})%`;
    case 'peer_principal':
      return side === 'source' ? '%UPSTREAM_PEER_URI_SAN%' : '%DOWNSTREAM_PEER_URI_SAN%';
    case 'response_code':
      return '%RESPONSE_CODE%';
    case 'response_flags':
      return '%RESPONSE_FLAGS%';
    case 'grpc_status':
      return '%GRPC_STATUS_NUMBER%';
    case 'refused':
      return refused;
    default:
      return tag satisfies never;
  }
}

function counted(value: TelemetryStat['value']): { valueFixed: bigint } | { valueFormat: string } {
  return value === 'one' ? { valueFixed: 1n } : { valueFormat: amountFormat(value) };
}

function measured(value: TelemetryStat['value']): { unit: Config_Histogram_Unit; valueFormat: string } {
  if (value === 'one') throw new RangeError('a histogram needs a measured value');
  const unit = value === 'duration-microseconds' ? Config_Histogram_Unit.Microseconds : Config_Histogram_Unit.Bytes;
  return { unit, valueFormat: amountFormat(value) };
}

function amountFormat(value: Exclude<TelemetryStat['value'], 'one'>): string {
  switch (value) {
    case 'received-bytes':
      return '%BYTES_RECEIVED%';
    case 'sent-bytes':
      return '%BYTES_SENT%';
    case 'duration-microseconds':
      return requestDuration;
    default:
      return value satisfies never;
  }
}

const statistics: Readonly<Record<TelemetryStat['of'], Readonly<Record<Side, AccessLog>>>> = {
  http: { source: statsLogger('source', 'http'), destination: statsLogger('destination', 'http') },
  tcp: { source: statsLogger('source', 'tcp'), destination: statsLogger('destination', 'tcp') },
};

/** What is noted of each request or connection on one side: the statistics always, a line where the mesh wants one (D28). */
export function accessLogs(of: TelemetryStat['of'], side: Side, { accessLog }: ListenerTerms): AccessLog[] {
  const counted = statistics[of][side];
  return accessLog.value === undefined ? [counted] : [counted, fileAccessLog(accessLog.value)];
}
