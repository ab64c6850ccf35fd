// `node scripts/postgresql.mjs`: prints the folder of PostgreSQL's programs, which the test of examples/tcp-services runs. Where none
// is installed it gets those of Debian or Ubuntu by apt-get, once, into .cache/postgresql: no root is needed, and nothing is installed.
// `--fetch` does so even where PostgreSQL is installed.
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const example = join(projectRoot, 'examples/tcp-services/services/postgresql.mjs');
const programs = ['postgres', 'initdb', 'psql', 'pgbench'];

class Refusal extends Error {}

const run = (command, args, options = {}) =>
  spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' }, ...options });

function must(command, args, options) {
  const { status, error, stdout, stderr } = run(command, args, options);
  if (status === 0) return stdout;
  const words = (stderr || stdout || String(error)).trim().split('\n').slice(-4).join('\n    ');
  throw new Refusal(`${command} ${args[0]} failed\n    ${words}\n    fix: apt-get install postgresql`);
}

/** The folder that the example finds by itself. */
function installed() {
  const { status, stdout } = run(process.execPath, [example, '--where']);
  return status === 0 ? stdout.trim() : undefined;
}

/** PostgreSQL refuses to run as root, so root's cache lies where another user can read it. */
function cacheFolder() {
  const inProject = join(projectRoot, '.cache/postgresql');
  if (process.getuid() !== 0) return inProject;
  for (let folder = projectRoot; folder !== '/'; folder = dirname(folder))
    if ((statSync(folder).mode & constants.S_IXOTH) === 0) return '/var/cache/weft/postgresql';
  return inProject;
}

/** What PostgreSQL needs and this machine lacks, by name; without what serves installing alone, and the compiler that it can do without. */
function missingPackages(options) {
  const simulate = ['install', '--print-uris', '--no-install-recommends', '--yes', '--quiet=2', ...options];
  const lines = must('apt-get', [...simulate, 'postgresql']).split('\n');
  const names = lines.flatMap((line) => /^'[^']+' ([^_]+)_/.exec(line)?.[1] ?? []);
  return names.filter(
    (name) => /^(postgresql-(client-)?\d+$|lib)/.test(name) && !/^lib(llvm|z3|json|common)/.test(name),
  );
}

/** Unpacks them below `folder`/tree, and leaves a `bin` beside it that runs them with the libraries that came along. */
function unpackInto(folder, options) {
  const missing = missingPackages(options);
  if (missing.length === 0)
    throw new Refusal('its packages are installed, but not its programs: name their folder in POSTGRESQL_BIN');
  const packages = join(folder, 'packages');
  for (const name of ['packages', 'tree', 'bin']) mkdirSync(join(folder, name));
  must('apt-get', ['download', '--quiet=2', ...options, ...missing], { cwd: packages });
  for (const file of readdirSync(packages)) must('dpkg-deb', ['-x', join(packages, file), join(folder, 'tree')]);
  rmSync(packages, { recursive: true });
  const [version] = readdirSync(join(folder, 'tree/usr/lib/postgresql'));
  rmSync(join(folder, `tree/usr/lib/postgresql/${version}/lib/llvmjit.so`), { force: true });
  const triplets = ['usr/lib', 'lib'].flatMap((path) => {
    const parent = join(folder, 'tree', path);
    return existsSync(parent) ? readdirSync(parent).map((name) => `$root/tree/${path}/${name}`) : [];
  });
  const libraries = triplets.filter((path) => /-linux-gnu/.test(path)).join(':');
  for (const name of programs) {
    const script = join(folder, 'bin', name);
    const real = `$root/tree/usr/lib/postgresql/${version}/bin/${name}`;
    writeFileSync(
      script,
      `#!/bin/sh\nroot="$(cd "$(dirname "$0")/.." && pwd)"\nLD_LIBRARY_PATH="${libraries}" exec "${real}" "$@"\n`,
    );
    chmodSync(script, 0o755);
    must(script, ['--version']);
  }
}

/** Two at once work in folders of their own; who comes second finds the same programs there. */
function replace(folder, target) {
  rmSync(target, { recursive: true, force: true });
  try {
    renameSync(folder, target);
  } catch (error) {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  }
}

function fetchInto(cache) {
  mkdirSync(cache, { recursive: true });
  accessSync(cache, constants.W_OK);
  const work = mkdtempSync(join(cache, 'fetch-'));
  const state = join(work, 'apt');
  const quiet = ['-o', 'Debug::NoLocking=true', '-o', `Dir::Cache=${state}`, '-o', 'APT::Sandbox::User=root'];
  const own = [...quiet, '-o', `Dir::State::lists=${state}/lists`];
  for (const path of ['archives/partial', 'lists/partial']) mkdirSync(join(state, path), { recursive: true });
  console.error('postgresql  none is installed; getting the programs through apt-get, once');
  const attempt = (name, options) => {
    const folder = join(work, name);
    mkdirSync(folder);
    unpackInto(folder, options);
    return folder;
  };
  try {
    let folder;
    try {
      folder = attempt('known', quiet);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // The lists of packages are absent on a machine just made, and name what is gone on an old one.
      must('apt-get', ['update', '--quiet=2', ...own]);
      folder = attempt('fresh', own);
    }
    chmodSync(folder, 0o755);
    replace(folder, join(cache, 'current'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return join(cache, 'current/bin');
}

try {
  const { values } = parseArgs({ options: { fetch: { type: 'boolean', default: false } } });
  const cache = cacheFolder();
  const cached = join(cache, 'current/bin');
  const found = values.fetch ? undefined : installed();
  console.log(found ?? (existsSync(cached) ? cached : fetchInto(cache)));
} catch (error) {
  console.error(`postgresql  ${error instanceof Refusal ? error.message : error.stack}`);
  process.exitCode = 2;
}
