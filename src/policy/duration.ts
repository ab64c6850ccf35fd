const unitMillis: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const hour = 3_600_000;

/** The longest duration that Envoy takes, in milliseconds: it counts in nanoseconds, in 64 bits. A protobuf Duration could hold more. */
export const longestDuration = 9_223_372_035_999;

/**
 * A duration as Go writes it, which is what Istio reads: `1.5s`, `100ms`, `1m30s`, `0s`. Milliseconds; undefined for anything else,
 * for negative values and for what is not a whole number of milliseconds. How long it may be is for the field to say.
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (text.length > 64 || !/^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(amount) * (unitMillis[unit] ?? Number.NaN);
  }
  const millis = Math.round(total);
  return Math.abs(total - millis) > 1e-6 ? undefined : millis;
}

/** Milliseconds as text: `1.5s`, `50ms`; in whole hours from a thousand on. */
export function durationText(millis: number): string {
  if (millis >= 1000 * hour) return `${Math.floor(millis / hour)}h`;
  return millis % 1000 === 0 || millis > 1000 ? `${millis / 1000}s` : `${millis}ms`;
}
