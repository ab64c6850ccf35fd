import { describe, expect, test } from 'vitest';
import { finish } from '../../src/model/steps.ts';
import { readShape } from '../../src/policy/check-shape.ts';
import { documentShapes } from '../../src/policy/document-shapes.ts';
import { fieldPath } from '../../src/policy/field-path.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { readYaml } from '../../src/policy/read-yaml.ts';
import { reportInto } from '../../src/policy/report.ts';
import type { ListShape, Shape } from '../../src/policy/shape.ts';
import {
  anyText,
  bytes,
  duration,
  integer,
  list,
  map,
  number,
  object,
  refused,
  row,
  text,
} from '../../src/policy/shape-builders.ts';
import { indexLines } from '../../src/policy/source-node.ts';
import { ruleDefinitions } from '../../src/policy/text-rules.ts';

/** The findings and the value of a text read by a shape. */
function check(shape: Shape, yaml: string) {
  const found: Parameters<typeof reportInto>[0] = [];
  const lines = indexLines('a.yaml', yaml);
  const report = reportInto(found);
  const root = finish(readYaml(lines, report))?.[0]?.root;
  if (root === undefined) throw new Error('no document');
  const value = readShape(shape, root, 'a', { lines, report, whole: shape, positions: new Map() });
  return { value, found: found.map(({ at, code, message, hint }) => `${at.column} ${code} ${message}; ${hint}`) };
}

describe('rules between fields and entries', () => {
  test.each<[string, Shape, string, string]>([
    [
      'exactly one, none',
      object({ a: anyText, b: anyText }, { oneOf: [['a', 'b']] }),
      '{}',
      '1 WEFT0002 expected "a" or "b", which is required; add a',
    ],
    [
      'exactly one, both',
      object({ a: anyText, b: anyText }, { oneOf: [['a', 'b']] }),
      '{ a: x, b: y }',
      '9 WEFT0137 a and b exclude each other; keep one',
    ],
    [
      'at least one',
      object({ a: anyText, b: anyText }, { atLeastOne: [['a', 'b']] }),
      '{}',
      '1 WEFT0002 expected "a" or "b", which is required; add a',
    ],
    [
      'what a field needs',
      object({ a: anyText, b: anyText }, { requires: { a: ['b'] } }),
      '{ a: x }',
      '3 WEFT0002 expected "b" beside a; add b',
    ],
    [
      'too few entries',
      list(anyText, { min: 2 }),
      '[a]',
      '1 WEFT0002 expected at least 2 entries, got 1; write at least 2 entries',
    ],
    [
      'too many entries',
      list(anyText, { max: 1 }),
      '[a, b]',
      '5 WEFT0002 expected at most 1 entries, got 2; write at most 1 entries',
    ],
    [
      'an entry twice',
      list(anyText, { unique: true }),
      '[a, b, a]',
      '8 WEFT0002 expected each entry once, got "a" again; first at a[0]; keep one',
    ],
    [
      'a name twice',
      list(object({ name: anyText }), { unique: 'name' }),
      '[{ name: x }, { name: x }]',
      '23 WEFT0002 expected each name once, got "x" again; first at a[0].name; keep one',
    ],
    [
      'too many keys',
      map('any', anyText, { max: 1 }),
      '{ a: x, b: y }',
      '1 WEFT0002 expected at most one entry, got 2; write at most one entry',
    ],
    [
      'too long a text',
      text(undefined, { maxLength: 3 }),
      'abcd',
      '1 WEFT0002 expected at most 3 characters, got 4; write at most 3 characters',
    ],
    [
      'a number that is not above',
      number(0, 10, { above: true }),
      '0',
      '1 WEFT0002 expected a number above 0, at most 10, got 0; write a number above 0, at most 10',
    ],
    [
      'a fraction',
      integer(0, 10),
      '0.5',
      '1 WEFT0002 expected a whole number from 0 to 10, got 0.5; write a whole number from 0 to 10',
    ],
    ...['a*b', 'YWI', 'YW-_', '""'].map((written): [string, Shape, string, string] => [
      `what is no base64: ${written}`,
      bytes(10),
      written,
      `1 WEFT0002 expected bytes in base64, padded with "=", got "${written.replaceAll('"', '')}"; write bytes in base64, padded with "="`,
    ]),
    ['too many bytes', bytes(2), 'YWJj', '1 WEFT0002 expected at most 2 bytes, got "YWJj"; write at most 2 bytes'],
    [
      'parts of a second',
      duration(0, undefined, 1000),
      '1500ms',
      '1 WEFT0002 expected whole seconds, got "1500ms"; write whole seconds',
    ],
  ])('%s', (_name, shape, yaml, finding) => {
    expect(check(shape, yaml).found).toEqual([finding]);
  });

  test('what fits is read', () => {
    expect(check(list(anyText, { min: 1, max: 2, unique: true }), '[a, b]')).toEqual({ value: ['a', 'b'], found: [] });
    expect(check(bytes(3), 'YWJj').value).toEqual(new TextEncoder().encode('abc'));
    expect(check(bytes(3), '+/8=').value).toEqual(new Uint8Array([251, 255]));
    expect(check(number(0, 10, { above: true }), '0.5').value).toBe(0.5);
    expect(check(text(undefined, { maxLength: 3 }), '𝒶𝒷𝒸').value).toBe('𝒶𝒷𝒸');
    expect(check(text(undefined, { allowEmpty: true }), '""').value).toBe('');
  });

  test('a row changes neither the check nor the value', () => {
    expect(row(integer(1, 2), 'T0', 'a number', 'D1')).toMatchObject({
      is: 'integer',
      row: { tier: 'T0', default: 'D1' },
    });
    expect(check(row(integer(1, 2), 'T0', 'a number'), '2')).toEqual({ value: 2, found: [] });
  });

  test('what stands inside a refused field is checked, but not refused or deprecated again', () => {
    const inside = object({ a: integer(1, 2), b: refused('T2', integer(1, 2)) });
    const { found } = check(object({ x: refused('T1', inside) }), '{ x: { a: 3, b: 3 } }');
    expect(found.map((line) => line.replace(/,.*/, ''))).toEqual([
      '3 WEFT0004 is valid in Istio but not supported by Weft (T1); remove it',
      '11 WEFT0002 expected a whole number from 1 to 2',
      '17 WEFT0002 expected a whole number from 1 to 2',
    ]);
  });
});

