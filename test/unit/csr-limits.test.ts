import { expect, it } from 'vitest';
import { type CsrLimits, createCsrLimits } from '../../src/ca/csr-limits.ts';
import { createJumpingClock } from '../support/jumping-clock.ts';

const minute = 60_000;

/** How many of so many requests are signed; each by an identity of its own, and from an address of its own unless one is told. */
function signed(limits: CsrLimits, requests: number, round: string, address?: string): number {
  const callers = Array.from({ length: requests }, (_, index) => ({
    identity: `${round} ${index}`,
    address: address ?? `${round} ${index}`,
  }));
  return callers.filter((caller) => limits.take(caller)).length;
}

it('one address: 200 at once, whoever asks there, then 600 a minute; another address is not held back', () => {
  const clock = createJumpingClock();
  const limits = createCsrLimits(clock);
  expect(signed(limits, 500, 'a', '10.0.0.1')).toBe(200);
  expect(signed(limits, 10, 'b', '10.0.0.2')).toBe(10);
  clock.advance(minute / 6);
  expect(signed(limits, 500, 'c', '10.0.0.1')).toBe(100);
  clock.advance(10 * minute);
  expect(signed(limits, 500, 'd', '10.0.0.1')).toBe(200);
});

it('all together: 1,000 at once, then 6,000 a minute', () => {
  const clock = createJumpingClock();
  const limits = createCsrLimits(clock);
  expect(signed(limits, 3_000, 'a')).toBe(1_000);
  clock.advance(1_000);
  expect(signed(limits, 3_000, 'b')).toBe(100);
});

it('who is refused takes nothing out of the other buckets', () => {
  const limits = createCsrLimits(createJumpingClock());
  const busy = { identity: 'busy', address: '10.0.0.1' };
  expect(Array.from({ length: 500 }, () => limits.take(busy)).filter(Boolean)).toHaveLength(20);
  expect(signed(limits, 500, 'a', busy.address)).toBe(180);
});
