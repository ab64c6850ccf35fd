// `npm test`: everything that proves Weft, real Envoys included. Makes what it needs (build, pinned Envoy, PostgreSQL), runs all of vitest,
// and closes with a line of its own, `N passed, N failed`, that continuous integration reads.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal ? 1 : (code ?? 1)));
  });
}

async function must(command, args) {
  const code = await run(command, args);
  if (code !== 0) {
    console.log(`${[command, ...args].join(' ')} failed (${code})\n0 passed, 1 failed`);
    process.exit(1);
  }
}

await must(process.execPath, ['scripts/build.mjs']);
await must(process.execPath, ['scripts/envoy.mjs']);

const selection = process.argv.slice(2);
const words = selection.filter((word) => !word.startsWith('-'));
if (words.length === 0 || words.some((word) => 'test/docs/tcp-services.test.ts'.includes(word))) {
  // Where it cannot be had, the test that needs it fails, and says what to do.
  const { stdout } = spawnSync(process.execPath, ['scripts/postgresql.mjs'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (stdout !== '') process.env.POSTGRESQL_BIN = stdout.trim();
}

const folder = mkdtempSync(join(tmpdir(), 'weft-test-'));
const report = join(folder, 'report.json');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const code = await run(process.execPath, [
  vitest,
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...selection,
]);

let passed = 0;
let failed = 0;
try {
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
  // A file that could not be loaded has no tests of its own, yet it failed.
  const broken = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  passed = numPassedTests;
  failed = numFailedTests + broken;
} catch (error) {
  console.log(`vitest left no report: ${error.message}`);
  failed = 1;
}
rmSync(folder, { recursive: true, force: true });
if (code !== 0 && failed === 0) failed = 1;
if (passed === 0) failed = Math.max(failed, 1);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
