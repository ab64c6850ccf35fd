// `npm run bench [-- name --peers --istiod]`: compiles bench/*.ts, with what they import, into .cache/bench and runs them, one after
// another. `--peers`, `--istiod`: other servers take part where `go` is installed (istiod is large: it takes minutes to compile).
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(projectRoot, '.cache/bench');

function run(args) {
  const { status, error } = spawnSync(process.execPath, args, { stdio: 'inherit', cwd: projectRoot });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${basename(args[0])} ended with status ${status}`);
}

const names = readdirSync(join(projectRoot, 'bench'), { withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => basename(entry.name, '.ts'))
  .sort();
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const [wanted, ...more] = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
try {
  const unknown = [...(wanted === undefined || names.includes(wanted) ? [] : [wanted]), ...more];
  if (unknown.length > 0)
    throw new Error(
      `no benchmark is called ${unknown.join(' ')}; there are: ${names.join(', ')} (one, or none for all)`,
    );
  const strange = options.filter((option) => !['--peers', '--istiod'].includes(option));
  if (strange.length > 0) throw new Error(`no option is called ${strange.join(' ')}; there are: --peers, --istiod`);
  rmSync(join(target, 'bench'), { recursive: true, force: true });
  run([join(projectRoot, 'scripts/build.mjs'), '--protos-only']);
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  run([compiler, '-p', join(projectRoot, 'tsconfig.bench.json')]);
  const descriptorSet = 'src/proto/gen/descriptor-set.binpb';
  mkdirSync(dirname(join(target, descriptorSet)), { recursive: true });
  copyFileSync(join(projectRoot, descriptorSet), join(target, descriptorSet));
  for (const name of wanted === undefined ? names : [wanted]) run([join(target, 'bench', `${name}.js`), ...options]);
} catch (error) {
  console.error(`bench    failed: ${error.message}`);
  process.exitCode = 1;
}
