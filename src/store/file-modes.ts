import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { Failure } from '../model/failure.ts';

/** Only the owner may read, write or enter (T19, section 3 of reliability.md "Files"). */
export const privateFile = 0o600;
export const privateDirectory = 0o700;

/**
 * Refuses what anybody but this user could have read or replaced: another owner, bits for group or world, a symbolic link.
 * Throws Failure WEFT0904.
 */
export function requirePrivate(
  path: string,
  stats: Pick<Stats, 'uid' | 'mode' | 'isFile' | 'isDirectory'>,
  kind: 'file' | 'directory',
): void {
  const expected = kind === 'file' ? stats.isFile() : stats.isDirectory();
  if (!expected) {
    throw new Failure('WEFT0904', `"${path}" is not a ${kind}`, `move it away; Weft keeps its own state there`, path);
  }
  const owner = process.geteuid?.();
  if (owner !== undefined && stats.uid !== owner) {
    throw new Failure(
      'WEFT0904',
      `"${path}" belongs to user ${stats.uid}, this process runs as user ${owner}`,
      `run as user ${stats.uid}, or: chown ${owner} ${shellWord(path)}`,
      path,
    );
  }
  if ((stats.mode & 0o077) !== 0) {
    const wanted = (kind === 'file' ? privateFile : privateDirectory).toString(8);
    throw new Failure(
      'WEFT0904',
      `"${path}" is open to other users (mode ${(stats.mode & 0o777).toString(8)}), it may hold keys`,
      `chmod ${wanted} ${shellWord(path)}; if others could read it, treat its keys and tokens as stolen`,
      path,
    );
  }
}

/** Makes a directory (0700, whatever the umask) or checks the one that is there. Its parent must exist. Throws Failure WEFT0904. */
export function requireDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: privateDirectory });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw stateFailure(path, error);
  }
  requirePrivate(path, lstatSync(path), 'directory');
}

/** Makes the directories that are missing around a path (0700). Throws Failure WEFT0904. */
export function makeDirectoriesAround(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: privateDirectory });
  } catch (error) {
    throw stateFailure(dirname(path), error);
  }
}

/** The failure for an error of the operating system: `EACCES`, `ENOSPC`, `ENOTDIR` … */
export function stateFailure(path: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const code = errorCode(error) ?? 'unknown error';
  const words: Record<string, string> = {
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    ENOSPC: 'no space left on the device',
    EDQUOT: 'disk quota exceeded',
    EROFS: 'the file system is read-only',
    EEXIST: 'there is a file where a directory must be',
    ENOTDIR: 'a part of the path is not a directory',
    ELOOP: 'it is a symbolic link',
    EISDIR: 'it is a directory',
  };
  const hint =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'free some space; nothing was half-written'
      : 'make the state dir a directory that this user owns (mode 700), or name another one';
  return new Failure('WEFT0904', `state file "${path}" cannot be used: ${words[code] ?? code} (${code})`, hint, path);
}

/** The `code` of a Node error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
