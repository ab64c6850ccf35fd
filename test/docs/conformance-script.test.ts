import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const repository = resolve(import.meta.dirname, '../..');
const files = ['conformance.mjs', 'test-titles.mjs'];
const folders = ['conformance', 'contract', 'property', 'unit', 'golden', 'e2e'];
let checkout = '';

/** A checkout with two rules and one test for each. */
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'weft-conformance-'));
  for (const file of files) cpSync(join(repository, 'scripts', file), join(checkout, 'scripts', file));
  for (const folder of ['docs', ...folders.map((name) => join('test', name))])
    mkdirSync(join(checkout, folder), { recursive: true });
  write('scripts/conformance-rules.json', JSON.stringify({ Rules: { X1: 'one', X2: 'two' } }));
  write('docs/xds-conformance.md', '');
  write('test/unit/one.test.ts', "test('X1 one holds', () => {});\n");
  write('test/contract/two.test.ts', "test.each(['a'])('X2 two holds: %s', () => {});\n");
});
afterEach(() => rmSync(checkout, { recursive: true, force: true }));

function write(path: string, text: string): void {
  writeFileSync(join(checkout, path), text);
}

function run(...args: readonly string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['scripts/conformance.mjs', ...args], {
    cwd: checkout,
    encoding: 'utf8',
  });
  return { said: `${stdout}${stderr}`, status };
}

const page = () => readFileSync(join(checkout, 'docs/xds-conformance.md'), 'utf8');

describe('scripts/conformance.mjs', () => {
  test('writes the page, which is stale when a title changes', () => {
    expect(run('--check')).toMatchObject({ status: 1, said: expect.stringContaining('is stale') });
    expect(run()).toEqual({ status: 0, said: 'every rule has a test\n' });
    expect(page()).toContain('| X1 | one | `unit/one.test.ts` X1 one holds |');
    expect(page()).toContain('| X2 | two | `contract/two.test.ts` X2 two holds: %s |');
    expect(run('--check')).toEqual({ status: 0, said: '' });
    write('test/unit/one.test.ts', "test('one holds', () => {});\n");
    expect(run('--check')).toEqual({
      status: 1,
      said: 'docs/xds-conformance.md is stale: node scripts/conformance.mjs\nrules without a test: X1\n',
    });
  });

  test.each([
    "test.skip('X1 one holds', () => {});",
    "test.concurrent.skip('X1 one holds', async () => {});",
    "describe.only('X1', () => {});",
    "it.todo('X1 one holds');",
    "test.skipIf(process.env.CI)('X1 one holds', () => {});",
    "test.runIf(false)('X1 one holds', () => {});",
    "test.fails('X1 one holds', () => {});",
    "test('X1 one holds', { skip: true }, () => {});",
    "test('X1 one holds', (context) => { context.skip(); });",
    "xit('X1 one holds', () => {});",
  ])('a test that does not run proves nothing, so that there is no page: %s', (line) => {
    run();
    const before = page();
    write('test/unit/one.test.ts', `\n${line}\n`);
    const said = expect.stringContaining(`does not run, so proves nothing: test/unit/one.test.ts:2 ${line}\n`);
    expect(run('--check')).toEqual({ status: 1, said });
    expect(run()).toEqual({ status: 1, said });
    expect(page()).toBe(before);
  });
});
