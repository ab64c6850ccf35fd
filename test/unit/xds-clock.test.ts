import { expect, test, vi } from 'vitest';
import { systemClock, timerLength } from '../../src/xds/clock.ts';

test('T7 however many times are asked for, timers have few lengths: Node keeps a list of each', () => {
  const lengths = new Set<number>();
  for (let asked = 0.5; asked < 2 ** 31; asked = asked * 1.001 + 0.1) {
    const length = timerLength(asked);
    expect(length).toBeGreaterThanOrEqual(asked);
    expect(length).toBeLessThanOrEqual(Math.max(asked + 1, asked * 1.004));
    expect(Number.isInteger(length)).toBe(true);
    lengths.add(length);
  }
  expect(lengths.size).toBeLessThanOrEqual(256 * 24);
  expect([0, 1, 5_000, 10_000, 60_000, 2 ** 31 - 1].map(timerLength)).toEqual([
    0,
    1,
    5_008,
    10_016,
    60_032,
    2 ** 31 - 1,
  ]);
});

test('what is cancelled is not called, and what is not comes no sooner than asked for', async () => {
  const calls: string[] = [];
  const began = performance.now();
  const cancel = systemClock.after(1, () => calls.push('cancelled'));
  cancel();
  await new Promise<void>((resolve) => {
    systemClock.after(5, resolve);
    // The timers of the clock keep no process alive.
    setTimeout(() => {}, 100);
  });
  expect(performance.now() - began).toBeGreaterThan(4);
  expect(calls).toEqual([]);
});

test('F22 who sets the clock of the machine back by an hour changes no interval', () => {
  const before = systemClock.now();
  expect(Math.abs(before - Date.now())).toBeLessThan(60_000);
  const set = vi.spyOn(Date, 'now').mockReturnValue(before - 3_600_000);
  const after = systemClock.now();
  set.mockRestore();
  expect(after - before).toBeGreaterThanOrEqual(0);
  expect(after - before).toBeLessThan(10_000);
});
