import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Mutant {
  readonly name: string;
  readonly rule: string;
  /** The file, and what the title of the test holds. */
  readonly test: string;
  readonly title: string;
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
}

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const mutants: readonly Mutant[] = JSON.parse(read('scripts/transparency-mutants.json'));
const facts = Array.from({ length: 18 }, (_, index) => `R${index + 1}`);

test('each fact R1 to R18 has a default that is broken once, and each mutant a name of its own', () => {
  expect(facts.filter((fact) => !mutants.some(({ rule }) => rule === fact))).toEqual([]);
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});

test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
  'the text that a mutant replaces stands there once, and a test names its fact: %s',
  (_, { edits, test: file, title, rule }) => {
    for (const { file: broken, find, replace } of edits) {
      expect(read(broken).split(find).length - 1, `${broken}: ${find}`).toBe(1);
      expect(replace).not.toBe(find);
    }
    expect(title).toContain(rule);
    expect(read(file)).toContain(title);
  },
);

test('docs/transparency.md has every fact, and every mutant (node scripts/mutants.mjs transparency --write)', () => {
  const page = read('docs/transparency.md');
  expect(facts.filter((fact) => !page.includes(`| ${fact} |`))).toEqual([]);
  expect(mutants.filter(({ name, rule }) => !page.includes(`| ${rule} | ${name} |`))).toEqual([]);
});
