import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Mutant {
  readonly name: string;
  readonly rule: string;
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
}

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const mutants: readonly Mutant[] = JSON.parse(read('scripts/xds-mutants.json'));

test('there are at least 20 mutants, each of another name', () => {
  expect(mutants.length).toBeGreaterThanOrEqual(20);
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});

test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
  'the text that a mutant replaces stands there once: %s',
  (_, { edits }) => {
    for (const { file, find, replace } of edits) {
      expect(read(file).split(find).length - 1, `${file}: ${find}`).toBe(1);
      expect(replace).not.toBe(find);
    }
  },
);

test('docs/xds-mutants.md lists every mutant (node scripts/mutants.mjs --write)', () => {
  const page = read('docs/xds-mutants.md');
  expect(mutants.filter(({ name, rule }) => !page.includes(`| ${name} | ${rule} |`))).toEqual([]);
});
