import type { Proxy } from '../model/proxy.ts';
import type { TelemetryStatName, TelemetryTag } from '../model/telemetry-tags.ts';
import { telemetryPrefix, telemetryStats } from '../model/telemetry-tags.ts';
import type { StreamMetricsMessage } from '../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import type { Metric } from '../proto/gen/io/prometheus/client/metrics_pb.ts';
import { type BesideCalls, readBesideCalls } from './beside-calls.ts';
import { type ClusterFigures, readClusterFigures } from './cluster-figures.ts';
import type { QuantilePoint } from './distribution.ts';
import { type OwnAnswers, readOwnAnswers } from './own-questions.ts';

/** What one statistic with one set of tags gained in a flush interval, or what an Envoy says besides of its clusters and filters. */
export type Sample = CountSample | DurationSample | ClusterFigures | OwnAnswers | BesideCalls;

export interface CountSample {
  readonly kind: 'count';
  readonly stat: TelemetryStatName;
  readonly tags: Tags;
  readonly value: number;
}

export interface DurationSample {
  readonly kind: 'duration';
  readonly stat: TelemetryStatName;
  readonly tags: Tags;
  readonly count: number;
  /** Milliseconds. */
  readonly sum: number;
  /** Milliseconds, sorted by quantile. */
  readonly points: readonly QuantilePoint[];
}

export type Tags = Readonly<Partial<Record<TelemetryTag, string>>>;

export interface MetricsStream {
  /** Takes a message in. False: it is not what this stream may say, nothing was recorded, and the caller ends the stream. */
  receive(message: StreamMetricsMessage): boolean;
}

/**
 * One stream of Envoy's metrics service. The proxy is the one that the stream's credential stands for; the node, sent once in the
 * first message, must name it (T1): a sidecar speaks for itself only.
 */
export function openMetricsStream(
  proxy: Proxy,
  record: (proxy: Proxy, samples: readonly Sample[]) => void,
): MetricsStream {
  let known = false;
  return {
    receive(message) {
      const id = message.identifier?.node?.id;
      if (id === undefined ? !known : id !== proxy.id) return false;
      known = true;
      const samples = readSamples(message, proxy);
      if (samples.length > 0) record(proxy, samples);
      return true;
    },
  };
}

const statsByName: ReadonlyMap<string, (typeof telemetryStats)[number]> = new Map(
  telemetryStats.map((stat) => [`${telemetryPrefix}.${stat.name}`, stat]),
);

/**
 * The samples in a message: counters as deltas, histograms as the summary of the last interval (E33). Envoy also sends what gained
 * nothing, with NaN for its quantiles; that and other statistics are passed over.
 */
function readSamples(message: StreamMetricsMessage, proxy: Proxy): readonly Sample[] {
  const calls = message.envoyMetrics.flatMap((family) => {
    const stat = statsByName.get(family.name);
    if (stat === undefined) return [];
    return family.metric.flatMap((metric) => {
      const sample = stat.kind === 'counter' ? readCount(stat.name, metric) : readDuration(stat.name, metric);
      return sample === undefined ? [] : [sample];
    });
  });
  return [...calls, ...readClusterFigures(message), ...readOwnAnswers(message), ...readBesideCalls(message, proxy)];
}

function readCount(stat: TelemetryStatName, metric: Metric): CountSample | undefined {
  const value = metric.counter?.value ?? 0;
  if (!Number.isFinite(value) || value <= 0) return undefined;
  return { kind: 'count', stat, tags: readTags(metric), value };
}

function readDuration(stat: TelemetryStatName, metric: Metric): DurationSample | undefined {
  const { summary } = metric;
  const count = Number(summary?.sampleCount ?? 0n);
  if (summary === undefined || count <= 0) return undefined;
  const points = summary.quantile
    .filter((point) => Number.isFinite(point.value) && point.value >= 0 && point.quantile >= 0 && point.quantile <= 1)
    .map((point) => ({ quantile: point.quantile, value: point.value / 1000 }))
    .sort((a, b) => a.quantile - b.quantile);
  if (points.length === 0 || !Number.isFinite(summary.sampleSum)) return undefined;
  return { kind: 'duration', stat, tags: readTags(metric), count, sum: summary.sampleSum / 1000, points };
}

/** A tag's value is cut: what an application may choose (a response code, a status) must not fill the memory. */
const longestValue = 256;

function readTags(metric: Metric): Tags {
  return Object.fromEntries(metric.label.map(({ name, value }) => [name, value.slice(0, longestValue)]));
}
