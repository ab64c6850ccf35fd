/**
 * What each sidecar counts about calls, on both sides, and under which names it arrives (section 6 of experience.md, E32, E33). These
 * are names only: which Envoy words fill a tag belongs to translate. Series are bounded by services, versions, codes and flags; no
 * tag carries a path, an address or an instance.
 */
export const telemetryPrefix = 'weft';

/**
 * - `reporter`: `source` on outbound listeners, `destination` on inbound ones.
 * - `destination_cluster`: the name of the cluster that a route chose, also where the call never left; empty if none did. On the
 *   destination's side it is not looked at: the sidecar's own service is meant.
 * - `destination_version`: the label `version` of the endpoint that was chosen; empty if it has none or none was chosen. Then the
 *   subset in the cluster's name stands in for it.
 * - `peer_principal`: the SPIFFE ID in the other side's certificate; empty on plaintext, or if nobody was reached.
 * - `response_code`, `response_flags`: as in Envoy's access log; `-` is no flag.
 * - `grpc_status`: the number; empty for other protocols.
 * - `refused`: on the destination's side alone, as a caller who is turned away in the handshake or by a rule about connections sees no
 *   more than their end; the words of `Refusal`, or `no`.
 */
export type TelemetryTag =
  | 'reporter'
  | 'destination_cluster'
  | 'destination_version'
  | 'peer_principal'
  | 'response_code'
  | 'response_flags'
  | 'grpc_status'
  | 'refused';

/**
 * How a connection was turned away. `caller`: ALLOW rules do not know its identity (decision 10); `handshake`: it did not even prove one;
 * `rule`: a rule of authorization denied it at its first bytes.
 */
export const refusalWords = ['caller', 'handshake', 'rule'] as const;

export type Refusal = (typeof refusalWords)[number];

export interface TelemetryStat {
  /** Arrives as `weft.<name>`. */
  readonly name: string;
  readonly kind: 'counter' | 'histogram';
  /** Counted at the end of each request, or at the end of each connection. */
  readonly of: 'http' | 'tcp';
  /** What is added each time: one, bytes of the downstream connection, or the time from first byte in to last byte out. */
  readonly value: 'one' | 'received-bytes' | 'sent-bytes' | 'duration-microseconds';
  readonly tags: readonly TelemetryTag[];
}

const edgeTags = ['reporter', 'destination_cluster', 'peer_principal'] as const;

/** Every statistic, the same on both sides but for `reporter` and `refused`. */
export const telemetryStats = [
  {
    name: 'requests_total',
    kind: 'counter',
    of: 'http',
    value: 'one',
    tags: [...edgeTags, 'destination_version', 'response_code', 'response_flags', 'grpc_status'],
  },
  { name: 'request_duration', kind: 'histogram', of: 'http', value: 'duration-microseconds', tags: [...edgeTags] },
  {
    name: 'tcp_connections_total',
    kind: 'counter',
    of: 'tcp',
    value: 'one',
    tags: [...edgeTags, 'destination_version', 'response_flags', 'refused'],
  },
  { name: 'tcp_received_bytes_total', kind: 'counter', of: 'tcp', value: 'received-bytes', tags: [...edgeTags] },
  { name: 'tcp_sent_bytes_total', kind: 'counter', of: 'tcp', value: 'sent-bytes', tags: [...edgeTags] },
] as const satisfies readonly TelemetryStat[];

export type TelemetryStatName = (typeof telemetryStats)[number]['name'];

/**
 * How the metrics service must be set for `telemetry/` to read it: deltas, tags as labels, summaries only. Both forms of a histogram
 * hold one flush interval; the summary is a third of the size and its quantiles are finer than the default buckets.
 */
export const telemetryTransport = {
  reportCountersAsDeltas: true,
  emitTagsAsLabels: true,
  histogramEmitMode: 'SUMMARY',
  flushIntervalSeconds: 5,
} as const;
