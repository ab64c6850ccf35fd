import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../../src/model/failure.ts';
import { requirePrivate } from '../../src/store/file-modes.ts';
import { openFileStore } from '../../src/store/file-store.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-store-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const bytes = (text: string) => new TextEncoder().encode(text);
const failureOf = async (run: () => unknown): Promise<Failure> => {
  try {
    await run();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing failed');
};

describe('file store', () => {
  it('keeps what was written, across a new start, sorted and by prefix', async () => {
    const store = openFileStore(join(dir, 'state'));
    await store.write('tokens/b', bytes('2'));
    await store.write('tokens/a', bytes('1'));
    await store.write('ca/root.key', bytes('k'));
    await store.write('tokens/a', bytes('3'));
    const again = openFileStore(join(dir, 'state'));
    expect(await again.list('tokens/')).toEqual(['tokens/a', 'tokens/b']);
    expect(await again.list('')).toEqual(['ca/root.key', 'tokens/a', 'tokens/b']);
    expect(await again.read('tokens/a')).toEqual(bytes('3'));
    expect(await again.read('tokens/none')).toBeUndefined();
    await again.delete('tokens/a');
    await again.delete('tokens/a');
    expect(await again.read('tokens/a')).toBeUndefined();
  });

  it('keeps the value of the last call when many write one key at once', async () => {
    const store = openFileStore(dir);
    await Promise.all(Array.from({ length: 50 }, (_, index) => store.write('port', bytes(String(index)))));
    expect(await store.read('port')).toEqual(bytes('49'));
    expect(readdirSync(dir)).toEqual(['port']);
  });

  it('creates directories 0700 and files 0600 under umask 000 (T19)', async () => {
    const before = process.umask(0);
    try {
      const store = openFileStore(join(dir, 'new', 'state'));
      await store.write('ca/deep/root.key', bytes('k'));
    } finally {
      process.umask(before);
    }
    const mode = (path: string) => (lstatSync(join(dir, path)).mode & 0o777).toString(8);
    expect(['new', 'new/state', 'new/state/ca', 'new/state/ca/deep', 'new/state/ca/deep/root.key'].map(mode)).toEqual([
      '700',
      '700',
      '700',
      '700',
      '600',
    ]);
  });

  it.each([
    ['a file that others may read', 0o640],
    ['a file that others may write', 0o602],
  ])('refuses %s, at the start and later', async (_, mode) => {
    const store = openFileStore(dir);
    await store.write('ca/root.key', bytes('k'));
    chmodSync(join(dir, 'ca/root.key'), mode);
    const late = await failureOf(() => store.read('ca/root.key'));
    const early = await failureOf(() => openFileStore(dir));
    for (const failure of [late, early]) {
      expect(failure.code).toBe('WEFT0904');
      expect(failure.message).toContain(`is open to other users (mode ${mode.toString(8)})`);
      expect(failure.hint).toContain('chmod 600');
    }
  });

  it('refuses open directories, symbolic links and things that are not files', async () => {
    const store = openFileStore(dir);
    await store.write('ca/root.key', bytes('k'));
    chmodSync(join(dir, 'ca'), 0o755);
    expect((await failureOf(() => openFileStore(dir))).hint).toContain('chmod 700');
    expect((await failureOf(() => store.write('ca/other', bytes('x')))).code).toBe('WEFT0904');
    chmodSync(join(dir, 'ca'), 0o700);
    symlinkSync('/etc/hostname', join(dir, 'ca', 'linked'));
    expect((await failureOf(() => openFileStore(dir))).message).toContain('is not a file');
    expect((await failureOf(() => store.read('ca/linked'))).message).toContain('symbolic link');
    writeFileSync(join(dir, 'plain'), '', { mode: 0o600 });
    expect((await failureOf(() => openFileStore(join(dir, 'plain')))).code).toBe('WEFT0904');
  });

  it('refuses a file of another owner', async () => {
    writeFileSync(join(dir, 'key'), '', { mode: 0o600 });
    const stats = lstatSync(join(dir, 'key'));
    const foreign = { uid: stats.uid + 1, mode: stats.mode, isFile: () => true, isDirectory: () => false };
    const failure = await failureOf(() => requirePrivate(join(dir, 'key'), foreign, 'file'));
    expect(failure.code).toBe('WEFT0904');
    expect(failure.message).toContain(`belongs to user ${stats.uid + 1}, this process runs as user ${stats.uid}`);
  });

  it('never leaves its directory, whatever the key', async () => {
    const store = openFileStore(join(dir, 'state'));
    const keys = [
      '../x',
      'a/../../x',
      '/etc/passwd',
      '.',
      '..',
      '',
      'a//b',
      'a/',
      '.hidden',
      'a/.b',
      'a\0b',
      'a\\b',
      '%2e%2e/x',
      '-x',
      'é',
    ];
    for (const key of keys) {
      await expect(store.read(key)).rejects.toThrow(RangeError);
      await expect(store.write(key, bytes('x'))).rejects.toThrow(RangeError);
      await expect(store.delete(key)).rejects.toThrow(RangeError);
    }
    expect(readdirSync(dir)).toEqual(['state']);
    expect(readdirSync(join(dir, 'state'))).toEqual([]);
  });

  it('leaves the old value and no temporary file when a write fails', async () => {
    const store = openFileStore(dir);
    await store.write('a', bytes('old'));
    mkdirSync(join(dir, 'b'), { mode: 0o700 });
    const failure = await failureOf(() => store.write('b', bytes('x')));
    expect(failure.code).toBe('WEFT0904');
    expect(readdirSync(dir).sort()).toEqual(['a', 'b']);
    expect(await store.read('a')).toEqual(bytes('old'));
  });

  it('sweeps the temporary files of dead writers only', () => {
    const dead = join(dir, '.write-4194399-aaaa');
    const alive = join(dir, `.write-${process.pid}-aaaa`);
    for (const path of [dead, alive]) writeFileSync(path, 'half', { mode: 0o600 });
    openFileStore(dir);
    expect([existsSync(dead), existsSync(alive)]).toEqual([false, true]);
  });
});

it('a state dir that is a file is told in words', () => {
  const file = join(dir, 'taken');
  writeFileSync(file, '');
  expect(() => openFileStore(file)).toThrow(
    `state file "${file}" cannot be used: there is a file where a directory must be`,
  );
});
