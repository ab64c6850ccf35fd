import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { documentShapes } from '../../src/policy/document-shapes.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { serverWritten } from '../../src/policy/read-metadata.ts';
import type { Shape } from '../../src/policy/shape.ts';

/** A field of a kind: the way to it, and the names that are valid beside it. */
interface Field {
  readonly way: readonly (string | number)[];
  readonly name: string;
  readonly siblings: readonly string[];
}

/** Every field of a shape, refused ones and what stands inside them included. */
function fieldsOf(shape: Shape, way: readonly (string | number)[] = []): readonly Field[] {
  if (shape.is === 'refused') return fieldsOf(shape.inside, way);
  if (shape.is === 'deprecated') return fieldsOf(shape.shape, way);
  if (shape.is === 'list') return fieldsOf(shape.items, [...way, 0]);
  if (shape.is === 'map') return fieldsOf(shape.values, [...way, '80']);
  if (shape.is !== 'object') return [];
  const siblings = Object.keys(shape.fields);
  return Object.entries(shape.fields).flatMap(([name, inner]) => [
    { way, name, siblings },
    ...fieldsOf(inner, [...way, name]),
  ]);
}

function wrap(way: readonly (string | number)[], inner: unknown): unknown {
  return [...way].reverse().reduce((value, step) => (typeof step === 'number' ? [value] : { [step]: value }), inner);
}

function findings(document: object, file = 'shop/a.json') {
  const files = [{ path: `policies/${file}`, text: JSON.stringify(document) }];
  return parsePolicies(files, { commit: 'x', rootNamespace: 'istio-system', folders: 'namespace' }).diagnostics;
}

/** Where a kind is known by: what is misspelled there is another kind, or none, and told as that (WEFT0002, WEFT0003). */
const head = ['apiVersion', 'kind'];

const cases = documentShapes.flatMap(({ kind, apiVersions, file, document }) => {
  const [apiVersion] = apiVersions;
  const named = apiVersion === undefined ? {} : { apiVersion, kind };
  return fieldsOf(document)
    .filter(({ way, name }) => way.length > 0 || !head.includes(name))
    .map((field) => ({ kind, named, file, ...field }));
});

/** Ways to mistype a name. */
const slips: readonly ((name: string, at: number) => string)[] = [
  (name, at) => name.slice(0, at) + name.slice(at + 1),
  (name, at) => name.slice(0, at) + (name[at] ?? 'e') + name.slice(at),
  (name, at) => `${name.slice(0, at)}q${name.slice(at + 1)}`,
  (name, at) => name.slice(0, at) + (name[at + 1] ?? 's') + (name[at] ?? '') + name.slice(at + 2),
  (name) => name.toUpperCase(),
  (name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).concat('_'),
];

describe('T3 of experience.md: no field is ignored', () => {
  it('knows all fields of all kinds, nested ones included', () => {
    expect(cases.length).toBeGreaterThan(2000);
    expect(Math.max(...cases.map(({ way }) => way.length))).toBeGreaterThan(8);
    expect(new Set(cases.map(({ kind }) => kind)).size).toBe(documentShapes.length);
  });

  it('accepts each field where it belongs: none of them is unknown', () => {
    for (const { kind, named, file, way, name } of cases) {
      const document = { ...named, ...(wrap([...way, name], {}) as object) };
      const unknown = findings(document, file).filter(
        ({ message }) => message === `unknown field ${JSON.stringify(name)}`,
      );
      expect(unknown, `${kind} ${way.join('.')}.${name}`).toEqual([]);
    }
  });

  it('tells every misspelling of every field of every kind, and the right name of all but one', () => {
    let told = 0;
    const notSuggested: string[] = [];
    for (const one of cases) {
      fc.assert(
        fc.property(fc.constantFrom(...slips), fc.nat({ max: one.name.length - 1 }), (slip, at) => {
          const wrong = slip(one.name, at);
          fc.pre(wrong !== '' && !one.siblings.includes(wrong));
          const document = { ...one.named, ...(wrap([...one.way, wrong], {}) as object) };
          const finding = findings(document, one.file).find(
            ({ message }) => message === `unknown field ${JSON.stringify(wrong)}`,
          );
          expect(finding, `${one.kind} ${one.way.join('.')}.${wrong}`).toMatchObject({
            code: 'WEFT0002',
            severity: 'error',
          });
          // What servers write nobody has to write, so it is not suggested.
          if (one.name === 'status' || serverWritten.has(one.name)) return;
          told += 1;
          if (finding?.hint.includes(JSON.stringify(one.name)) !== true)
            notSuggested.push(`${one.kind} ${[...one.way, wrong].join('.')}`);
        }),
        { numRuns: 3, seed: 7 },
      );
    }
    expect(told).toBeGreaterThan(5_000);
    // Six slips in one name: `tls` and `mtls` are as near to it.
    expect(notSuggested).toEqual(['MeshConfig mesh_m_t_l_s_']);
  });

  it('tells a misspelled apiVersion or kind', () => {
    for (const { kind, apiVersions, file } of documentShapes) {
      const [apiVersion] = apiVersions;
      if (file !== undefined) continue;
      const hints = (document: object) => findings(document).map(({ code, hint }) => `${code} ${hint}`);
      expect(hints({ apiVersoin: apiVersion, kind })).toContain(
        'WEFT0002 did you mean "apiVersion" instead of "apiVersoin"?',
      );
      expect(hints({ apiVersion, knd: kind })).toContain('WEFT0002 did you mean "kind" instead of "knd"?');
    }
  });
});
