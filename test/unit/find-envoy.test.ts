import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type EnvoySearch, envoyCandidates, findEnvoy, pinnedEnvoyVersion } from '../../src/sidecar/find-envoy.ts';
import { type EnvoyProbe, probeEnvoy } from '../../src/sidecar/probe-envoy.ts';

const projectRoot = fileURLToPath(new URL('../..', import.meta.url));
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-find-envoy-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function search(change: Partial<EnvoySearch> = {}): EnvoySearch {
  return { env: { PATH: '/a:/b' }, cwd: folder, projectRoot: folder, ...change };
}

const runsAt =
  (...paths: readonly string[]) =>
  async (path: string): Promise<EnvoyProbe> =>
    paths.includes(path) ? { kind: 'runs', version: '1.40.0' } : { kind: 'absent' };

function pin(version: string): void {
  mkdirSync(join(folder, 'envoy'));
  writeFileSync(join(folder, 'envoy/envoy.json'), JSON.stringify({ version }));
}

describe('the order of the places', () => {
  test('is flag, environment, weft.yaml, PATH, cache, ./.venv, func-e newest first', () => {
    pin('1.40.0');
    for (const version of ['1.9.0', '1.40.1', '1.40.0'])
      mkdirSync(join(folder, '.func-e/versions', version), { recursive: true });
    const env = { PATH: '/a:/b', ENVOY_PATH: '/env/envoy', HOME: folder };
    const candidates = envoyCandidates(search({ flag: 'flag/envoy', env, configPath: '/config/envoy' }));
    expect(candidates.map(({ place, path }) => `${place} ${path.replace(folder, '~')}`)).toEqual([
      '--envoy ~/flag/envoy',
      'ENVOY_PATH /env/envoy',
      'weft.yaml /config/envoy',
      'PATH /a/envoy',
      'PATH /b/envoy',
      "the project's cache ~/.cache/envoy/1.40.0/envoy",
      './.venv ~/.venv/bin/envoy',
      'func-e ~/.func-e/versions/1.40.1/bin/envoy',
      'func-e ~/.func-e/versions/1.40.0/bin/envoy',
      'func-e ~/.func-e/versions/1.9.0/bin/envoy',
    ]);
  });

  test('the first that runs is taken and named', async () => {
    const found = await findEnvoy(search(), runsAt('/b/envoy', join(folder, '.venv/bin/envoy')));
    expect(found).toEqual({ found: true, path: '/b/envoy', version: '1.40.0', foundBy: 'PATH' });
  });

  test('a file that was named and does not run ends the search', async () => {
    const found = await findEnvoy(search({ flag: '/wrong/envoy' }), runsAt('/a/envoy'));
    expect(found).toEqual({
      found: false,
      tried: [{ place: '--envoy', path: '/wrong/envoy', problem: 'no such file' }],
    });
  });

  test('nothing anywhere: every place is listed once, in order', async () => {
    const found = await findEnvoy(search(), runsAt());
    expect(found.found ? [] : found.tried.map((tried) => tried.place)).toEqual([
      '--envoy',
      'ENVOY_PATH',
      'weft.yaml',
      'PATH',
      "the project's cache",
      './.venv',
      'func-e',
    ]);
  });

  test('a broken one on the way is passed over, and told when nothing else runs', async () => {
    const broken: EnvoyProbe = { kind: 'broken', problem: 'not executable' };
    const probe = async (path: string): Promise<EnvoyProbe> => (path === '/a/envoy' ? broken : { kind: 'absent' });
    const found = await findEnvoy(search(), probe);
    expect(found.found ? [] : found.tried).toContainEqual({
      place: 'PATH',
      path: '/a/envoy',
      problem: 'not executable',
    });
  });
});

describe('what is wrong with a file', () => {
  function file(name: string, content: string | Buffer, mode = 0o755): string {
    const path = join(folder, name);
    writeFileSync(path, content, { mode });
    return path;
  }

  function elf(machine: number): Buffer {
    const head = Buffer.alloc(64);
    head.write('\x7fELF\x02\x01\x01', 'latin1');
    head.writeUInt16LE(machine, 18);
    return head;
  }

  test('another architecture', async () => {
    const other = process.arch === 'x64' ? 'arm64' : 'x64';
    const result = await probeEnvoy(file('envoy', elf(other === 'arm64' ? 183 : 62)));
    expect(result).toEqual({
      kind: 'broken',
      problem: `built for linux-${other}, this is ${process.platform}-${process.arch}`,
    });
  });

  test('another system', async () => {
    const mac = Buffer.alloc(64);
    mac.writeUInt32LE(0xfeedfacf, 0);
    mac.writeUInt32LE(0x0100000c, 4);
    expect(await probeEnvoy(file('envoy', mac))).toMatchObject({ problem: expect.stringContaining('darwin-arm64') });
  });

  test.each([
    [
      'a missing library',
      'echo "x: error while loading shared libraries: libz.so.1: cannot open" >&2; exit 127',
      'libz.so.1',
    ],
    ['old system libraries', 'echo "libc.so.6: version \\`GLIBC_2.31\' not found" >&2; exit 1', 'GLIBC_2.31'],
    ['some other program', 'echo hello; exit 0', 'not Envoy'],
    ['a crash', 'kill -SEGV $$', 'SIGSEGV'],
  ])('%s', async (_, script, words) => {
    const result = await probeEnvoy(file('envoy', `#!/bin/sh\n${script}\n`));
    expect(result).toMatchObject({ kind: 'broken', problem: expect.stringContaining(words) });
  });

  test('not executable, a folder, a lost interpreter, nothing', async () => {
    expect(await probeEnvoy(folder)).toEqual({ kind: 'broken', problem: 'not a file' });
    expect(await probeEnvoy(file('plain', '#!/bin/sh\n', 0o644))).toEqual({
      kind: 'broken',
      problem: 'not executable',
    });
    const lost = await probeEnvoy(file('lost', '#!/nonexistent/python3\n'));
    expect(lost).toMatchObject({ kind: 'broken', problem: expect.stringContaining('missing') });
    expect(await probeEnvoy(join(folder, 'none'))).toEqual({ kind: 'absent' });
  });
});

test('the real one is found and says its version', async () => {
  const found = await findEnvoy({ env: process.env, cwd: projectRoot, projectRoot });
  expect(found).toMatchObject({ found: true, version: expect.stringMatching(/^1\.\d+\.\d+/) });
  expect(pinnedEnvoyVersion(projectRoot)).toBe('1.40.0');
  expect(pinnedEnvoyVersion(folder)).toBeUndefined();
});
