// Turns the .proto files of Envoy into one descriptor set and into TypeScript (xds-protocol.md 7.1).
// Input: the files that come with @grpc/grpc-js-xds, our stubs in envoy/protos, the list envoy/protos/roots.json, and
// envoy/protos/additions.json: fields that the pinned Envoy has and the packaged files lack (R7, R17), by file and message.
// Output: src/proto/gen, which is never committed. Nothing is downloaded.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withBuildLock } from './build-lock.mjs';

const require = createRequire(import.meta.url);
const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const stubFolder = join(projectRoot, 'envoy/protos');
const generatedFolder = join(projectRoot, 'src/proto/gen');
const cacheFolder = join(projectRoot, '.cache');

const packageFolder = (name) => dirname(require.resolve(`${name}/package.json`));
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Where an import is looked for, first hit wins: our stubs stand before the packaged files. */
function importFolders() {
  const deps = join(packageFolder('@grpc/grpc-js-xds'), 'deps');
  return [stubFolder, join(deps, 'envoy-api'), join(deps, 'xds'), join(deps, 'googleapis')];
}

/**
 * The text of a .proto file with the fields of additions.json put in front of those of their messages, which may be nested ones. Under
 * `import` stand files in reach of the roots, under `Message.choice` fields of a oneof.
 */
function withAdditions(text, { import: imports = [], ...messages }, path) {
  let whole = text
    .replaceAll('\r', '')
    .replace(/^import /m, (first) => `${imports.map((file) => `import "${file}";\n`).join('')}${first}`);
  for (const [name, fields] of Object.entries(messages)) {
    const [message, choice] = name.split('.');
    const inside = choice === undefined ? '' : `[^]*?^ *oneof ${choice} \\{$`;
    const start = new RegExp(`^ *message ${message} \\{$${inside}`, 'm').exec(whole)?.[0];
    if (start === undefined) throw new Error(`envoy/protos/additions.json: ${path} has no message ${name}`);
    whole = whole.replace(start, () => `${start}\n${fields.map((field) => `  ${field}`).join('\n')}`);
  }
  return whole;
}

/** Every file in reach of the roots, as a map from import path to file; google/protobuf comes with the tools. */
function filesInReach(roots) {
  const folders = importFolders();
  const found = new Map();
  const open = [...roots];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (found.has(path) || path.startsWith('google/protobuf/')) continue;
    const file = folders.map((folder) => join(folder, path)).find(existsSync);
    if (file === undefined) throw new Error(`${path} is neither in envoy/protos nor in @grpc/grpc-js-xds`);
    found.set(path, file);
    for (const match of readFileSync(file, 'utf8').matchAll(/^import\s+(?:public\s+|weak\s+)?"([^"]+)";/gm))
      open.push(match[1]);
  }
  return found;
}

