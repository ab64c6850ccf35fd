import type { Proxy } from '../model/proxy.ts';
import { telemetryStats } from '../model/telemetry-tags.ts';
import { type BesideCalls, seriesBeside } from './beside-calls.ts';
import { type ClusterTrouble, createClusterTroubles } from './cluster-troubles.ts';
import type { Distribution } from './distribution.ts';
import { addDistribution, addSummary, emptyDistribution } from './distribution.ts';
import type { CountSample, DurationSample, Sample } from './metrics-service.ts';
import type { Directory, NamedService, Series } from './series.ts';
import { seriesKey, seriesOf } from './series.ts';

/** What a series gained: requests (or connections), their durations, bytes of connections. */
export interface Gain {
  requests: number;
  received: number;
  sent: number;
  durations?: Distribution;
}

export interface Gained {
  readonly series: Series;
  readonly gain: Readonly<Gain>;
}

/** Everything recorded in the last `window` milliseconds, and how many milliseconds of it there were. */
export interface Recent {
  readonly span: number;
  readonly gained: readonly Gained[];
  /** What sidecars say of the clusters that they call. */
  readonly troubles: readonly (ClusterTrouble & { readonly destination: NamedService | undefined })[];
}

export interface TrafficStore {
  /** Adds what a sidecar reported. `now` in milliseconds since 1970. */
  record(proxy: Proxy, samples: readonly Sample[], now: number): void;
  /** Up to 2 minutes by seconds, up to 60 minutes by minutes. */
  recent(window: number, now: number): Recent;
  /** What sidecars say of the clusters that they call, of failures those of the last `window` milliseconds. */
  troubles(window: number, now: number): readonly ClusterTrouble[];
  /** Since the start, or since a series was last idle for an hour. */
  totals(): readonly Gained[];
  /** Samples that were dropped, as there were too many series. */
  overflow(): number;
}

const second = 1_000;
const minute = 60_000;
const secondsKept = 120;
const minutesKept = 60;
const statOf = new Map(telemetryStats.map((stat) => [stat.name, stat.of]));

interface Total extends Gained {
  readonly gain: Gain;
  seen: number;
}

/** Traffic in memory, bounded: at most `maxSeries` series, the last two minutes by seconds and the last hour by minutes. */
export function createTrafficStore(directory: Directory, maxSeries = 10_000): TrafficStore {
  const totals = new Map<string, Total>();
  const troubles = createClusterTroubles();
  const seconds = new Map<number, Map<string, Gain>>();
  const minutes = new Map<number, Map<string, Gain>>();
  let started: number | undefined;
  let interval = usualInterval;
  /** When each proxy reported last. */
  const last = new Map<string, number>();
  let dropped = 0;

  const forget = (now: number) => {
    drop(seconds, Math.floor(now / second) - secondsKept);
    if (!drop(minutes, Math.floor(now / minute) - minutesKept)) return;
    for (const [key, total] of totals) if (total.seen < now - minutesKept * minute) totals.delete(key);
    for (const [id, seen] of last) if (seen < now - minutesKept * minute) last.delete(id);
  };

  return {
    record(proxy, samples, now) {
      started ??= now;
      const gap = now - (last.get(proxy.id) ?? Number.NEGATIVE_INFINITY);
      // A flush may come in several messages.
      if (gap > shortestInterval) {
        if (gap < longestInterval) interval = gap;
        last.set(proxy.id, now);
      }
      forget(now);
      const inSecond = slot(seconds, Math.floor(now / second));
      const inMinute = slot(minutes, Math.floor(now / minute));
      for (const sample of samples) {
        if (sample.kind === 'cluster') {
          troubles.record(proxy, sample, now);
          continue;
        }
        if (sample.kind === 'answers') continue;
        const isCall = sample.kind === 'count' || sample.kind === 'duration';
        const series = isCall
          ? seriesOf(proxy, sample.tags, statOf.get(sample.stat) ?? 'http', directory)
          : seriesBeside(proxy, sample, directory);
        if (series === undefined) continue;
        const key = seriesKey(series);
        let total = totals.get(key);
        if (total === undefined) {
          if (totals.size >= maxSeries) {
            dropped += 1;
            continue;
          }
          total = { series, gain: emptyGain(), seen: now };
          totals.set(key, total);
        }
        total.seen = now;
        for (const gain of [total.gain, gainOf(inSecond, key), gainOf(inMinute, key)]) add(gain, sample);
      }
    },
    recent(window, now) {
      forget(now);
      const fine = window <= secondsKept * second;
      const [slots, length] = fine ? [seconds, second] : [minutes, minute];
      const sums = new Map<string, Gain>();
      for (const [at, slotGains] of slots) {
        if (at * length <= now - window) continue;
        for (const [key, gain] of slotGains) merge(gainOf(sums, key), gain);
      }
      const gained = [...sums].flatMap(([key, gain]) => {
        const series = totals.get(key)?.series;
        return series === undefined ? [] : [{ series, gain }];
      });
      // A flush reports the time before it, so even the first one stands for a while.
      const age = started === undefined ? 0 : now - started + interval;
      const wrong = troubles
        .recent(window, now)
        .map((trouble) => ({ ...trouble, destination: directory.destinationOf(trouble.cluster) }));
      return { span: Math.max(second, Math.min(window, age)), gained, troubles: wrong };
    },
    troubles: troubles.recent,
    totals: () => [...totals.values()],
    overflow: () => dropped,
  };
}

/** How often sidecars report, until their reports say so themselves. */
const usualInterval = 5_000;
const shortestInterval = 100;
const longestInterval = 60_000;

function emptyGain(): Gain {
  return { requests: 0, received: 0, sent: 0 };
}

function slot(slots: Map<number, Map<string, Gain>>, at: number): Map<string, Gain> {
  let found = slots.get(at);
  if (found === undefined) {
    found = new Map();
    slots.set(at, found);
  }
  return found;
}

function gainOf(gains: Map<string, Gain>, key: string): Gain {
  let found = gains.get(key);
  if (found === undefined) {
    found = emptyGain();
    gains.set(key, found);
  }
  return found;
}

function add(gain: Gain, sample: CountSample | DurationSample | BesideCalls): void {
  if (sample.kind === 'own' || sample.kind === 'cut' || sample.kind === 'dry-run') gain.requests += sample.value;
  else if (sample.kind === 'duration') {
    gain.durations ??= emptyDistribution();
    addSummary(gain.durations, sample.count, sample.sum, sample.points);
  } else if (sample.stat === 'tcp_received_bytes_total') gain.received += sample.value;
  else if (sample.stat === 'tcp_sent_bytes_total') gain.sent += sample.value;
  else gain.requests += sample.value;
}

function merge(into: Gain, other: Gain): void {
  into.requests += other.requests;
  into.received += other.received;
  into.sent += other.sent;
  if (other.durations === undefined) return;
  into.durations ??= emptyDistribution();
  addDistribution(into.durations, other.durations);
}

/** Drops slots up to `last`; true if there were any. */
function drop(slots: Map<number, unknown>, last: number): boolean {
  const old = [...slots.keys()].filter((at) => at <= last);
  for (const at of old) slots.delete(at);
  return old.length > 0;
}
