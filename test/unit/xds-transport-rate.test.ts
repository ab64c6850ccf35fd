import { expect, test } from 'vitest';
import { Allowance, RateGuard } from '../../src/xds/transport-rate.ts';

const mebibyte = 1024 * 1024;

test('T11 what is allowed at once may come at once, and no more', () => {
  expect(new Allowance(mebibyte, mebibyte).exceeded(5_000, mebibyte)).toBe(false);
  expect(new Allowance(mebibyte, mebibyte).exceeded(5_000, 7 * mebibyte)).toBe(true);
});

test('T11 an hour of little noise, at which nobody looked, is none', () => {
  const allowance = new Allowance(mebibyte, mebibyte);
  allowance.exceeded(1_000, 0);
  expect(allowance.exceeded(3_600_000, 3_000 * mebibyte)).toBe(false);
  // What was saved in that hour is no more than a burst.
  expect(allowance.exceeded(3_600_100, 3_003 * mebibyte)).toBe(true);
});

test('T11 events are counted by the second', () => {
  const guard = new RateGuard(2);
  expect([10, 20, 30, 1_000, 1_001].map((now) => guard.exceeded(now))).toEqual([false, false, true, false, false]);
});
