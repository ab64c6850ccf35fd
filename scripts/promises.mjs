// `npm run promises [-- T10 F28 …]`: the long forms of what Weft promises under attack and under faults, with real numbers. Runs
// test/promises and the tests elsewhere that have a long form (WEFT_LONG=1), collects the lines `promise ID: …` that they print, and
// ends with a table of them. A promise that has no line counts as broken. The last line is `N promises kept, N broken`; the exit
// code is 1 when any was broken, 2 when there is none of that name.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { judge, promisesIn } from './promise-verdict.mjs';
import { numbersIn, titlesOf } from './test-titles.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const longEnvironment = { ...process.env, WEFT_LONG: '1', NO_COLOR: '1' };

function filesOf(folder, pattern) {
  return readdirSync(join(root, folder))
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * Files that run together, and the promises whose numbers they must print. `only`: the tests about this rule. `lines`: what a line
 * without the word counts for. `unsaid`: the promise that holds when all tests pass, where they print no number.
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
  { files: ['test/conformance/xds-flow.test.ts'], ids: ['F24'], only: 'X11', lines: { X11: 'F24' } },
  { files: filesOf('test/property', /^routes-envoy.*\.test\.ts$/), ids: ['P11', 'P12'] },
  { files: ['test/property/authorization-envoy.test.ts'], ids: ['T14'] },
  { files: ['test/property/widening.test.ts', 'test/e2e/widening.test.ts'], ids: ['T14'] },
  { files: ['test/e2e/authorization-shapes.test.ts'], ids: ['T15', 'T16'] },
  { files: ['test/e2e/path-normalization.test.ts'], ids: ['P47'] },
  { files: ['test/e2e/mtls-matrix.test.ts'], ids: ['P34'] },
  { files: ['test/e2e/strict-one-by-one.test.ts'], ids: ['P35'] },
  { files: ['test/e2e/trust-domain-migration.test.ts'], ids: ['P36'] },
  { files: ['test/e2e/http-rules.test.ts'], ids: ['P15'], only: 'P15' },
  { files: ['test/e2e/token-keys.test.ts'], ids: ['T23'], only: 'T23' },
  { files: ['test/e2e/token-forgeries.test.ts'], ids: ['T24'], only: 'T24' },
  { files: ['test/e2e/rotation.test.ts'], ids: ['F8'] },
  { files: ['test/e2e/root-rotation.test.ts', 'test/e2e/root-rotation-kinds.test.ts'], ids: ['F9', 'F10'] },
  { files: ['test/e2e/leaf-life.test.ts'], ids: ['F12'] },
  { files: filesOf('test/property', /^xds-.*\.test\.ts$/), ids: ['INV'], unsaid: 'INV' },
  { files: filesOf('test/e2e', /^xds-.*\.test\.ts$/), ids: [] },
  { files: ['test/property/registry-joined.test.ts'], ids: ['T1'], only: 'T1' },
  { files: ['test/e2e/impostors.test.ts'], ids: ['T2', 'T28'] },
  { files: ['test/unit/joining.test.ts'], ids: ['T3'] },
  { files: ['test/unit/ca-csr-agreed.test.ts', 'test/unit/csr-refused.test.ts'], ids: ['T17'] },
  { files: ['test/unit/ca-bad-chains.test.ts', 'test/e2e/bad-chains.test.ts'], ids: ['T18'] },
  { files: ['test/unit/ca-sealed.test.ts'], ids: ['T19'] },
  {
    files: ['test/unit/ca-authority.test.ts', 'test/e2e/certificate-alarms.test.ts', 'test/e2e/expired.test.ts'],
    ids: ['F11'],
    only: 'F11',
  },
  { files: ['test/property/ca-root-rotation.test.ts'], ids: [] },
  { files: ['test/unit/access-inventory.test.ts'], ids: ['T4'] },
  { files: ['test/e2e/api-access.test.ts'], ids: ['T5', 'T22'] },
  { files: ['test/e2e/enrol.test.ts', 'test/e2e/secrets.test.ts'], ids: ['T6'] },
].map((group) => ({ ...group, titles: titlesIn(group) }));

function titlesIn({ files, only }) {
  return files
    .flatMap((file) => titlesOf(readFileSync(join(root, file), 'utf8')))
    .filter(({ numbers }) => only === undefined || numbers.includes(only));
}

