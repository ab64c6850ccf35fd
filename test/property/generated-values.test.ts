import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { generatedFault } from '../../src/translate/generated-fault.ts';
import { pipeline } from '../golden/pipeline.ts';
import { readScene } from '../golden/scene.ts';
import { canaryKey, secretMaterial } from '../support/spine-mesh.ts';

/** What people write by mistake, or to see what happens: at and beyond limits of Envoy's rules, empty, long, and of other alphabets. */
const odd = {
  number: [
    ...[
      0, 1, -1, 2, 99.99999, 100, 101, 199, 599, 600, 999, 65_535, 65_536, 5_000_011, 8_388_608, 8_388_609, 0.5, 1e-6,
    ],
    ...[2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1],
  ],
  duration: [
    '0s',
    '1ns',
    '1us',
    '0.5ms',
    '1ms',
    '1.000000001s',
    '1h',
    '87600h',
    '2562047h',
    '315576000000s',
    '4294967296ms',
  ],
  text: [
    ...[
      '',
      ' ',
      'a',
      '-',
      'a b',
      'é',
      'é'.repeat(9_000),
      '\u007f',
      'a\tb',
      'a\nb',
      'a\u0000b',
      ':path',
      'x'.repeat(300),
    ],
    ...['y'.repeat(20_000), '/', '*', '**', '%', '%REQ(', '{*}', '(', '\\1', '.', '..', '0.0.0.0', '::1', '10.0.0.0/8'],
    ...['http://a', 'a=b', '#', 'UPPER', '😀', 'a.b.c', 'a_b', '~', '5xx', '1', 'content-length', 'x-envoy-foo'],
  ],
};
/** Maps with keys that people choose. */
const maps = new Set([
  'headers',
  'set',
  'add',
  'withoutHeaders',
  'queryParams',
  'labels',
  'sourceLabels',
  'matchLabels',
  'ports',
]);
const isLong = process.env.WEFT_LONG !== undefined;
const seed = Number(process.env.WEFT_SEED ?? Math.floor(Math.random() * 2 ** 31));
const wanted = isLong ? Number.POSITIVE_INFINITY : 150;

type Path = readonly (string | number)[];
/** One value of one case, or the key of one, that may be another. */
interface Place {
  readonly scene: unknown;
  readonly documents: readonly unknown[];
  /** Which document; -1: the mesh configuration. */
  readonly index: number;
  readonly path: Path;
  readonly isKey: boolean;
  readonly odd: readonly unknown[];
}

const membersOf = (value: unknown): readonly (readonly [string | number, unknown])[] => {
  if (Array.isArray(value)) return value.map((item, index) => [index, item]);
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
};

function* leavesOf(value: unknown, path: Path = []): Generator<{ readonly path: Path; readonly value: unknown }> {
  const members = membersOf(value);
  if (members.length === 0) yield { path, value };
  for (const [key, inner] of members) yield* leavesOf(inner, [...path, key]);
}

function* keysOf(value: unknown, path: Path = []): Generator<Path> {
  for (const [key, inner] of membersOf(value)) {
    if (typeof key === 'string' && maps.has(String(path.at(-1)))) yield [...path, key];
    yield* keysOf(inner, [...path, key]);
  }
}

/** The same, with another value at a path, or another last key. */
function changed(value: unknown, [step, ...rest]: Path, to: unknown, isKey: boolean): unknown {
  if (step === undefined) return to;
  const isMeant = (key: string | number) => String(key) === String(step);
  const members = membersOf(value).map(([key, inner]): readonly [string | number, unknown] => {
    if (!isMeant(key)) return [key, inner];
    return isKey && rest.length === 0 ? [String(to), inner] : [key, changed(inner, rest, to, isKey)];
  });
  return Array.isArray(value) ? members.map(([, inner]) => inner) : Object.fromEntries(members);
}

function oddFor(value: unknown): readonly unknown[] {
  if (typeof value === 'number') return odd.number;
  if (typeof value !== 'string') return [];
  return /^\d+(\.\d+)?(ns|us|ms|s|m|h)/.test(value) ? odd.duration : odd.text;
}

/** Each field that some golden case has, in the smallest that has it. */
function placesOf(): readonly Place[] {
  const folder = join(import.meta.dirname, '../golden/cases');
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name, 'mesh.yaml'), 'utf8'));
  const places = new Map<string, Place>();
  for (const text of texts.sort((one, other) => one.length - other.length)) {
    const [scene, ...documents] = [...text.split(/^---\n/m)].flatMap((part) =>
      parseAllDocuments(part).map((each) => each.toJS()),
    );
    const roots = [...documents.entries(), [-1, (scene as { readonly mesh?: unknown }).mesh] as const];
    for (const [index, root] of roots) {
      const kind = index < 0 ? 'MeshConfig' : String((root as { readonly kind: string }).kind);
      const add = (path: Path, isKey: boolean, values: readonly unknown[]) => {
        const key = `${kind} ${path.map((step) => (typeof step === 'number' ? '#' : step)).join('.')} ${isKey} ${values.length}`;
        const isOurs = !/^(apiVersion|kind|metadata)/.test(String(path[0])) && values.length > 0;
        if (isOurs && !places.has(key)) places.set(key, { scene, documents, index, path, isKey, odd: values });
      };
      for (const { path, value } of leavesOf(root)) add(path, false, oddFor(value));
      for (const path of keysOf(root)) add(path, true, odd.text);
    }
  }
  return [...places.values()];
}

/** What is generated of a case with this in its place; undefined: Weft refuses it. */
function generated({ scene, documents, index, path, isKey }: Place, value: unknown) {
  const written = documents.map((each, at) => (at === index ? changed(each, path, value, isKey) : each));
  const head = index < 0 ? changed(scene, ['mesh', ...path], value, isKey) : scene;
  const text = [head, ...written].map((each) => stringify(each)).join('---\n');
  try {
    return pipeline(readScene(text), secretMaterial(canaryKey)).resources;
  } catch (error) {
    // Refused with a code, or the case has lost the proxy that it shows.
    if (error instanceof Error && /WEFT\d{4}|^no proxy/.test(error.message)) return undefined;
    throw error;
  }
}

/** In an order that the seed decides. */
function shuffled<T>(items: readonly T[]): readonly T[] {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  return items
    .map((item) => ({ item, at: next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

test('what Weft takes of odd values breaks no rule of Envoy (WEFT0601)', {
  timeout: isLong ? 3_600_000 : 120_000,
}, () => {
  const all = placesOf().flatMap((place) => place.odd.map((value) => ({ place, value })));
  expect(all.length).toBeGreaterThan(5_000);
  const tried = shuffled(all).slice(0, wanted);
  let taken = 0;
  for (const { place, value } of tried) {
    const resources = generated(place, value);
    if (resources === undefined) continue;
    taken += 1;
    const faults = resources.flatMap((resource) => generatedFault(resource)?.text ?? []);
    const what = `${place.path.join('.')}${place.isKey ? ' (key)' : ''}: ${JSON.stringify(value).slice(0, 40)}, WEFT_SEED=${seed}`;
    expect([what, ...faults]).toEqual([what]);
  }
  expect(taken).toBeGreaterThan(tried.length / 10);
});
