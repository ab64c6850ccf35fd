// `node scripts/conformance.mjs`: writes docs/xds-conformance.md, which lists the rules of xds-protocol.md and the tests that carry
// their numbers in their titles. Titles are read from the sources; nothing is run. `--check` writes nothing: it fails when the page
// is stale, or when a rule has no test. A test that is left out proves nothing: where there is one, nothing is written.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { idleTests, titlesOf } from './test-titles.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['test/conformance', 'test/contract', 'test/property', 'test/unit', 'test/golden', 'test/e2e'];
const pagePath = join(root, 'docs/xds-conformance.md');
const chapters = Object.entries(JSON.parse(readFileSync(new URL('./conformance-rules.json', import.meta.url), 'utf8')));
const known = new Set(chapters.flatMap(([, rules]) => Object.keys(rules)));

function testFiles(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .sort();
}

/** Rule → the tests that prove it, `[{ file, title }]`. */
function proofs() {
  const all = new Map([...known].map((rule) => [rule, []]));
  for (const file of folders.flatMap(testFiles))
    for (const found of titlesOf(readFileSync(join(root, file), 'utf8')))
      for (const rule of found.numbers.filter((each) => known.has(each)))
        all.get(rule).push({ file, title: found.title.replaceAll(/\$\{\w+\}/g, '…') });
  return all;
}

/** The rules that no title carries. */
function missing() {
  return [...proofs()].filter(([, tests]) => tests.length === 0).map(([rule]) => rule);
}

/** The page as it should be. */
function page() {
  const all = proofs();
  const lines = [
    '# xDS conformance',
    '',
    'Made by `node scripts/conformance.mjs` from the titles of the tests; do not edit. The rules are those of our protocol specification,',
    'sections 3 to 5 and 9, here in one clause each. Placeholders in a title stand for the variants that a test runs in; a test in',
    '`test/conformance` runs over both transports, in delta and SotW, aggregated and per type, wherever that makes a difference.',
    '',
    'Not here: load reports (X121) and client status (X122), which come with their own services, and `resource_errors` (X123), which',
    'our protos do not have.',
  ];
  for (const [chapter, rules] of chapters) {
    lines.push('', `## ${chapter}`, '', '| rule | what holds | tests |', '|---|---|---|');
    for (const [rule, clause] of Object.entries(rules)) {
      const tests = all.get(rule).map(({ file, title: text }) => `\`${shortName(file)}\` ${escaped(text)}`);
      lines.push(`| ${rule} | ${clause} | ${tests.join('<br>') || '**none**'} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function shortName(file) {
  return relative('test', file);
}

function escaped(text) {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

/** The tests that do not run, `file:line text`. */
function idleOnes() {
  return folders
    .flatMap(testFiles)
    .flatMap((file) =>
      idleTests(readFileSync(join(root, file), 'utf8')).map(({ line, text }) => `${file}:${line} ${text}`),
    );
}

const idle = idleOnes();
const none = missing();
const verdict = none.length === 0 ? 'every rule has a test' : `rules without a test: ${none.join(' ')}`;
for (const place of idle) console.log(`does not run, so proves nothing: ${place}`);
if (process.argv.includes('--check')) {
  const stale = readFileSync(pagePath, 'utf8') !== page();
  if (stale) console.log('docs/xds-conformance.md is stale: node scripts/conformance.mjs');
  if (none.length > 0) console.log(verdict);
  process.exitCode = stale || none.length > 0 || idle.length > 0 ? 1 : 0;
} else if (idle.length > 0) {
  process.exitCode = 1;
} else {
  writeFileSync(pagePath, page());
  console.log(verdict);
}
