// `npm run promises [-- T10 F28 …]`: the long forms of what Weft promises under attack and under faults, with real numbers. Runs
// test/promises and the tests elsewhere that have a long form (WEFT_LONG=1), collects the lines `promise ID: …` that they print, and
// ends with a table of them. A promise that has no line counts as failed. The last line is `N passed, N failed`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const longEnvironment = { ...process.env, WEFT_LONG: '1', NO_COLOR: '1' };

function filesOf(folder, pattern) {
  return readdirSync(join(root, folder))
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * Files that run together, and the promises that they print. `titles`: only tests whose title matches. `lines`: what a line without
 * the word counts for. `unsaid`: the promise that holds when all tests pass, where they print no number.
 */
const groups = [
  ...[
    ['frames', ['T7']],
    ['clients', ['T8', 'T10']],
    ['connections', ['T9', 'F18', 'F19']],
    ['floods', ['T11']],
    ['callbacks', ['F28']],
  ].map(([name, ids]) => ({
    files: [`test/promises/${name}.promise.ts`],
    ids,
    config: 'test/promises/vitest.config.ts',
  })),
  { files: ['test/conformance/xds-flow.test.ts'], ids: ['F24'], titles: 'X11 ', lines: { X11: 'F24' } },
  { files: filesOf('test/property', /^xds-.*\.test\.ts$/), ids: ['INV'], unsaid: 'INV' },
  { files: filesOf('test/e2e', /^xds-.*\.test\.ts$/), ids: [] },
];

function run(args, { environment = process.env, onLine } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = onLine === undefined ? 'inherit' : ['ignore', 'pipe', 'inherit'];
    const child = spawn(process.execPath, args, { cwd: root, stdio, env: environment });
    let rest = '';
    child.stdout?.on('data', (chunk) => {
      process.stdout.write(chunk);
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(signal ? 1 : (code ?? 1)));
  });
}

/** Runs a group; its counts, and what it printed by promise. */
async function prove(group, folder, wanted) {
  const report = join(folder, `${group.files[0].replaceAll('/', '-')}.json`);
  const lines = new Map();
  // A title begins with the promises that it is about, and names the rules of the protocol after them.
  const ids = wanted.length === 0 ? [] : [...wanted].map((id) => `(^|\\s)${id}(\\s|$)`);
  const titles = group.titles ?? (ids.length > 0 ? ids.join('|') : undefined);
  await run(
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      ...group.files,
      ...(group.config === undefined ? ['--no-file-parallelism', '--testTimeout=3600000'] : ['--config', group.config]),
      ...(titles === undefined ? [] : ['-t', titles]),
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    {
      environment: longEnvironment,
      onLine(line) {
        const plain = stripVTControlCharacters(line);
        const [, promised, rule, text] = /^(?:promise ([\w.-]+)|([A-Z]+\d+)): (.*)$/.exec(plain) ?? [];
        const id = promised ?? group.lines?.[rule];
        if (id !== undefined) lines.set(id, [...(lines.get(id) ?? []), text]);
      },
    },
  );
  try {
    const { numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const reasons = testResults.flatMap(({ name, status, message, assertionResults }) => {
      const failed = assertionResults.filter((test) => test.status === 'failed');
      if (status === 'failed' && failed.length === 0) return [`${name}: ${firstLine(message)}`];
      return failed.map(({ title, failureMessages }) => `${title}: ${firstLine(failureMessages.join(' '))}`);
    });
    return { passed: numPassedTests, reasons, lines };
  } catch (error) {
    return { passed: 0, reasons: [`vitest left no report: ${error.message}`], lines };
  }
}

function firstLine(text) {
  return (text ?? '').split('\n')[0].slice(0, 300);
}

const known = [...new Set(groups.flatMap(({ ids }) => ids))];
const wanted = process.argv.slice(2);
const strange = wanted.filter((id) => !known.includes(id) && !/^(X\d+|M\d+|INV\d+)$/.test(id));
if (strange.length > 0) {
  console.log(`no promise is called ${strange.join(' ')}; there are: ${known.join(' ')}, and rules such as X92`);
  console.log('0 passed, 1 failed');
  process.exit(1);
}
/** A rule (X92) may stand in any group that proves rules; other promises stand where they are listed. */
const isWanted = ({ ids }) =>
  wanted.length === 0 ||
  wanted.some((id) => (known.includes(id) ? ids.includes(id) : ids.every((one) => one === 'INV')));

for (const script of ['scripts/build.mjs', 'scripts/envoy.mjs']) {
  const code = await run([script]);
  if (code === 0) continue;
  console.log(`${script} failed (${code})\n0 passed, 1 failed`);
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'weft-promises-'));
const table = [];
let [passed, failed] = [0, 0];
try {
  for (const group of groups.filter(isWanted)) {
    const here = wanted.filter(
      (id) => id !== 'INV' && group.titles === undefined && (group.ids.includes(id) || !known.includes(id)),
    );
    const { passed: good, reasons, lines } = await prove(group, folder, here);
    passed += good;
    failed += reasons.length;
    if (group.unsaid !== undefined && good > 0 && reasons.length === 0 && !lines.has(group.unsaid))
      lines.set(group.unsaid, [`${good} long tests passed, histories and their sizes as in ${group.files[0]}`]);
    for (const [id, texts] of lines) for (const text of texts) table.push([id, text]);
    for (const reason of reasons) table.push(['failed', reason]);
    for (const id of group.ids) {
      if (lines.has(id) || (wanted.length > 0 && !wanted.includes(id))) continue;
      table.push([id, `not run (${reasons[0] ?? 'no test printed its number'})`]);
      // A test that failed before it had a number is counted once.
      if (reasons.length === 0) failed += 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log('\nPromises');
for (const [id, text] of table) console.log(id === 'failed' ? `  failed: ${text}` : `promise ${id}: ${text}`);
if (passed === 0) failed = Math.max(failed, 1);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