/** The titles of a group that are about these; none: all. Undefined: the group has nothing to do with them. */
function titlesAbout({ ids, titles, only, unsaid }, wanted) {
  const whole = wanted.length === 0 || (unsaid !== undefined && wanted.includes(unsaid));
  if (whole || (only !== undefined && wanted.some((id) => ids.includes(id)))) return only === undefined ? [] : titles;
  const about = titles.filter(({ numbers }) => numbers.some((id) => wanted.includes(id)));
  return about.length > 0 ? about : undefined;
}

/** A pattern for vitest that matches these titles, whatever stands in their placeholders. */
function patternOf(titles) {
  const quote = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return titles
    .map(({ title }) =>
      title
        .split(/\$\{\w+\}|%\w/)
        .map(quote)
        .join('.*'),
    )
    .join('|');
}

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

/** Runs a group, or only these of its tests: what `judge` wants to know of it. */
async function prove(group, titles, folder) {
  const report = join(folder, `${group.files[0].replaceAll('/', '-')}.json`);
  const lines = [];
  await run(
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      ...group.files,
      ...(group.config === undefined ? ['--no-file-parallelism', '--testTimeout=3600000'] : ['--config', group.config]),
      ...(titles.length === 0 ? [] : ['-t', patternOf(titles)]),
      // Requests that left too late prove nothing, neither way (section 4 of reliability.md).
      '--retry.count=2',
      '--retry.condition=^void: ',
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
        if (id !== undefined) lines.push([id, text]);
      },
    },
  );
  const tests = testsIn(report);
  if (group.unsaid !== undefined && lines.length === 0 && tests.every(({ failure }) => failure === undefined))
    lines.push([group.unsaid, `${tests.length} long tests passed, histories and their sizes as in ${group.files[0]}`]);
  return { lines, tests };
}

/** What became of each test that ran. */
function testsIn(report) {
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
    return testResults.flatMap(({ name, status, message, assertionResults }) => {
      const ran = assertionResults.filter((test) => test.status === 'passed' || test.status === 'failed');
      if (status === 'failed' && ran.every((test) => test.status === 'passed'))
        return [{ failure: `${name}: ${firstLine(message)}` }];
      return ran.map(({ title, status: became, failureMessages }) =>
        became === 'passed' ? { title } : { title, failure: firstLine(failureMessages.join(' ')) },
      );
    });
  } catch (error) {
    return [{ failure: `vitest left no report: ${error.message}` }];
  }
}

function firstLine(text) {
  return (text ?? '').split('\n')[0].slice(0, 300);
}

const promised = [...new Set(groups.flatMap(({ ids }) => ids))];
const ruled = [...new Set(groups.flatMap(({ titles }) => titles.flatMap(({ numbers }) => numbers)))]
  .filter((id) => !promised.includes(id))
  .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
const list = `promises: ${promised.join(' ')}\nrules with a long form: ${ruled.join(' ')}`;

const wanted = process.argv.slice(2);
if (wanted.some((word) => word === '--help' || word === '-h')) {
  console.log(
    'npm run promises [-- ID …]: proves what is promised under attack and under faults, at full length and with',
  );
  console.log(
    'numbers; all of it takes about an hour. Exit code 1: a promise was broken; 2: there is none of that name.',
  );
  console.log(list);
  process.exit(0);
}
const strange = wanted.filter((id) => !promised.includes(id) && !ruled.includes(id));
if (strange.length > 0) {
  console.log(`no promise is called ${strange.join(' ')}; there are\n${list}`);
  if (strange.some((id) => numbersIn(id).length > 0))
    console.log('a rule without a long form is proved by npm test: docs/xds-conformance.md');
  process.exit(2);
}

for (const script of ['scripts/build.mjs', 'scripts/envoy.mjs']) {
  const code = await run([script]);
  if (code === 0) continue;
  console.log(`${script} failed (${code})\n0 promises kept, ${wanted.length || promised.length} broken`);
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'weft-promises-'));
const runs = [];
try {
  for (const group of groups) {
    const titles = titlesAbout(group, wanted);
    if (titles === undefined) continue;
    const isAsked = (id) => wanted.length === 0 || titles.length === 0 || wanted.includes(id);
    runs.push({ ids: group.ids.filter(isAsked), ...(await prove(group, titles, folder)) });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const { table, summary, good } = judge(runs, wanted.flatMap(promisesIn));
console.log(`\n${table.join('\n')}\n${summary}`);
process.exitCode = good ? 0 : 1;
