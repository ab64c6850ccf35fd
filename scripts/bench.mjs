// `npm run bench [-- name --peers --istiod]`: compiles bench/*.ts, with what they import, into .cache/bench and runs them, one after
// another. `--peers`, `--istiod`: other servers take part where `go` is installed (istiod is large: it takes minutes to compile).
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(projectRoot, '.cache/bench');

/** Of a benchmark that missed a goal (bench/support/figures.ts). */
const missedStatus = 3;

function run(args, also = 0) {
  const { status, error } = spawnSync(process.execPath, args, { stdio: 'inherit', cwd: projectRoot });
  if (error !== undefined) throw error;
  if (status !== 0 && status !== also) throw new Error(`${basename(args[0])} ended with status ${status}`);
  return status;
}

/** That of `npm run envoy`, which gets the pinned one where there is none. */
function pathOfEnvoy() {
  const { status, stdout } = spawnSync(process.execPath, [join(projectRoot, 'scripts/envoy.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: projectRoot,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error('no Envoy: npm run envoy');
  return stdout.trim();
}

const names = readdirSync(join(projectRoot, 'bench'), { withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => basename(entry.name, '.ts'))
  .sort();
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const [wanted, ...more] = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const known = ['--peers', '--istiod'];
const usage = `npm run bench [-- NAME ${known.join(' ')}]; benchmarks: ${names.join(', ')} (one, or none for all)`;
if (options.includes('--help')) {
  console.log(`${usage}\nexit code 1: a goal was missed, or a benchmark failed; 2: there is none of that name`);
  process.exit(0);
}
const strange = [
  ...(wanted === undefined || names.includes(wanted) ? [] : [wanted]),
  ...more,
  ...options.filter((option) => !known.includes(option)),
];
if (strange.length > 0) {
  console.error(`there is no ${strange.join(' ')}: ${usage}`);
  process.exit(2);
}

try {
  rmSync(join(target, 'bench'), { recursive: true, force: true });
  // `validate` runs what users run.
  run([join(projectRoot, 'scripts/build.mjs')]);
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  run([compiler, '-p', join(projectRoot, 'tsconfig.bench.json')]);
  const descriptorSet = 'src/proto/gen/descriptor-set.binpb';
  mkdirSync(dirname(join(target, descriptorSet)), { recursive: true });
  copyFileSync(join(projectRoot, descriptorSet), join(target, descriptorSet));
  // `identity` sends requests through an Envoy, which is looked for from where the compiled program lies.
  process.env.ENVOY_PATH ??= pathOfEnvoy();
  const missed = (wanted === undefined ? names : [wanted]).filter(
    (name) => run([join(target, 'bench', `${name}.js`), ...options], missedStatus) === missedStatus,
  );
  console.log(missed.length === 0 ? 'bench    all goals met' : `bench    goals missed in ${missed.join(', ')}`);
  if (missed.length > 0) process.exitCode = 1;
} catch (error) {
  console.error(`bench    failed: ${error.message}`);
  process.exitCode = 1;
}
