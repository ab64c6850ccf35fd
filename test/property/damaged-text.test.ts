import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

const cases = join(import.meta.dirname, '../golden/cases');
/** Texts that are right, of every kind. */
const documents = readdirSync(cases)
  .map((name) => join(cases, name, 'mesh.yaml'))
  .filter((file) => existsSync(file))
  .flatMap((file) => readFileSync(file, 'utf8').split(/^---$/m))
  .filter((text) => /^kind:/m.test(text));

function findings(text: string) {
  const options = { commit: 'c', rootNamespace: 'istio-system', folders: 'free' } as const;
  const { diagnostics } = parsePolicies([{ path: 'policies/a.yaml', text }], options);
  return diagnostics.map(({ code, severity, field, message, at }) => ({
    severity,
    line: at.line,
    text: `${code} ${field}: ${message}`,
  }));
}

const ways: readonly ((key: string, value: string | undefined) => string)[] = [
  (key, value = '') => `${key.slice(0, -1) || 'zz'}: ${value}`,
  (_, value = '') => `zzzzzz: ${value}`,
  (key, value) => (value === undefined ? `${key}:` : `${key}: [1, { a: b }]`),
  (key, value) => (value === undefined ? `${key}:` : `${key}: "~ ~"`),
];

test('one mistake in a right text is told where it is, and makes nothing else wrong', () => {
  fc.assert(
    fc.property(fc.constantFrom(...documents), fc.nat(), fc.constantFrom(...ways), (text, which, way) => {
      const marks = [...text.matchAll(/([A-Za-z0-9]+): ([^\s{}[\],]+)|([A-Za-z0-9]+):/g)];
      const mark = marks[which % marks.length];
      const key = mark?.[1] ?? mark?.[3];
      fc.pre(mark !== undefined && key !== undefined && !['apiVersion', 'kind', 'metadata', 'spec'].includes(key));
      const at = mark?.index ?? 0;
      const damaged = text.slice(0, at) + way(key ?? '', mark?.[2]) + text.slice(at + (mark?.[0].length ?? 0));
      const line = text.slice(0, at).split('\n').length;
      const clean = new Set(findings(text).map((one) => one.text));
      const found = findings(damaged);
      fc.pre(!found.some((one) => one.text.startsWith('WEFT0001')));
      // Without a shape error it is another right text, which may mean something else.
      const isShape = found.some(({ severity, text: of }) => severity === 'error' && of.startsWith('WEFT0002'));
      fc.pre(isShape);
      const others = found.filter((one) => !clean.has(one.text) && one.line !== line && !isOwed(one.text));
      expect(others).toEqual([]);
    }),
    // The same texts at each run: what is found is compared with what was, no meaning is known of it.
    { numRuns: 1000, seed: 47 },
  );
});

/** A field that is misspelt is missing under its own name, or has another's; that is said where its object or its value begins. */
function isOwed(text: string): boolean {
  return /, which is required$|: expected "\w+" beside |, which clusterIP says, |: expected a (?:map|list|text), got a (?:map|list)$/.test(
    text,
  );
}
