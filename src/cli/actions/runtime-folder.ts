import { accessSync, constants, existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode, makeDirectoriesAround, requireDirectory, stateFailure } from '../../store/file-modes.ts';

/**
 * The private folder (0700) of one proxy for what lives as long as it runs: below systemd's RUNTIME_DIRECTORY, XDG_RUNTIME_DIR, /run/weft
 * where this user may write there, else a folder of this user in the temporary folder. Throws Failure WEFT0904 when others could reach in.
 */
export function runtimeFolder(env: NodeJS.ProcessEnv, nodeId: string): string {
  const base = baseFolder(env);
  makeDirectoriesAround(base);
  requireDirectory(base);
  const folder = join(base, nodeId);
  requireDirectory(folder);
  return folder;
}

/** Removes what lay in the folder while its proxy ran, the socket of Envoy for one. The lock is still held: nobody else's is in there. */
export function emptyRuntimeFolder(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : [])
    if (name !== 'lock') rmSync(join(folder, name), { recursive: true, force: true });
}

/** Takes the folder and its lock away where nobody uses them: a directory with somebody's claim in it is not empty, and stays. */
export function dropRuntimeFolder(folder: string): void {
  for (const path of [join(folder, 'lock'), folder]) {
    try {
      rmdirSync(path);
    } catch (error) {
      const code = errorCode(error);
      if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'EEXIST') throw stateFailure(path, error);
    }
  }
}

function baseFolder(env: NodeJS.ProcessEnv): string {
  // systemd separates several by colons; its mode 0755 is not ours to change, so we stand one below.
  const given = env.RUNTIME_DIRECTORY?.split(':')[0] || env.XDG_RUNTIME_DIR;
  if (given !== undefined && given !== '') return join(given, 'weft');
  if (isWritable('/run')) return '/run/weft';
  return join(tmpdir(), `weft-${process.getuid?.() ?? 0}`);
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
