import { randomBytes } from 'node:crypto';
import { constants, lstatSync, mkdirSync, readdirSync, realpathSync, unlinkSync } from 'node:fs';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { StateStore } from '../model/state-store.ts';
import {
  errorCode,
  privateDirectory,
  privateFile,
  requireDirectory,
  requirePrivate,
  stateFailure,
} from './file-modes.ts';
import { isRunning } from './process-identity.ts';

const segment = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const temporary = /^\.write-(\d+)-[0-9a-f]+$/;

/**
 * State in files below `dir`: one file per key, files 0600 and directories 0700 whatever the umask, each write whole or not at
 * all (exclusive temporary file, fsync, rename, fsync of the directory). Looser modes, another owner or a symbolic link refuse
 * at once (T19). Names that begin with a dot are not keys. Throws Failure WEFT0904 for all that the directory can do wrong; a
 * key that is not a plain relative path throws RangeError, a bug of the caller.
 */
export function openFileStore(dir: string): StateStore {
  const root = openRoot(dir);
  for (const key of walk(root, '')) requirePrivateFile(join(root, key));
  // Mutations one after another: of two writes to a key, the later call wins.
  let tail: Promise<unknown> = Promise.resolve();
  const inOrder = <T>(run: () => Promise<T>): Promise<T> => {
    const result = tail.then(run);
    tail = result.catch(() => undefined);
    return result;
  };
  return {
    read: async (key) => readPrivate(join(root, checkedKey(key))),
    async write(key, value) {
      const path = join(root, checkedKey(key));
      const bytes = Uint8Array.from(value);
      await inOrder(async () => {
        makeParents(root, key);
        await writeWhole(path, bytes);
      });
    },
    async delete(key) {
      const path = join(root, checkedKey(key));
      await inOrder(() => removeFile(path));
    },
    async list(prefix) {
      return walk(root, '')
        .filter((key) => key.startsWith(prefix) && isKey(key))
        .sort();
    },
  };
}

function openRoot(dir: string): string {
  try {
    mkdirSync(dir, { recursive: true, mode: privateDirectory });
    const root = realpathSync(dir);
    requireDirectory(root);
    return root;
  } catch (error) {
    throw stateFailure(dir, error);
  }
}

function requirePrivateFile(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats) requirePrivate(path, stats, 'file');
}

function checkedKey(key: string): string {
  if (!isKey(key)) throw new RangeError(`not a state key: ${JSON.stringify(key)}`);
  return key;
}

function isKey(text: string): boolean {
  return text.split('/').every((part) => segment.test(part));
}

function makeParents(root: string, key: string): void {
  const parts = key.split('/').slice(0, -1);
  parts.forEach((_, index) => {
    requireDirectory(join(root, ...parts.slice(0, index + 1)));
  });
}

async function readPrivate(path: string): Promise<Uint8Array | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    requirePrivate(path, await file.stat(), 'file');
    return Uint8Array.from(await file.readFile());
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw stateFailure(path, error);
  } finally {
    await file?.close();
  }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporaryPath = join(dirname(path), `.write-${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(temporaryPath, 'wx', privateFile);
    try {
      await file.chmod(privateFile);
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporaryPath, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await unlink(temporaryPath).catch(() => undefined); // already renamed, or never made: the first error is the one to tell
    throw stateFailure(path, error);
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
    await syncDirectory(dirname(path));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw stateFailure(path, error);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** All keys below a directory; checks each directory on the way, and removes temporary files of writers that are dead. */
function walk(root: string, below: string): string[] {
  const here = join(root, below);
  try {
    requirePrivate(here, lstatSync(here), 'directory');
    return readdirSync(here, { withFileTypes: true }).flatMap((entry) => {
      if (entry.name.startsWith('.')) {
        sweep(here, entry.name);
        return [];
      }
      const key = below === '' ? entry.name : `${below}/${entry.name}`;
      return entry.isDirectory() ? walk(root, key) : [key];
    });
  } catch (error) {
    throw stateFailure(here, error);
  }
}

function sweep(directory: string, name: string): void {
  const pid = Number(temporary.exec(name)?.[1] ?? process.pid);
  if (pid === process.pid || isRunning(pid)) return;
  try {
    unlinkSync(join(directory, name));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
