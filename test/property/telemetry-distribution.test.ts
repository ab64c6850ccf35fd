import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addDistribution,
  addSummary,
  countUpTo,
  emptyDistribution,
  quantile,
} from '../../src/telemetry/distribution.ts';

/** Quantiles as Envoy sends them. */
const shares = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1];
const values = fc.array(fc.double({ min: 0.05, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 500 });

function at(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

test('a summary taken apart and put together again has its quantiles within a bin, and its count and sum', () => {
  fc.assert(
    fc.property(values, (list) => {
      const sorted = [...list].sort((a, b) => a - b);
      const points = shares.map((q) => ({ quantile: q, value: at(sorted, q) }));
      const sum = list.reduce((a, b) => a + b, 0);
      const whole = emptyDistribution();
      addSummary(whole, list.length, sum, points);
      expect(whole.count).toBe(list.length);
      expect(whole.sum).toBe(sum);
      expect(countUpTo(whole, 1e9)).toBeCloseTo(list.length, 6);
      for (const { quantile: q, value } of points.slice(1, -1)) {
        const got = quantile(whole, q) ?? 0;
        // Between two points the values are anywhere; at a point they are known.
        expect(got).toBeGreaterThanOrEqual(at(sorted, Math.max(0, q - 0.001)) / 1.081 - 1e-9);
        expect(got).toBeLessThanOrEqual(value * 1.081 + 1e-9);
      }
      const twice = emptyDistribution();
      addDistribution(twice, whole);
      addDistribution(twice, whole);
      expect(quantile(twice, 0.5)).toBeCloseTo(quantile(whole, 0.5) ?? 0, 6);
    }),
    { numRuns: 300 },
  );
});
