import { expect, it } from 'vitest';
import { renewalTime } from '../../src/ca/rotation.ts';

const proxies = 100;
const minute = 60_000;

/** A small generator of numbers in [0, 1): the same ones in each run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

/** How many of the proxies that started together renew in the fullest second, over ten lives. */
function fullestSecond(life: number, seed: number): number {
  const random = numbers(seed);
  const seconds = new Map<number, number>();
  for (let proxy = 0; proxy < proxies; proxy += 1) {
    for (let now = 0; now < 10 * life; ) {
      now = renewalTime(now, now + life, random());
      const second = Math.floor(now / 1_000);
      seconds.set(second, (seconds.get(second) ?? 0) + 1);
    }
  }
  return Math.max(...seconds.values());
}

/*
 * Each draws its own time in a fifth of a life, and so the fullest second depends on how many seconds that are: 288 minutes at 24 h, 12 at
 * 1 h, 1 at the shortest life of 5 min, where chance alone now and then puts more than 5 of 100 into one second.
 */
it.each([
  [24 * 60 * minute, 5],
  [60 * minute, 5],
  [5 * minute, 12],
])('renewals of 100 proxies that started together spread: lives of %i ms (F8)', (life, most) => {
  const fullest = Math.max(...Array.from({ length: 20 }, (_, seed) => fullestSecond(life, seed + 1)));
  console.log(`F8 spread: lives of ${life / minute} min, at most ${fullest} of ${proxies} renewals in one second`);
  expect(fullest).toBeLessThanOrEqual(most);
});
