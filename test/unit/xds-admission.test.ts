import { expect, test } from 'vitest';
import { createAdmission } from '../../src/xds/admission.ts';
import { fakeClock } from '../support/fake-clock.ts';

let peers = 0;
const roomy = { atOnce: 100, longestPlace: 60_000 };

test('X22 so many begin at once: a place is given on when its stream has what it asked for, or after its time', () => {
  const clock = fakeClock(0);
  const admission = createAdmission(
    { perSecond: 1_000, burst: 9, longestWait: 500, atOnce: 2, longestPlace: 300 },
    clock,
  );
  const told: string[] = [];
  const settle: (() => void)[] = [];
  for (let index = 0; index < 6; index += 1)
    admission.enter(`peer ${peers++}`, (settled) => {
      told.push(`${index} ${settled === undefined ? 'out' : 'in'} ${clock.now()}`);
      if (settled !== undefined) settle.push(settled);
    });
  expect(told).toEqual(['0 in 0', '1 in 0']);
  clock.advance(100);
  settle[1]?.();
  settle[1]?.();
  clock.advance(150);
  expect(told.slice(2)).toEqual(['2 in 102']);
  clock.advance(400);
  expect(told.slice(3)).toEqual(['3 in 300', '4 in 402', '5 out 500']);
});

test('X10 a burst is let in at once, the rest in line at the rate, and who waits too long is refused', () => {
  const clock = fakeClock(0);
  const admission = createAdmission({ perSecond: 10, burst: 3, longestWait: 500, ...roomy }, clock);
  const told: string[] = [];
  for (let index = 0; index < 12; index += 1)
    admission.enter(`peer ${peers++}`, (admitted) =>
      told.push(`${index} ${admitted === undefined ? 'out' : 'in'} ${clock.now()}`),
    );
  expect(told).toEqual(['0 in 0', '1 in 0', '2 in 0']);
  clock.advance(1_000);
  expect(told.slice(3)).toEqual([
    '3 in 100',
    '4 in 200',
    '5 in 300',
    '6 in 400',
    '7 out 500',
    '8 out 500',
    '9 out 500',
    '10 out 500',
    '11 out 500',
  ]);
});

test('who gives up leaves the line, and nobody hears anything after the end', () => {
  const clock = fakeClock(0);
  const admission = createAdmission({ perSecond: 10, burst: 1, longestWait: 500, ...roomy }, clock);
  const told: number[] = [];
  const leave = [0, 1, 2].map((index) => admission.enter(`peer ${peers++}`, () => told.push(index)));
  leave[1]?.();
  clock.advance(100);
  expect(told).toEqual([0, 2]);
  admission.enter(`peer ${peers++}`, () => told.push(3));
  admission.stop();
  clock.advance(10_000);
  expect(told).toEqual([0, 2]);
});

test('T10 one connection has four places at most, and those of others begin meanwhile', () => {
  const clock = fakeClock(0);
  const settings = { perSecond: 1_000_000, burst: 1_000, longestWait: 60_000, atOnce: 16, longestPlace: 1_000 };
  const admission = createAdmission(settings, clock);
  const told: string[] = [];
  for (let index = 0; index < 900; index += 1) admission.enter('greedy', () => told.push('greedy'));
  admission.enter('good', () => told.push('good'));
  clock.advance(50);
  expect(told).toEqual(['greedy', 'greedy', 'greedy', 'greedy', 'good']);
  clock.advance(1_000);
  expect(told.length).toBe(9);
});
