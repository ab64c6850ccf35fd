import fc from 'fast-check';
import { expect, test } from 'vitest';
import { differingKeys, mapCounter, sortedMap, withEntries } from '../../src/model/sorted-map.ts';

const keys = fc.stringMatching(/^[a-f]{1,2}$/);
const changes = fc.array(fc.tuple(keys, fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined })), {
  maxLength: 30,
});
const sorted = (map: ReadonlyMap<string, number>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

test('any changes give the map that a plain one would be, in the order of its keys, and tell what differs', () => {
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 12 }), fc.boolean(), (history, isPlain) => {
      const plain = new Map<string, number>();
      let map: ReadonlyMap<string, number> = isPlain ? new Map() : sortedMap<string, number>([]);
      const all = [map];
      for (const step of history) {
        for (const [key, value] of step) value === undefined ? plain.delete(key) : plain.set(key, value);
        map = withEntries(map, new Map(step));
        all.push(map);
        expect([...map]).toEqual(sorted(plain));
        expect([...map.keys()]).toEqual(sorted(plain).map(([key]) => key));
        expect([...map.values()]).toEqual(sorted(plain).map(([, value]) => value));
        const told: [string, number][] = [];
        map.forEach((value, key, of) => {
          told.push([key, of === map ? value : -1]);
        });
        expect(told).toEqual(sorted(plain));
        expect(map.size).toBe(plain.size);
      }
      for (const before of all) {
        const either = new Set([...before.keys(), ...map.keys()]);
        const expected = [...either].filter((key) => before.get(key) !== map.get(key));
        expect([...differingKeys(before, map)].sort()).toEqual(expected.sort());
        for (const key of either) expect(before.has(key)).toBe(before.get(key) !== undefined);
      }
    }),
    { numRuns: 300 },
  );
});

test('what says the same is the same map', () => {
  const map = sortedMap([['b', 1]]);
  expect(withEntries(map, new Map([['b', 1]]))).toBe(map);
  expect(withEntries(map, new Map([['a', undefined]]))).toBe(map);
  expect(differingKeys(map, map).size).toBe(0);
});

test('a change of a large map looks at what changed; all is looked at as seldom as the root of the size', () => {
  let map: ReadonlyMap<string, number> = sortedMap(
    Array.from({ length: 10_000 }, (_, index) => [`k${index}`, index] as const),
  );
  const before = mapCounter.entries;
  for (let index = 0; index < 1_000; index += 1) {
    map = withEntries(map, new Map([[`k${index}`, -1]]));
  }
  expect(mapCounter.entries - before).toBeLessThanOrEqual(1_000 * 100);
  const [here, next] = [map, withEntries(map, new Map([['k5', -2]]))];
  const looked = mapCounter.entries;
  expect([...differingKeys(here, next)]).toEqual(['k5']);
  expect(mapCounter.entries).toBe(looked);
});
