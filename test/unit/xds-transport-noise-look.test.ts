import { expect, test } from 'vitest';
import { lookForNoise } from '../../src/xds/transport-noise-look.ts';

/** Connections that count how often they are looked at. `next`: the loop has worked, and the next look comes so many milliseconds too late. */
function watched(count: number) {
  const looks = Array.from({ length: count }, () => 0);
  const connections = looks.map((_, index) => ({
    cutNoisy: () => {
      looks[index] = (looks[index] ?? 0) + 1;
    },
  }));
  let now = 1_000;
  let timer: { readonly at: number; readonly run: () => void } | undefined;
  const after = (delay: number, run: () => void) => {
    timer = { at: now + delay, run };
    return () => {
      timer = undefined;
    };
  };
  const stop = lookForNoise(new Set(connections), { now: () => now, after });
  const next = (late: number): void => {
    const end = performance.now() + 20;
    while (performance.now() < end);
    const due = timer ?? expect.fail('it looks no more');
    now = due.at + late;
    due.run();
  };
  return { looks, stop, next, sum: () => looks.reduce((all, one) => all + one, 0), isOver: () => timer === undefined };
}

test('T11 where the event loop is busy, some connections at a time are looked at, each in its turn', () => {
  const { looks, next, stop, sum, isOver } = watched(100);
  for (const expected of [32, 64, 96, 128]) {
    next(0);
    expect(sum()).toBe(expected);
  }
  expect(looks.filter((count) => count === 2)).toHaveLength(28);
  expect(looks.filter((count) => count === 1)).toHaveLength(72);
  stop();
  expect(isOver()).toBe(true);
});

test('T11 after a turn of the event loop that took long all connections are looked at, each once', () => {
  const { looks, next, stop } = watched(100);
  next(0);
  next(30);
  expect(looks.filter((count) => count === 2)).toHaveLength(32);
  expect(looks.filter((count) => count === 1)).toHaveLength(68);
  stop();
});
