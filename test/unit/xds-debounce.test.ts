import { expect, test } from 'vitest';
import { createDebounce } from '../../src/xds/debounce.ts';
import { fakeClock } from '../support/fake-clock.ts';

const fail = (error: unknown) => {
  throw error;
};

/** Quiet 100 ms, longest 1,000 ms; when it ran, in milliseconds from the start. */
function started() {
  const clock = fakeClock(0);
  const runs: number[] = [];
  const debounce = createDebounce(clock, 100, 1_000, () => runs.push(clock.now()), fail);
  return { clock, runs, debounce };
}

test('runs once, when it has been quiet', () => {
  const { clock, runs, debounce } = started();
  debounce.signal();
  clock.advance(60);
  debounce.signal();
  clock.advance(99);
  expect(runs).toEqual([]);
  clock.advance(1);
  expect(runs).toEqual([160]);
  clock.advance(5_000);
  expect(runs).toEqual([160]);
});

test('X99 runs at the latest `longest` after the first signal, also when signals never end', () => {
  const { clock, runs, debounce } = started();
  for (let at = 0; at < 2_100; at += 50) {
    debounce.signal();
    clock.advance(50);
  }
  expect(runs).toEqual([1_000, 2_000]);
});

test('a shorter wish brings a pending run forward', () => {
  const { clock, runs, debounce } = started();
  debounce.signal();
  clock.advance(20);
  debounce.signal(10);
  clock.advance(500);
  expect(runs).toEqual([30]);
});

test('a shorter wish does not put off a run that is due before it', () => {
  const { clock, runs, debounce } = started();
  debounce.signal();
  clock.advance(95);
  debounce.signal(10);
  clock.advance(500);
  expect(runs).toEqual([100]);
});

test('a usual signal after a shorter wish does not push the run back', () => {
  const { clock, runs, debounce } = started();
  debounce.signal(10);
  clock.advance(5);
  debounce.signal();
  clock.advance(500);
  expect(runs).toEqual([10]);
});

test('of many shorter wishes the earliest counts', () => {
  const { clock, runs, debounce } = started();
  for (let at = 0; at < 30; at += 3) {
    debounce.signal(10);
    clock.advance(3);
  }
  expect(runs).toEqual([10, 22]);
  clock.advance(100);
  expect(runs).toEqual([10, 22, 34]);
});

test('a shorter wish of one run says nothing about the next', () => {
  const { clock, runs, debounce } = started();
  debounce.signal(10);
  clock.advance(10);
  debounce.signal();
  clock.advance(500);
  expect(runs).toEqual([10, 110]);
});

test('stop drops what is pending, and a later signal starts anew', () => {
  const { clock, runs, debounce } = started();
  debounce.signal(10);
  debounce.stop();
  clock.advance(950);
  expect(runs).toEqual([]);
  debounce.signal();
  clock.advance(100);
  expect(runs).toEqual([1_050]);
});

test('a signal given by the run itself makes a further run', () => {
  const clock = fakeClock(0);
  const runs: number[] = [];
  const debounce = createDebounce(
    clock,
    100,
    1_000,
    () => {
      runs.push(clock.now());
      if (runs.length === 1) debounce.signal();
    },
    fail,
  );
  debounce.signal();
  clock.advance(1_000);
  expect(runs).toEqual([100, 200]);
});

test('a run that throws is told, and the next signal runs again', () => {
  const clock = fakeClock(0);
  const failures: unknown[] = [];
  let runs = 0;
  const run = () => {
    runs += 1;
    if (runs === 1) throw new TypeError('a bug');
  };
  const debounce = createDebounce(clock, 100, 1_000, run, (error) => failures.push(error));
  debounce.signal();
  clock.advance(100);
  debounce.signal();
  clock.advance(100);
  expect({ runs, failures: failures.map(String) }).toEqual({ runs: 2, failures: ['TypeError: a bug'] });
});