/** Equal when the same files would come out: stubs, roots, this script, and the versions of the tools. */
function inputHash() {
  const hash = createHash('sha256');
  for (const name of ['@grpc/grpc-js-xds', '@bufbuild/buf', '@bufbuild/protoc-gen-es', '@bufbuild/protobuf'])
    hash.update(`${name} ${readVersion(name)}\n`);
  const stubs = readdirSync(stubFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = [fileURLToPath(import.meta.url), ...stubs.map((entry) => join(entry.parentPath, entry.name)).sort()];
  for (const file of files) hash.update(file.slice(projectRoot.length)).update(readFileSync(file));
  return hash.digest('hex');
}

/** @bufbuild/protobuf does not export its package.json, so the lock file of the installation is asked. */
function readVersion(name) {
  return readJson(join(projectRoot, 'node_modules', name, 'package.json')).version;
}

/**
 * A generated module that takes its file from src/proto/descriptors.ts, where all are described once, and imports no other module but
 * for types: what is not used is not loaded.
 */
function withSharedDescriptors(text, path) {
  const up = '../'.repeat(path.split('/').length);
  const lines = text
    .replace(/ fileDesc\("[^"]*"(, \[[^\]]*\])?\);/, () => ` fileNamed("${path}");`)
    .replace(/^import \{ file_.*\n/gm, '')
    .replace(/^import \{ (.*) \} from "@bufbuild\/protobuf\/codegenv2";$/m, (_, names) => {
      const others = names.split(', ').filter((name) => name !== 'fileDesc');
      const first = others.length > 0 ? `import { ${others.join(', ')} } from "@bufbuild/protobuf/codegenv2";\n` : '';
      return `${first}import { fileNamed } from "${up}descriptors.ts";`;
    });
  if (!lines.includes(`fileNamed("${path}")`) || lines.includes('fileDesc'))
    throw new Error(`the module of ${path} does not look as expected`);
  return lines;
}

function runBuf(args) {
  const buf = join(
    packageFolder('@bufbuild/buf'),
    readJson(join(packageFolder('@bufbuild/buf'), 'package.json')).bin.buf,
  );
  try {
    execFileSync(process.execPath, [buf, ...args], { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  } catch (error) {
    throw new Error(`buf ${args[0]} failed:\n${error.stdout ?? ''}${error.stderr ?? error.message}`);
  }
}

function generateInto(folder, work) {
  const reach = filesInReach(readJson(join(stubFolder, 'roots.json')));
  const additions = readJson(join(stubFolder, 'additions.json'));
  for (const [path, file] of reach) {
    const copy = join(work, 'protos', path);
    cpSync(file, copy);
    if (path in additions) writeFileSync(copy, withAdditions(readFileSync(file, 'utf8'), additions[path], path));
  }
  const set = join(folder, 'descriptor-set.binpb');
  mkdirSync(folder, { recursive: true });
  runBuf(['build', join(work, 'protos'), '--exclude-source-info', '-o', set]);
  const plugin = join(packageFolder('@bufbuild/protoc-gen-es'), 'bin/protoc-gen-es');
  const template = {
    version: 'v2',
    plugins: [
      {
        local: [process.execPath, plugin],
        out: folder,
        strategy: 'all',
        opt: ['target=ts', 'import_extension=ts', 'ts_nocheck=true'],
      },
    ],
  };
  runBuf(['generate', set, '--template', JSON.stringify(template)]);
  for (const path of reach.keys()) {
    const module = join(folder, `${path.replace(/\.proto$/, '')}_pb.ts`);
    writeFileSync(module, withSharedDescriptors(readFileSync(module, 'utf8'), path));
  }
  return reach.size;
}

/**
 * Puts a complete folder in the place of another, under the lock of the build. The old one is moved away before it is deleted: a
 * deletion that is interrupted would leave a part of it, which its stamp would call complete.
 */
export function replaceFolder(fresh, target) {
  const old = join(cacheFolder, `old-${process.pid}`);
  mkdirSync(cacheFolder, { recursive: true });
  if (existsSync(target)) renameSync(target, old);
  renameSync(fresh, target);
  rmSync(old, { recursive: true, force: true });
}

/** One build at a time (build-lock.mjs); what killed ones left behind is nobody's then, and goes. */
export function asOnlyBuild(work) {
  return withBuildLock(join(cacheFolder, 'build-lock'), () => {
    for (const [folder, leftover] of [
      [cacheFolder, /^(old|protos)-\d+$/],
      [projectRoot, /^dist\.\d+$/],
    ])
      for (const name of readdirSync(folder))
        if (leftover.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
    return work();
  });
}

/** Makes src/proto/gen when its inputs changed; the folder appears complete or not at all. Returns what it did. */
export function generateProtos() {
  const stamp = inputHash();
  const stampFile = join(generatedFolder, '.stamp');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return { changed: false, stamp, files: 0 };
  const work = mkdtempSync(join(tmpdir(), 'weft-protos-'));
  const fresh = join(cacheFolder, `protos-${process.pid}`);
  try {
    const files = generateInto(fresh, work);
    writeFileSync(join(fresh, '.stamp'), stamp);
    replaceFolder(fresh, generatedFolder);
    return { changed: true, stamp, files };
  } finally {
    rmSync(work, { recursive: true, force: true });
    rmSync(fresh, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const started = performance.now();
  const { changed, files } = asOnlyBuild(generateProtos);
  const took = `${((performance.now() - started) / 1000).toFixed(1)} s`;
  console.log(changed ? `protos   ${files} files generated in ${took}` : `protos   up to date (${took})`);
}