/** Values that a shape must refuse. */
function wrongValues(shape: Shape): readonly unknown[] {
  switch (shape.is) {
    case 'text':
      return [5, {}, ...(shape.rule ? ruleDefinitions[shape.rule].bad : [])];
    case 'choice':
      return ['NOPE', 5];
    case 'boolean':
      return ['yes', 1];
    case 'integer':
      return ['5', 1.5, ...[shape.min - 1, shape.max + 1].filter(Number.isFinite)];
    case 'number':
      return ['5', ...[shape.min - 1, shape.max + 1].filter(Number.isFinite)];
    case 'percent':
      return ['5', -0.5, 100.5];
    case 'duration':
      return [5, '5', '-1s', 'soon', '1.5us', ...(shape.min > 0 ? ['0s'] : [])];
    case 'port-or-name':
      return [-1, 65_536, 'A', 1.5];
    case 'bytes':
      return ['*', 5];
    case 'list':
      return ['a', {}, ...(shape.min > 0 ? [[]] : []), ...tooMany(shape)];
    case 'object':
    case 'map':
      return ['a', []];
    case 'refused':
      return wrongValues(shape.inside);
    case 'deprecated':
      return wrongValues(shape.shape);
    case 'any':
      return [];
    default:
      return shape satisfies never;
  }
}

function tooMany({ max }: ListShape): readonly unknown[] {
  return max < 2000 ? [Array.from({ length: max + 1 }, () => 'a')] : [];
}

interface Place {
  readonly way: readonly (string | number)[];
  readonly shape: Shape;
}

/** Every value of a document, with the way to it. */
function placesOf(shape: Shape, way: Place['way']): readonly Place[] {
  const inside = (): readonly Place[] => {
    if (shape.is === 'object')
      return Object.entries(shape.fields).flatMap(([name, inner]) => placesOf(inner, [...way, name]));
    if (shape.is === 'list') return placesOf(shape.items, [...way, 0]);
    if (shape.is === 'map') return placesOf(shape.values, [...way, '80']);
    if (shape.is === 'refused') return placesOf(shape.inside, way);
    return shape.is === 'deprecated' ? placesOf(shape.shape, way) : [];
  };
  return [{ way, shape }, ...inside()];
}

function wrap(way: Place['way'], inner: unknown): unknown {
  return [...way].reverse().reduce((value, step) => (typeof step === 'number' ? [value] : { [step]: value }), inner);
}

describe('every value of every kind', () => {
  test.each(documentShapes.filter(({ kind }) => kind !== 'List'))('$kind refuses what does not fit', (kind) => {
    const { apiVersions, file = 'shop/a.json', document } = kind;
    const [apiVersion] = apiVersions;
    const named = apiVersion === undefined ? {} : { apiVersion, kind: kind.kind };
    const places = placesOf(document, []).filter(({ way: [first] }) => first !== undefined && !(first in named));
    let tried = 0;
    for (const { way, shape } of places) {
      for (const value of wrongValues(shape)) {
        tried += 1;
        const body = wrap(way, value);
        const content = JSON.stringify({ ...named, ...(typeof body === 'object' ? body : {}) });
        const { diagnostics } = parsePolicies([{ path: `policies/${file}`, text: content }], {
          commit: 'x',
          rootNamespace: 'istio-system',
          folders: 'namespace',
        });
        const field = way.reduce<string>(fieldPath, '');
        const told = diagnostics.some(
          (one) => one.severity === 'error' && one.code === 'WEFT0002' && one.field === field,
        );
        expect(told, `${field}: ${JSON.stringify(value)}`).toBe(true);
      }
    }
    expect(tried).toBeGreaterThan(0);
  });
});
