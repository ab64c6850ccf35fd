import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { isDue, type RotationState, renewalTime, step, wakeAt } from '../../src/ca/rotation.ts';
import { createSvidSource } from '../../src/ca/svid-source.ts';
import { createJumpingClock } from '../support/jumping-clock.ts';
import { memoryStore } from '../support/memory-store.ts';

const identity = { trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'reviews' };
const minute = 60_000;

describe('a rotation', () => {
  it('has a valid SVID at every clock step, renewed before its end, at 50 % ± 10 % of its life', async () => {
    const steps = fc.array(fc.integer({ min: 1, max: 20 * minute }), { minLength: 1, maxLength: 12 });
    const lives = fc.integer({ min: 5, max: 24 * 60 }).map((minutes) => minutes * minute);
    const chances = fc.array(fc.double({ min: 0, max: 0.999999, noNaN: true }), { minLength: 1, maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(steps, lives, chances, async (durations, ttl, drawn) => {
        const clock = createJumpingClock();
        const authority = await openAuthority({ store: memoryStore(), clock, trustDomain: 'demo.mesh' });
        let draws = 0;
        const random = () => drawn[draws++ % drawn.length] ?? 0;
        const source = createSvidSource({ authority, clock, ttl, random });
        let current = source.get(identity);
        source.subscribe(identity, (next) => {
          const age = (clock.now() - current.issuedAt) / (current.notAfter - current.issuedAt);
          expect(age).toBeGreaterThanOrEqual(0.399);
          expect(age).toBeLessThanOrEqual(0.601);
          expect(clock.now()).toBeLessThan(current.notAfter);
          current = next;
        });
        for (const duration of durations) {
          clock.advance(duration);
          // Nobody asked: the timer alone has renewed it.
          expect(current.notBefore).toBeLessThanOrEqual(clock.now());
          expect(current.notAfter).toBeGreaterThan(clock.now());
          expect(source.get(identity)).toBe(current);
        }
        source.dispose();
        authority.dispose();
        expect(clock.pending()).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('never serves what is not valid, however the wall clock is set (F22, E13)', async () => {
    const clock = createJumpingClock();
    const authority = await openAuthority({ store: memoryStore(), clock, trustDomain: 'demo.mesh' });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: -3 * 60 * minute, max: 30 * 60 * minute }), { maxLength: 20 }),
        async (jumps) => {
          const source = createSvidSource({ authority, clock, ttl: 60 * minute, random: () => 0.5 });
          for (const jump of jumps) {
            // The authority itself is not older than its own start.
            clock.jump(Math.max(jump, authority.info().issuer.validFrom - clock.now() + 6 * minute));
            const svid = source.get(identity);
            expect(svid.notBefore).toBeLessThanOrEqual(clock.now());
            expect(svid.notAfter).toBeGreaterThan(clock.now());
          }
          source.dispose();
        },
      ),
      { numRuns: 50 },
    );
    authority.dispose();
  });
});

type Event = { readonly kind: 'wait'; readonly by: number } | { readonly kind: 'succeed' | 'fail' };
const events = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('wait' as const), by: fc.integer({ min: 0, max: 400 }) }),
    fc.record({ kind: fc.constantFrom('succeed' as const, 'fail' as const) }),
  ),
  { maxLength: 80 },
);

describe('its pure step', () => {
  it('drops nothing valid, keeps nothing expired, always knows when to look again', () => {
    fc.assert(
      fc.property(events, (history: readonly Event[]) => {
        let state: RotationState<number> = {};
        let now = 1_000_000;
        let made = 0;
        for (const event of history) {
          const before = state;
          if (event.kind === 'wait') now += event.by * 1_000;
          if (event.kind === 'fail') state = step(state, { kind: 'failed', now });
          if (event.kind === 'succeed' && isDue(state, now)) {
            made += 1;
            const notAfter = now + 300_000;
            state = step(state, {
              kind: 'issued',
              now,
              slot: { value: made, notBefore: now - 1, notAfter, renewAt: renewalTime(now, notAfter, 0.5) },
            });
            expect(state.current?.value).toBe(made);
          }
          state = step(state, { kind: 'tick', now });
          const wasValid = before.current !== undefined && now < before.current.notAfter;
          expect(state.current !== undefined || !wasValid).toBe(true);
          expect(state.current === undefined || now < state.current.notAfter).toBe(true);
          expect(isDue(state, now) || wakeAt(state) > now).toBe(true);
          expect(step(state, { kind: 'tick', now })).toBe(state);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('lets a successor wait until it is valid, and refuses one that gains nothing', () => {
    const slot = (value: number, notBefore: number, notAfter: number) => ({
      value,
      notBefore,
      notAfter,
      renewAt: notAfter - 50,
    });
    const held = step<number>({}, { kind: 'issued', now: 0, slot: slot(1, 0, 100) });
    const waiting = step(held, { kind: 'issued', now: 60, slot: slot(2, 70, 200) });
    expect([waiting.current?.value, waiting.next?.value, isDue(waiting, 60), wakeAt(waiting)]).toEqual([
      1,
      2,
      false,
      70,
    ]);
    expect(step(waiting, { kind: 'tick', now: 70 })).toEqual({ current: slot(2, 70, 200) });
    const same = step(held, { kind: 'issued', now: 60, slot: slot(3, 60, 100) });
    expect([same.current?.value, same.next, isDue(same, 61), wakeAt(same)]).toEqual([1, undefined, false, 100]);
  });
});
