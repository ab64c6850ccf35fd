import { expect, test } from 'vitest';
import { createPenalties } from '../../src/xds/penalties.ts';
import { fakeClock } from '../support/fake-clock.ts';

test('T11 who was cut for an abuse begins anew ten times a second at most, and twice where it goes on', () => {
  const clock = fakeClock();
  const penalties = createPenalties(clock);
  expect(penalties.wait('192.0.2.1')).toBe(0);
  penalties.punish('192.0.2.1');
  expect([1, 2, 3].map(() => penalties.wait('192.0.2.1'))).toEqual([100, 200, 300]);
  expect(penalties.wait('192.0.2.2')).toBe(0);
  clock.advance(1_000);
  for (let abuse = 0; abuse < 5; abuse += 1) penalties.punish('192.0.2.1');
  expect([1, 2, 3].map(() => penalties.wait('192.0.2.1'))).toEqual([500, 1_000, 1_500]);
});

test('T11 more than five seconds of connections do not wait in line: they are refused', () => {
  const penalties = createPenalties(fakeClock());
  penalties.punish('192.0.2.1');
  const waits = Array.from({ length: 55 }, () => penalties.wait('192.0.2.1'));
  expect(waits.slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, index) => 100 * (index + 1)));
  expect(waits.slice(50)).toEqual(Array.from({ length: 5 }, () => undefined));
});

test('T11 a penalty ends two seconds after the last abuse, and never adds up', () => {
  const clock = fakeClock();
  const penalties = createPenalties(clock);
  penalties.punish('192.0.2.1');
  clock.advance(1_500);
  penalties.punish('192.0.2.1');
  clock.advance(1_000);
  expect(penalties.wait('192.0.2.1')).toBe(0);
  expect(penalties.wait('192.0.2.1')).toBe(200);
  clock.advance(1_000);
  expect([penalties.wait('192.0.2.1'), penalties.wait('192.0.2.1')]).toEqual([0, 0]);
});

test('T11 no more than 10,000 addresses are remembered; the oldest go', () => {
  const penalties = createPenalties(fakeClock());
  for (let index = 0; index <= 10_000; index += 1) penalties.punish(`address ${index}`);
  expect(penalties.wait('address 0')).toBe(0);
  expect(penalties.wait('address 1')).toBe(100);
});
