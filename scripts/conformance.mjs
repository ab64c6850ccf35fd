// `node scripts/conformance.mjs`: writes docs/xds-conformance.md, which lists the rules of xds-protocol.md and the tests that carry
// their numbers in their titles. Titles are read from the sources; nothing is run. `--check` writes nothing: it fails when the page
// is stale, or when a rule has no test.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['test/conformance', 'test/property', 'test/unit', 'test/golden', 'test/e2e'];
const pagePath = join(root, 'docs/xds-conformance.md');
const chapters = Object.entries(JSON.parse(readFileSync(new URL('./conformance-rules.json', import.meta.url), 'utf8')));
const known = new Set(chapters.flatMap(([, rules]) => Object.keys(rules)));

/** A title: the first argument of a test, a suite or one of the wrappers around them; a function or options follow. */
const title =
  /(?<!\b(?:eventually|promise|expect|Error))\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1,\s*(?:\(|\{|async\b|function\b|\w+ =>|[a-z]\w*\)?,?\s)/g;
const number = /\b(?:X|INV|M)\d+\b|section 5 point \d/g;

/** `INV1 to INV4` names all four. */
function spelledOut(text) {
  return text.replaceAll(/\b(X|INV|M)(\d+) to \1(\d+)\b/g, (_, kind, from, to) =>
    Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => `${kind}${Number(from) + index}`).join(' '),
  );
}

function testFiles(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .sort();
}

/** The titles of a source that carry numbers of rules: `[{ title, numbers }]`. */
function titlesOf(source) {
  const found = [];
  for (const match of source.matchAll(title)) {
    const text = match[2].replaceAll(/\\(['"`])/g, '$1');
    const numbers = [...new Set(spelledOut(text).match(number) ?? [])].filter((rule) => known.has(rule));
    if (numbers.length > 0) found.push({ title: text, numbers });
  }
  return found;
}

/** Rule → the tests that prove it, `[{ file, title }]`. */
function proofs() {
  const all = new Map([...known].map((rule) => [rule, []]));
  for (const file of folders.flatMap(testFiles))
    for (const found of titlesOf(readFileSync(join(root, file), 'utf8')))
      for (const rule of found.numbers) all.get(rule).push({ file, title: found.title.replaceAll(/\$\{\w+\}/g, '…') });
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

const none = missing();
const verdict = none.length === 0 ? 'every rule has a test' : `rules without a test: ${none.join(' ')}`;
if (process.argv.includes('--check')) {
  const stale = readFileSync(pagePath, 'utf8') !== page();
  if (stale) console.log('docs/xds-conformance.md is stale: node scripts/conformance.mjs');
  if (none.length > 0) console.log(verdict);
  process.exitCode = stale || none.length > 0 ? 1 : 0;
} else {
  writeFileSync(pagePath, page());
  console.log(verdict);
}
