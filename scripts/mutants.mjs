// `node scripts/mutants.mjs`: breaks src/xds in each way that xds-mutants.json lists, one at a time and in a copy, and runs the
// fast suites on it. Each must be caught. `--write` puts into docs/xds-mutants.md what caught each; a word selects mutants.
// `node scripts/mutants.mjs transparency`: the same with the defaults of docs/transparency.md, each against the one test that names it.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const words = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const set = words[0] === 'transparency' ? 'transparency' : 'xds';
const page = join(root, 'docs', set === 'xds' ? 'xds-mutants.md' : 'transparency.md');
/** First those that say what is wrong in a word. */
const suites = [['test/contract/xds-', 'test/unit/xds-'], ['test/property/xds-']];
/** A mutant with a test of its own is run against that alone; others first against the one that caught it the last time. */
const suitesOf = (mutant) =>
  mutant.test === undefined
    ? [...lastCatcherOf(mutant), ...suites]
    : [[mutant.test, '--testNamePattern', literally(mutant.title)]];
const literally = (title) => title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** A mutant that hangs is caught, too: it takes this long, or five times as long as all suites do without a mutant. */
let patience = 900_000;

const all = JSON.parse(readFileSync(join(root, 'scripts', `${set}-mutants.json`), 'utf8'));
const writes = process.argv.includes('--write');
const word = words[set === 'xds' ? 0 : 1];
const selected = word === undefined ? all : all.filter(({ name, rule }) => name.includes(word) || rule === word);

const folder = mkdtempSync(join(tmpdir(), 'weft-mutants-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
for (const part of ['src', 'test', 'scripts', 'envoy', 'package.json', 'tsconfig.json', 'vitest.config.ts'])
  cpSync(join(root, part), join(folder, part), { recursive: true });
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));

const calm = { WEFT_SEED: '1', WEFT_SHRINK: '0', WEFT_LONG: '' };

/** Full title → file, of the tests that pass without a mutant. */
const fileOf = new Map();
const lastPage = readFileSync(page, 'utf8').split('\n');

/** As the page tells it, without the rules that a property named. */
function lastCatcherOf({ name }) {
  const row = lastPage.find((line) => line.startsWith(`| ${name} |`));
  const title = row
    ?.slice(0, -2)
    .split(' | ')
    .at(-1)
    .replace(/ \((?:INV\d+ ?|X\d+ ?)+\)$/, '');
  const file = fileOf.get(title);
  return file === undefined ? [] : [[file, '--testNamePattern', `${literally(title)}$`]];
}

/** The title of the first test that failed; undefined: all passed. */
async function firstFailure(suites) {
  for (const some of suites) {
    const failure = await failureOf(some);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

async function failureOf(some) {
  const report = join(folder, 'report.json');
  rmSync(report, { force: true });
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  // Equal histories in every run, and no search for the smallest: only whether a test fails is of interest.
  const env = { ENVOY_PATH: join(root, '.venv', 'bin', 'envoy'), ...process.env, ...calm };
  const arguments_ = [vitest, 'run', '--bail=1', '--reporter=json', `--outputFile=${report}`, ...some];
  const child = spawn(process.execPath, arguments_, { cwd: folder, env, stdio: 'ignore', detached: true });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    process.kill(-child.pid, 'SIGKILL');
  }, patience);
  const code = await new Promise((resolve) => child.on('exit', resolve));
  clearTimeout(timer);
  if (isLate) return 'the time limit: it hangs';
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  if (code === 0) {
    for (const { assertionResults, name } of testResults)
      for (const { fullName } of assertionResults) fileOf.set(fullName.trim(), name.slice(folder.length + 1));
    return undefined;
  }
  for (const { assertionResults, status, name } of testResults) {
    const failed = assertionResults.find((test) => test.status === 'failed');
    if (failed !== undefined) return isLateTest(failed) ? `the time limit of ${failed.fullName.trim()}` : named(failed);
    if (status === 'failed' && assertionResults.length === 0)
      return `${name.slice(folder.length + 1)}, which does not load`;
  }
  return `exit code ${code}`;
}

