import { expect, test } from 'vitest';
import { createPlaces } from '../../src/xds/places.ts';
import { fakeClock } from '../support/fake-clock.ts';

/** So many who ask one after another; who came in when, and how each leaves. */
function asking(count: number, atOnce: number, longest = 1_000) {
  const clock = fakeClock(0);
  const places = createPlaces(atOnce, longest, clock);
  const told: string[] = [];
  const leave: (() => void)[] = [];
  const giveUp: (() => void)[] = [];
  const ask = (index: number): void => {
    giveUp[index] = places.take((out) => {
      told.push(`${index} at ${clock.now()}`);
      leave[index] = out;
    });
  };
  for (let index = 0; index < count; index += 1) ask(index);
  return { clock, places, told, leave, giveUp, ask };
}

test('X22 so many are in at once; the others follow in the order of asking, one for each place that is given back', () => {
  const { told, leave, clock } = asking(5, 2);
  expect(told).toEqual(['0 at 0', '1 at 0']);
  clock.advance(10);
  leave[1]?.();
  expect(told.slice(2)).toEqual(['2 at 10']);
  leave[0]?.();
  leave[2]?.();
  expect(told.slice(3)).toEqual(['3 at 10', '4 at 10']);
});

test('a place is given back once, however often its holder says so', () => {
  const { told, leave } = asking(4, 1);
  for (let again = 0; again < 3; again += 1) leave[0]?.();
  expect(told).toEqual(['0 at 0', '1 at 0']);
});

test('X22 after its time a place goes to the next, and what its holder says later is no place of another', () => {
  const { told, leave, clock } = asking(3, 1, 300);
  clock.advance(299);
  expect(told).toHaveLength(1);
  clock.advance(1);
  expect(told).toEqual(['0 at 0', '1 at 300']);
  leave[0]?.();
  expect(told).toHaveLength(2);
  // The time of the second counts from when it came in.
  clock.advance(299);
  expect(told).toHaveLength(2);
  clock.advance(1);
  expect(told.at(-1)).toBe('2 at 600');
});

test('who left in time has no timer left that could take a place from somebody else', () => {
  const { told, leave, clock, ask } = asking(1, 1, 300);
  clock.advance(200);
  leave[0]?.();
  ask(1);
  ask(2);
  clock.advance(299);
  expect(told).toEqual(['0 at 0', '1 at 200']);
});

test('who gives up waiting is passed over; who is in gives its place back by the same', () => {
  const { told, leave, giveUp } = asking(4, 1);
  giveUp[1]?.();
  expect(told).toHaveLength(1);
  giveUp[0]?.();
  expect(told).toEqual(['0 at 0', '2 at 0']);
  leave[0]?.();
  expect(told).toHaveLength(2);
});

test('free says whether who asks now would come in now', () => {
  const { places, leave, ask, giveUp } = asking(1, 2);
  expect(places.free).toBe(true);
  ask(1);
  expect(places.free).toBe(false);
  ask(2);
  leave[0]?.();
  expect(places.free).toBe(false);
  leave[1]?.();
  expect(places.free).toBe(true);
  ask(3);
  ask(4);
  giveUp[4]?.();
  expect(places.free).toBe(false);
  leave[2]?.();
  expect(places.free).toBe(true);
});

test('after the end nobody comes in, and no timer runs', () => {
  const { places, told, leave, ask, clock } = asking(3, 1, 300);
  places.stop();
  leave[0]?.();
  ask(3);
  clock.advance(10_000);
  expect(told).toEqual(['0 at 0']);
});

test('who leaves before its call returns makes room at once', () => {
  const places = createPlaces(1, 1_000, fakeClock(0));
  let first = (): void => undefined;
  let served = 0;
  places.take((leave) => {
    first = leave;
  });
  for (let index = 0; index < 1_000; index += 1)
    places.take((leave) => {
      served += 1;
      leave();
    });
  expect(served).toBe(0);
  first();
  expect([served, places.free]).toEqual([1_000, true]);
});

test('X22 who is at work keeps its place for a while longer, though not for ever', () => {
  const clock = fakeClock(0);
  const places = createPlaces(1, 10, clock);
  const told: string[] = [];
  places.take(() => {}, { busy: () => true });
  places.take(() => told.push(`in at ${clock.now()}`));
  clock.advance(20);
  expect(told).toEqual([]);
  clock.advance(10);
  expect(told).toHaveLength(1);
});
