import { countUpTo } from './distribution.ts';
import type { Party, Series } from './series.ts';
import type { Gained } from './traffic-store.ts';

/** Bounds of Istio's duration histogram, in milliseconds, on which its boards rely. */
const bounds = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

/**
 * `/metrics/mesh`: what sidecars counted, as Prometheus text under Istio's names and labels (section 6 of experience.md). Histogram
 * buckets come from quantiles and are right within a few percent; `_count` and `_sum` are exact. `version` is Weft's own.
 */
export function meshMetrics(totals: readonly Gained[], version: string): string {
  // Istio's families count the calls of programs.
  const calls = totals.filter(({ series }) => series.beside === undefined);
  const http = calls.filter(({ series }) => series.protocol !== 'tcp');
  const tcp = calls.filter(({ series }) => series.protocol === 'tcp');
  const requests = http.filter(({ gain }) => gain.requests > 0);
  const timed = http.filter(({ gain }) => gain.durations !== undefined);
  return [
    counter('istio_requests_total', 'Requests that ended', requests, ({ gain }) => gain.requests),
    family(
      'istio_request_duration_milliseconds',
      'histogram',
      'Time from first byte in to last byte out',
      timed,
      histogram,
    ),
    counter('istio_tcp_connections_closed_total', 'Connections that ended', tcp, ({ gain }) => gain.requests),
    counter('istio_tcp_received_bytes_total', 'Bytes from callers', tcp, ({ gain }) => gain.received),
    counter('istio_tcp_sent_bytes_total', 'Bytes to callers', tcp, ({ gain }) => gain.sent),
    `# HELP istio_build What made these numbers\n# TYPE istio_build gauge\nistio_build${labels({ component: 'weft', tag: version })} 1\n`,
  ].join('');
}

function counter(name: string, help: string, items: readonly Gained[], value: (item: Gained) => number): string {
  const counted = items.filter((item) => value(item) > 0);
  return family(name, 'counter', help, counted, (item) => [`${name}${labels(labelsOf(item.series))} ${value(item)}`]);
}

function family(
  name: string,
  type: string,
  help: string,
  items: readonly Gained[],
  lines: (item: Gained, name: string) => readonly string[],
): string {
  const body = items.flatMap((item) => lines(item, name));
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...body, ''].join('\n');
}

function histogram({ series, gain }: Gained, name: string): readonly string[] {
  const { durations } = gain;
  if (durations === undefined) return [];
  const own = labelsOf(series);
  // Text of a code belongs to counters: durations are not kept apart by outcome.
  const { response_code: _code, response_flags: _flags, grpc_response_status: _status, ...shared } = own;
  const buckets = bounds.map(
    (bound) => `${name}_bucket${labels({ ...shared, le: String(bound) })} ${round(countUpTo(durations, bound))}`,
  );
  return [
    ...buckets,
    `${name}_bucket${labels({ ...shared, le: '+Inf' })} ${durations.count}`,
    `${name}_sum${labels(shared)} ${round(durations.sum)}`,
    `${name}_count${labels(shared)} ${durations.count}`,
  ];
}

function labelsOf(series: Series): Record<string, string> {
  const { source, destination, host } = series;
  const service = host === '' ? destination.service : host;
  return {
    reporter: series.reporter,
    ...partyLabels('source', source),
    ...partyLabels('destination', destination),
    destination_service: service,
    destination_service_name: destination.service,
    destination_service_namespace: known(destination.namespace),
    request_protocol: series.protocol,
    ...(series.protocol === 'tcp' ? {} : { response_code: series.code }),
    response_flags: series.flags,
    ...(series.refused === undefined ? {} : { refused: series.refused }),
    ...(series.protocol === 'grpc' ? { grpc_response_status: series.grpcStatus } : {}),
    connection_security_policy: series.mtls === undefined ? 'unknown' : series.mtls ? 'mutual_tls' : 'none',
  };
}

function partyLabels(side: 'source' | 'destination', party: Party): Record<string, string> {
  return {
    [`${side}_workload`]: known(party.service),
    [`${side}_workload_namespace`]: known(party.namespace),
    [`${side}_principal`]: known(party.principal),
    [`${side}_app`]: known(party.app),
    [`${side}_version`]: known(party.version),
    [`${side}_canonical_service`]: known(party.service),
    [`${side}_canonical_revision`]: party.version === '' ? 'latest' : party.version,
  };
}

/** Istio's word for what is not known; names in parentheses are ours and mean the same to its boards. */
function known(text: string): string {
  return text === '' || text.startsWith('(') ? 'unknown' : text;
}

function labels(pairs: Readonly<Record<string, string>>): string {
  const texts = Object.entries(pairs).map(([name, value]) => `${name}="${escaped(value)}"`);
  return `{${texts.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
