import { expect, test } from 'vitest';
import {
  emptyMap,
  entriesOf,
  keysOf,
  mapOver,
  type PersistentMap,
  valueOf,
  withChanges,
} from '../../src/xds/persistent-map.ts';

/** Numbers from 0 to 1, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

type Change = readonly [string, number | undefined];

/** What a map says of itself must be what a plain one says. */
function expectSame(map: PersistentMap<number>, plain: ReadonlyMap<string, number>, asked: Iterable<string>): void {
  expect(map.size).toBe(plain.size);
  expect(new Map(entriesOf(map))).toEqual(plain);
  const keys = [...keysOf(map)];
  expect([keys.length, new Set(keys)]).toEqual([plain.size, new Set(plain.keys())]);
  for (const key of asked) expect(valueOf(map, key)).toBe(plain.get(key));
}

test.each([1, 2, 3, 4])(
  'T8 whatever changes, and however many at once, a map says what a plain one says: seed %i',
  (seed) => {
    const random = randomOf(seed);
    const below = (most: number) => Math.floor(random() * most);
    const plain = new Map(
      Array.from({ length: below(2) * 9_000 }, (_, index): [string, number] => [`${index}`, index]),
    );
    let map = plain.size === 0 ? emptyMap<number>() : mapOver(new Map(plain));
    let next = plain.size;
    for (let step = 0; step < 60; step += 1) {
      const before = [map, new Map(plain)] as const;
      const count = [1, 7, 90, 1_024, 9_000][below(5)] ?? 1;
      const removes = below(3) === 0;
      const changes: Change[] = [];
      for (let index = 0; index < count; index += 1) {
        const known = `${below(next + 10)}`;
        if (removes) changes.push([known, undefined]);
        else if (below(4) === 0) changes.push([known, next]);
        else changes.push([`${next}`, next]);
        next += 1;
      }
      map = withChanges(map, below(2) === 0 ? changes : new Map(changes));
      for (const [key, value] of changes) {
        if (value === undefined) plain.delete(key);
        else plain.set(key, value);
      }
      if (step % 10 === 0) {
        expectSame(map, plain, [...changes.map(([key]) => key), `${next}`]);
        expectSame(before[0], before[1], []);
      }
    }
    const all = [...plain.keys()];
    map = withChanges(
      map,
      all.slice(0, -3).map((key): Change => [key, undefined]),
    );
    expectSame(map, new Map([...plain].slice(-3)), all);
    expect(map.more.length).toBeLessThan(6);
  },
  120_000,
);
