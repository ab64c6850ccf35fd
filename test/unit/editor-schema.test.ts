import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { documentShapes } from '../../src/policy/document-shapes.ts';
import { editorSchema } from '../../src/policy/editor-schema.ts';

const root = join(import.meta.dirname, '../..');

function compile(schema: object | undefined): ValidateFunction {
  return new Ajv({ strict: false, allErrors: true }).compile(schema ?? false);
}

function documentsOf(text: string): readonly unknown[] {
  return parseAllDocuments(text)
    .map((document): unknown => document.toJS())
    .filter((document) => document !== null);
}

/** What real documents there are: the policies of the golden cases, after their scene, and those of the examples. */
function goodDocuments(): readonly (readonly [string, unknown])[] {
  const golden = join(root, 'test/golden/cases');
  const cases = readdirSync(golden).flatMap((name) => {
    const [, ...documents] = documentsOf(readFileSync(join(golden, name, 'mesh.yaml'), 'utf8'));
    return documents.map((document, index) => [`${name} ${index}`, document] as const);
  });
  const examples = readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\/policies\/.*\.yaml$/.test(path) && !path.includes('meshconfig'))
    .flatMap((path) =>
      documentsOf(readFileSync(join(root, 'examples', path), 'utf8')).map((document) => [path, document] as const),
    );
  return [...cases, ...examples].filter(([, document]) => typeof document === 'object' && 'kind' in (document ?? {}));
}

const validate = compile(editorSchema());

const rule = (http: object) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'a' },
  spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews' } }], ...http }] },
});

describe('the editor schema', () => {
  test('takes every policy of the golden cases and the examples', () => {
    const documents = goodDocuments();
    expect(documents.length).toBeGreaterThan(20);
    for (const [name, document] of documents) {
      const isRight = validate(document);
      expect(isRight ? [] : validate.errors, name).toEqual([]);
    }
  });

  test.each([
    ['a misspelled field', rule({ timeot: '1s' })],
    ['a field at the wrong place', rule({ weight: 1 })],
    ['a duration without unit', rule({ timeout: '5' })],
    ['a number for a text', rule({ timeout: 5 })],
    ['a refused field', rule({ delegate: { name: 'a' } })],
    ['fields that exclude each other', rule({ match: [{ uri: { exact: '/a', prefix: '/b' } }] })],
    ['a percentage above 100', rule({ fault: { abort: { httpStatus: 503, percentage: { value: 101 } } } })],
    ['a host with an underscore', rule({ route: [{ destination: { host: 'a_b' } }] })],
    ['a missing name', { ...rule({}), metadata: {} }],
    ['an unknown kind', { ...rule({}), kind: 'VirtualServices' }],
    ['an apiVersion of another kind', { ...rule({}), apiVersion: 'v1' }],
    [
      'a kind that is refused as a whole',
      { apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: { name: 'a' } },
    ],
    ['a wrong item of a List', { apiVersion: 'v1', kind: 'List', items: [rule({ timeot: '1s' })] }],
    ['no document', []],
  ])('refuses %s', (_name, document) => {
    expect(validate(document)).toBe(false);
  });

  test('takes what is deprecated, and says so', () => {
    expect(validate(rule({ mirror: { host: 'b' }, mirrorPercent: 5 }))).toBe(true);
    expect(JSON.stringify(editorSchema('VirtualService'))).toContain('"deprecated":true');
  });

  test.each(documentShapes.map(({ kind }) => kind))('has a schema of %s alone', (kind) => {
    expect(() => compile(editorSchema(kind))).not.toThrow();
  });

  test('has none of what is no kind', () => {
    expect(editorSchema('Virtual')).toBeUndefined();
  });
});
