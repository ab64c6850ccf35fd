import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changesSince, createLayer } from '../../src/xds/layer.ts';
import { emptyMap, entriesOf, sizeOf, valueOf, withChanges } from '../../src/xds/persistent-map.ts';
import { createResource } from '../../src/xds/resource.ts';
import { changedNames, lookup } from '../../src/xds/snapshot.ts';

const typeUrl = 'type.googleapis.com/t';
const make = (name: string, text: string) => createResource({ typeUrl, name, value: Buffer.from(text) });

test('X32 equal bytes, equal version', () => {
  expect(make('a', 'x').version).toBe(make('b', 'x').version);
  expect(make('a', 'x').version).not.toBe(make('a', 'y').version);
});

test('a layer keeps the resources that did not change, and itself when nothing did', () => {
  const first = createLayer([make('a', '1'), make('b', '1'), make('c', '1')]);
  const second = createLayer([make('a', '1'), make('b', '2'), make('d', '1')], first);
  expect(second.types.get(typeUrl)?.get('a')).toBe(first.types.get(typeUrl)?.get('a'));
  expect([...(changesSince(second, first, typeUrl) ?? [])].sort()).toEqual(['b', 'c', 'd']);
  expect(createLayer([make('d', '1'), make('b', '2'), make('a', '1')], second)).toBe(second);
});

test('a stream some steps behind is told the sum; one that is further behind compares everything', () => {
  const first = createLayer([make('a', '0')]);
  let layer = first;
  for (let step = 1; step <= 16; step += 1)
    layer = createLayer([make('a', '0'), make(`n${step % 3}`, `${step}`)], layer);
  expect([...(changesSince(layer, first, typeUrl) ?? [])].sort()).toEqual(['n0', 'n1', 'n2']);
  const next = createLayer([make('a', '1')], layer);
  expect(changesSince(next, first, typeUrl)).toBeUndefined();
  expect(changedNames([next], [first], typeUrl)).toBeUndefined();
  expect(changesSince(next, layer, 'another')).toEqual([]);
});

test('X61 two resources of one name are a bug', () => {
  expect(() => createLayer([make('a', '1'), make('a', '2')])).toThrow('named a');
});

test('names are found in every layer', () => {
  const layers = [createLayer([make('a', '1')]), createLayer([make('b', '1')])];
  expect([lookup(layers, typeUrl, 'b')?.name, lookup(layers, typeUrl, 'c')]).toEqual(['b', undefined]);
});

test('a persistent map is a map, and never changes', () => {
  const change = fc.tuple(fc.integer({ min: 0, max: 40 }).map(String), fc.option(fc.integer(), { nil: undefined }));
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 12 })), (steps) => {
      let map = emptyMap<number>();
      const expected = new Map<string, number>();
      for (const changes of steps) {
        const before = map;
        const copy = [...entriesOf(before)];
        map = withChanges(map, changes);
        for (const [key, value] of changes) {
          if (value === undefined) expected.delete(key);
          else expected.set(key, value);
        }
        expect([...entriesOf(before)]).toEqual(copy);
      }
      expect(new Map(entriesOf(map))).toEqual(expected);
      expect(sizeOf(map)).toBe(expected.size);
      for (const [key, value] of expected) expect(valueOf(map, key)).toBe(value);
    }),
  );
});
