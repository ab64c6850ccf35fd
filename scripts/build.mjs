// `npm run build`: src/proto/gen from the .proto files, then dist from src. Each half is skipped when nothing it reads
// has changed. `--protos-only` stops after the first half, which is all that the tests and the type checker need.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asOnlyBuild, generateProtos, replaceFolder } from './protos.mjs';

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(projectRoot, 'src');
const target = join(projectRoot, 'dist');
const generated = join(source, 'proto/gen');

function filesBelow(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.sort();
}

/** The generated folder is known by its own stamp. */
function sourceHash(protosStamp) {
  const hash = createHash('sha256').update(protosStamp);
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'scripts/build.mjs'];
  const files = filesBelow(source).filter((file) => !file.startsWith(`${generated}/`));
  for (const file of [...settings.map((name) => join(projectRoot, name)), ...files])
    hash.update(`\0${relative(projectRoot, file)}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

function compileInto(folder) {
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  const args = [compiler, '-p', join(projectRoot, 'tsconfig.build.json'), '--outDir', folder];
  const { status, error } = spawnSync(process.execPath, args, { stdio: 'inherit', cwd: projectRoot });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error('the compiler reported errors; dist is what it was before');
}

/** What is read at run time and is not TypeScript: the descriptor set first of all. */
function copyAssets(folder) {
  for (const file of filesBelow(source)) {
    const path = relative(source, file);
    if (path.endsWith('.ts') || path.endsWith('.stamp')) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(file, join(folder, path));
  }
}

/** `npx weft` in a checkout: npm links the commands of dependencies, but not those of the project itself. */
function linkCommand() {
  const link = join(projectRoot, 'node_modules/.bin/weft');
  const wanted = relative(dirname(link), join(target, 'cli/main.js'));
  try {
    if (readlinkSync(link) === wanted) return;
  } catch {
    // There is none, or a file that is no link.
  }
  rmSync(link, { force: true });
  symlinkSync(wanted, link);
}

function compile(protosStamp) {
  const stamp = sourceHash(protosStamp);
  const stampFile = join(target, '.stamp');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return false;
  const fresh = `${target}.${process.pid}`;
  try {
    compileInto(fresh);
    copyAssets(fresh);
    const main = join(fresh, 'cli/main.js');
    if (existsSync(main)) chmodSync(main, 0o755);
    writeFileSync(join(fresh, '.stamp'), stamp);
    replaceFolder(fresh, target);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return true;
}

const started = performance.now();
const protosOnly = process.argv.includes('--protos-only');
try {
  if (!existsSync(join(projectRoot, 'node_modules'))) throw new Error('nothing is installed yet; run npm ci first');
  const parts = asOnlyBuild(() => {
    const protos = generateProtos();
    const done = [protos.changed ? `${protos.files} protos generated` : 'protos up to date'];
    if (protosOnly) return done;
    done.push(compile(protos.stamp) ? 'dist compiled' : 'dist up to date');
    linkCommand();
    return done;
  });
  console.log(`build    ${parts.join(', ')}   ${((performance.now() - started) / 1000).toFixed(1)} s`);
} catch (error) {
  console.error(`build    failed: ${error.message}`);
  process.exitCode = 1;
}
