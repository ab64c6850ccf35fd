import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const projectRoot = fileURLToPath(new URL('../..', import.meta.url));
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-envoy-script-'));
  for (const part of ['scripts', 'envoy', 'bin']) mkdirSync(join(folder, part));
  copyFileSync(join(projectRoot, 'scripts/envoy.mjs'), join(folder, 'scripts/envoy.mjs'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A wheel is a zip; this one holds a script that answers `--version`, so nothing is downloaded here. */
const WHEEL_MAKER = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr(zipfile.ZipInfo("envoy/_bin/envoy"), '#!/bin/sh\\necho "envoy  version: abc123/1.40.0/Clean"\\n')
`;

async function prepare(): Promise<string> {
  const wheel = join(folder, 'made.whl');
  await run('python3', ['-c', WHEEL_MAKER, wheel], process.env);
  const python = (await run('python3', ['-c', 'import sys; print(sys.executable)'], process.env)).stdout.trim();
  // Stands where python3 stands: "pip download" copies the wheel, everything else is the real python3.
  const script = `#!/bin/sh\nif [ "$2" = pip ]; then for last; do :; done; echo x >> ${folder}/downloads; exec /bin/cp ${wheel} "$last/"; fi\nexec ${python} "$@"\n`;
  writeFileSync(join(folder, 'bin/python3'), script, { mode: 0o755 });
  return wheel;
}

function pin(sha256: string): void {
  const wheels = { [`${process.platform}-${process.arch}`]: { sha256 } };
  writeFileSync(join(folder, 'envoy/envoy.json'), JSON.stringify({ version: '1.40.0', wheels }));
}

const hashOf = async (path: string) => {
  const { readFile } = await import('node:fs/promises');
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
};

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve) =>
    execFile(command, [...args], { env, cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    ),
  );
}

const script = (args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) =>
  run(process.execPath, [join(folder, 'scripts/envoy.mjs'), ...args], { PATH: join(folder, 'bin'), ...env });

test('two at once fetch it, a third downloads nothing', async () => {
  pin(await hashOf(await prepare()));
  const cached = join(folder, '.cache/envoy/1.40.0/envoy');
  const both = await Promise.all([script(), script()]);
  expect(both.map((ended) => [ended.code, ended.stdout.trim()])).toEqual([
    [0, cached],
    [0, cached],
  ]);
  expect(statSync(cached).mode & 0o777).toBe(0o755);
  expect(readdirSync(dirname(cached))).toEqual(['envoy']);
  rmSync(join(folder, 'downloads'));
  expect(await script()).toMatchObject({ code: 0, stdout: `${cached}\n` });
  expect(existsSync(join(folder, 'downloads'))).toBe(false);
}, 60_000);

test('a wheel with another checksum is refused and leaves nothing behind', async () => {
  await prepare();
  pin('0'.repeat(64));
  const ended = await script();
  expect(ended.code).toBe(2);
  expect(ended.stderr).toMatch(/does not have the checksum of envoy\/envoy\.json and was not used/);
  expect(readdirSync(join(folder, '.cache/envoy/1.40.0'))).toEqual([]);
}, 60_000);

test('a named file that does not run is told, not replaced', async () => {
  pin('0'.repeat(64));
  for (const ended of [await script([], { ENVOY_PATH: '/nonexistent' }), await script(['--envoy', '/nonexistent'])]) {
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/names "\/nonexistent", which does not run as Envoy/);
  }
});

test('without python3 it says what to do', async () => {
  pin('0'.repeat(64));
  const ended = await script();
  expect(ended.code).toBe(2);
  expect(ended.stderr).toMatch(/python3 is missing.*fix: .*ENVOY_PATH/s);
});
