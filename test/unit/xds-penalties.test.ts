import { expect, test } from 'vitest';
import { createPenalties } from '../../src/xds/penalties.ts';
import { fakeClock } from '../support/fake-clock.ts';

const address = '192.0.2.1';

test('T11 who was cut for a flood begins anew ten times a second at most, and twice where it goes on', () => {
  const clock = fakeClock();
  const penalties = createPenalties(clock);
  expect(penalties.wait(address)).toBe(0);
  penalties.punish(address, 'flood');
  expect([1, 2, 3].map(() => penalties.wait(address))).toEqual([100, 200, 300]);
  expect(penalties.wait('192.0.2.2')).toBe(0);
  clock.advance(1_000);
  for (let abuse = 0; abuse < 5; abuse += 1) penalties.punish(address, 'flood');
  expect([1, 2, 3].map(() => penalties.wait(address))).toEqual([500, 1_000, 1_500]);
});

test('T11 more than five seconds of connections do not wait in line: they are refused', () => {
  const penalties = createPenalties(fakeClock());
  penalties.punish(address, 'flood');
  const waits = Array.from({ length: 55 }, () => penalties.wait(address));
  expect(waits.slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, index) => 100 * (index + 1)));
  expect(waits.slice(50)).toEqual(Array.from({ length: 5 }, () => undefined));
});

test('T11 a penalty ends two seconds after the last offence, however many came and waited meanwhile', () => {
  const clock = fakeClock();
  const penalties = createPenalties(clock);
  penalties.punish(address, 'flood');
  const waits: (number | undefined)[] = [];
  for (let passed = 0; passed < 60_000; passed += 50) {
    waits.push(penalties.wait(address));
    clock.advance(50);
  }
  expect(waits.slice(0, 40).every((wait) => wait !== 0)).toBe(true);
  expect(waits.slice(40).every((wait) => wait === 0)).toBe(true);
});

test('T11 a client of another protocol that looks in now and then waits for nothing, one that hammers does', () => {
  const clock = fakeClock();
  const penalties = createPenalties(clock);
  for (let probe = 0; probe < 100; probe += 1) {
    penalties.punish(address, 'protocol');
    expect(penalties.wait(address)).toBe(0);
    clock.advance(600);
  }
  for (let blow = 0; blow < 10; blow += 1) penalties.punish(address, 'protocol');
  expect(penalties.wait(address)).toBeGreaterThan(0);
});

test('T11 no more than 10,000 addresses are remembered; the oldest go', () => {
  const penalties = createPenalties(fakeClock());
  for (let index = 0; index <= 10_000; index += 1) penalties.punish(`address ${index}`, 'flood');
  expect(penalties.wait('address 0')).toBe(0);
  expect(penalties.wait('address 1')).toBe(100);
});

test('X20 T11 of each address one connection a second may have many streams, and none in the minute after a flood', () => {
  const clock = fakeClock();
  const penalties = createPenalties(clock);
  expect([1, 2].map(() => penalties.grantMany(address))).toEqual([true, false]);
  expect(penalties.grantMany('192.0.2.2')).toBe(true);
  clock.advance(1_000);
  expect(penalties.grantMany(address)).toBe(true);
  penalties.punish(address, 'flood');
  clock.advance(59_999);
  expect(penalties.wait(address)).toBe(0);
  expect(penalties.grantMany(address)).toBe(false);
  clock.advance(1);
  expect(penalties.grantMany(address)).toBe(true);
});
