import { dirname, join } from 'node:path';
import { makeDirectoriesAround, requireDirectory } from '../../store/file-modes.ts';

/** Which proxy of which control plane (by its fingerprint). */
interface Holder {
  readonly fingerprint: string;
  readonly nodeId: string;
}

/**
 * The private folder (0700) in which a proxy keeps the key that it made, from one run to the next: below systemd's STATE_DIRECTORY,
 * XDG_STATE_HOME or ~/.local/state, else `runtime`, which lasts until the machine starts anew. Each control plane (by its fingerprint)
 * has its own there. Throws Failure WEFT0904 when others could reach in.
 */
export function identityFolder(env: NodeJS.ProcessEnv, runtime: string, holder: Holder): string {
  const folder = identityPath(env, runtime, holder);
  const mesh = dirname(folder);
  const base = dirname(mesh);
  makeDirectoriesAround(base);
  for (const each of [base, mesh, folder]) requireDirectory(each);
  return folder;
}

/** Where that folder is, or would be. */
export function identityPath(env: NodeJS.ProcessEnv, runtime: string, { fingerprint, nodeId }: Holder): string {
  return join(baseFolder(env) ?? join(dirname(runtime), 'identities'), fingerprint.slice(0, 16), nodeId);
}

function baseFolder(env: NodeJS.ProcessEnv): string | undefined {
  // systemd separates several by colons; its mode 0755 is not ours to change, so we stand one below.
  const given = env.STATE_DIRECTORY?.split(':')[0] || env.XDG_STATE_HOME;
  if (given !== undefined && given !== '') return join(given, 'weft');
  if (env.HOME?.startsWith('/') === true) return join(env.HOME, '.local/state/weft');
  return undefined;
}