/** Where the machine is busy that proves nothing: such a mutant is to be run alone. */
function isLateTest({ failureMessages }) {
  return failureMessages.some((text) => /^(?:Error: )?(?:Test|Hook) timed out in /.test(text));
}

/** A property says in its failure which rule was broken. */
function named({ fullName, failureMessages }) {
  const rules = /(?:delta|sotw) (?:aggregated|separate)(?: lazy)?: ((?:INV\d+ |X\d+ )+)/.exec(
    failureMessages.join('\n'),
  )?.[1];
  return rules === undefined ? fullName.trim() : `${fullName.trim()} (${rules.trim()})`;
}

/** Of mutants with tests of their own, all of these at once. */
const whole =
  set === 'xds'
    ? suites
    : [
        [
          ...new Set(selected.map(({ test }) => test)),
          '--testNamePattern',
          selected.map(({ title }) => literally(title)).join('|'),
        ],
      ];
const began = Date.now();
const unbroken = await firstFailure(whole);
if (unbroken !== undefined) {
  console.log(`without any mutant this fails: ${unbroken}`);
  process.exit(1);
}
patience = Math.max(180_000, 5 * (Date.now() - began));

const results = [];
for (const mutant of selected) {
  const originals = new Map();
  let isFound = true;
  for (const { file, find, replace } of mutant.edits) {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    originals.set(path, originals.get(path) ?? text);
    if (text.split(find).length !== 2) isFound = false;
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
  }
  const caught = isFound ? await firstFailure(suitesOf(mutant)) : undefined;
  for (const [path, text] of originals) writeFileSync(path, text);
  if (!isFound) console.log(`NOT FOUND ${mutant.name}: the text that it replaces does not stand there exactly once`);
  else console.log(caught === undefined ? `SURVIVED ${mutant.name}` : `mutant "${mutant.name}" caught by ${caught}`);
  results.push({ mutant, isFound, caught });
}

const late = results.filter(({ caught }) => caught?.startsWith('the time limit'));
for (const { mutant } of late) console.log(`only a time limit noticed ${mutant.name}: run it alone, in quiet`);
const caught = results.filter((result) => result.caught !== undefined).length;
console.log(`${caught} of ${results.length} mutants caught`);
if (writes && word === undefined && caught === results.length)
  writeFileSync(page, set === 'xds' ? text() : ofTransparency());
process.exitCode = caught === results.length ? 0 : 1;

function text() {
  const rows = results.map(({ mutant, caught: by }) => {
    const where = [...new Set(mutant.edits.map(({ file }) => file.replace('src/xds/', '')))].join(', ');
    return `| ${mutant.name} | ${mutant.rule} | \`${where}\` | ${by} |`;
  });
  return `# Mutants of src/xds

Each row is one way in which the protocol is broken on purpose, and the first test that notices. \`node scripts/mutants.mjs\` applies
them one at a time in a copy and runs the suites \`${suites
    .flat()
    .map((suite) => `${suite}*`)
    .join('`, `')}\`; it fails when one survives. The
edits stand in \`scripts/xds-mutants.json\`. This page is written by \`node scripts/mutants.mjs --write\`.

| what is broken | rules | in | caught by |
|---|---|---|---|
${rows.join('\n')}
`;
}

/** The last section of the page anew; what stands before it is written by hand. */
function ofTransparency() {
  const rows = results.map(({ mutant, caught: by }) => {
    const where = [...new Set(mutant.edits.map(({ file }) => file.replace('src/', '')))].join(', ');
    return `| ${mutant.rule} | ${mutant.name} | \`${where}\` | ${by} |`;
  });
  const title = '## Each default, broken once';
  const [before] = readFileSync(page, 'utf8').split(title);
  return `${before}${title}

\`node scripts/mutants.mjs transparency\` applies each of these in a copy, one at a time, and runs the test that names the fact; it fails
when one survives. The edits stand in \`scripts/transparency-mutants.json\`. This section is written by the same with \`--write\`.

| fact | what is broken | in | caught by |
|---|---|---|---|
${rows.join('\n')}
`;
}
