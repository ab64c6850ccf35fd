import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changesSince } from '../../src/xds/changes-since.ts';
import { createLayer, resourcesOf, updateLayer } from '../../src/xds/layer.ts';
import { emptyMap, entriesOf, valueOf, withChanges } from '../../src/xds/persistent-map.ts';
import { createResource } from '../../src/xds/resource.ts';
import { changedNames, digestOfType, lookup } from '../../src/xds/snapshot.ts';

const typeUrl = 'type.googleapis.com/t';
const make = (name: string, text: string) => createResource({ typeUrl, name, value: Buffer.from(text) });

test('X32 equal bytes, equal version', () => {
  expect(make('a', 'x').version).toBe(make('b', 'x').version);
  expect(make('a', 'x').version).not.toBe(make('a', 'y').version);
});

test('a layer keeps the resources that did not change, and itself when nothing did', () => {
  const first = createLayer([make('a', '1'), make('b', '1'), make('c', '1')]);
  const second = createLayer([make('a', '1'), make('b', '2'), make('d', '1')], first);
  expect(lookup([second], typeUrl, 'a')).toBe(lookup([first], typeUrl, 'a'));
  expect([...changesSince(second, first, typeUrl)].sort()).toEqual(['b', 'c', 'd']);
  expect(createLayer([make('d', '1'), make('b', '2'), make('a', '1')], second)).toBe(second);
});

test('a stream some steps behind is told the sum; for one that is further behind the layers are compared, once', () => {
  const first = createLayer([make('a', '0')]);
  let layer = first;
  for (let step = 1; step <= 16; step += 1)
    layer = createLayer([make('a', '0'), make(`n${step % 3}`, `${step}`)], layer);
  expect([...changesSince(layer, first, typeUrl)].sort()).toEqual(['n0', 'n1', 'n2']);
  const next = createLayer([make('a', '1')], layer);
  const compared = changesSince(next, first, typeUrl);
  expect([...compared].sort()).toEqual(['a']);
  expect(changesSince(next, first, typeUrl)).toBe(compared);
  expect(changedNames([next], [first], typeUrl)).toEqual(['a']);
  expect(changesSince(next, layer, 'another')).toEqual([]);
});

test('an updated layer is the layer that would have been made anew, with the same fingerprint and the same changes', () => {
  const names = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const change = fc.record({ name: names, text: fc.option(fc.constantFrom('1', '2'), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(fc.uniqueArray(change, { selector: ({ name }) => name, maxLength: 4 })), (steps) => {
      let layer = createLayer([]);
      const content = new Map<string, string>();
      for (const changes of steps) {
        const before = layer;
        layer = updateLayer(layer, {
          set: changes.flatMap(({ name, text }) => (text === undefined ? [] : [make(name, text)])),
          remove: changes.flatMap(({ name, text }) => (text === undefined ? [{ typeUrl, name }] : [])),
        });
        const really = changes.filter(({ name, text }) => content.get(name) !== text).map(({ name }) => name);
        for (const { name, text } of changes)
          if (text === undefined) content.delete(name);
          else content.set(name, text);
        expect([...changesSince(layer, before, typeUrl)].sort()).toEqual(really.sort());
      }
      const anew = createLayer(Array.from(content, ([name, text]) => make(name, text)));
      expect(digestOfType([layer], typeUrl)).toEqual(digestOfType([anew], typeUrl));
      const versions = [layer, anew].map((one) =>
        [...entriesOf(resourcesOf(one, typeUrl))].map(([name, { version }]) => [name, version]).sort(),
      );
      expect(versions[0]).toEqual(versions[1]);
    }),
  );
});

test('X83 a resource is found under its aliases, and its changes are told under them', () => {
  const host = (text: string, aliases: readonly string[]) =>
    createResource({ typeUrl, name: 'out/a', value: Buffer.from(text), aliases });
  const first = createLayer([host('1', ['out/a:80'])]);
  expect(lookup([first], typeUrl, 'out/a:80')?.name).toBe('out/a');
  const second = updateLayer(first, { set: [host('2', ['out/a:81'])] });
  expect([...changesSince(second, first, typeUrl)].sort()).toEqual(['out/a', 'out/a:80', 'out/a:81']);
  expect(lookup([second], typeUrl, 'out/a:80')).toBeUndefined();
});

test('X61 two resources of one name are a bug', () => {
  expect(() => createLayer([make('a', '1'), make('a', '2')])).toThrow('named a');
  const layer = createLayer([make('a', '1')]);
  const words = `two resources of type ${typeUrl} are named a`;
  // Also where the one that is not the newest is as it was, or both are equal.
  for (const set of [
    [make('a', '2'), make('a', '3')],
    [make('a', '1'), make('a', '2')],
    [make('a', '2'), make('a', '2')],
  ])
    expect(() => updateLayer(layer, { set })).toThrow(words);
});

test('what is set and removed at once is refused; of another type, or under another name, it is another thing', () => {
  const [one, other] = [make('a', '1'), createResource({ typeUrl: `${typeUrl}2`, name: 'a', value: Buffer.from('1') })];
  const layer = createLayer([one, other, make('b', '1')]);
  expect(() => updateLayer(layer, { set: [one], remove: [{ typeUrl, name: 'a' }] })).toThrow(
    `update: a of type ${typeUrl} stands in "set" and in "remove": leave it out of one`,
  );
  const next = updateLayer(layer, { set: [make('a', '2')], remove: [other, { typeUrl, name: 'b' }] });
  expect([lookup([next], typeUrl, 'a')?.version, lookup([next], typeUrl, 'b')]).toEqual([
    make('x', '2').version,
    undefined,
  ]);
  expect(lookup([next], other.typeUrl, 'a')).toBeUndefined();
});

test('an alias passes from one resource to another in one update, in either order', () => {
  const named = (name: string, text: string, aliases: readonly string[]) =>
    createResource({ typeUrl, name, value: Buffer.from(text), aliases });
  const layer = createLayer([named('x', '1', ['z']), named('w', '1', [])]);
  const [x, y] = [named('x', '1', []), named('y', '1', ['z'])];
  for (const set of [
    [x, y],
    [y, x],
  ]) {
    const next = updateLayer(layer, { set });
    expect(['x', 'y', 'z', 'w'].map((name) => lookup([next], typeUrl, name)?.name)).toEqual(['x', 'y', 'y', 'w']);
    expect(digestOfType([next], typeUrl)).toEqual(digestOfType([createLayer([x, y, named('w', '1', [])])], typeUrl));
  }
  const taken = [named('y', '1', ['x'])];
  expect(() => updateLayer(layer, { set: taken })).toThrow('named x');
  // By whichever name it is said to be gone.
  const remove = [{ typeUrl, name: 'z' }];
  expect(() => updateLayer(layer, { set: [named('x', '1', ['z'])], remove })).toThrow('"set" and in "remove"');
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
      expect(map.size).toBe(expected.size);
      for (const [key, value] of expected) expect(valueOf(map, key)).toBe(value);
    }),
  );
});
