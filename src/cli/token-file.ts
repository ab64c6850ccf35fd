import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseToken, type Token } from '../ca/token.ts';
import { Failure } from '../model/failure.ts';
import type { Secret } from '../model/secret.ts';
import { stateFile } from './local-settings.ts';

export interface TokenSource {
  /** `--token-file` */
  readonly flag: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly readInput: () => Promise<string>;
}

/** The token that `--token-file` or WEFT_TOKEN_FILE names; undefined when neither does. Throws Failure WEFT0904 for an unusable file, WEFT0203 for what is no token. */
export async function namedToken(source: TokenSource): Promise<Token | undefined> {
  const { flag, env } = source;
  const path = flag ?? (env.WEFT_TOKEN_FILE === '' ? undefined : env.WEFT_TOKEN_FILE);
  if (path === undefined) return undefined;
  if (path === '-') return parseToken(await source.readInput(), 'stdin');
  return tokenIn(resolve(source.cwd, path));
}

/**
 * The operator's credential: the named one, else what the server left in its state dir (that of the nearest weft.yaml, or the nearest
 * `.weft/state`); undefined when there is none, as loopback may be allowed to read without.
 */
export async function operatorToken(source: TokenSource): Promise<Secret<string> | undefined> {
  const named = await namedToken(source);
  if (named !== undefined) return named.bearer;
  const path = stateFile(source.cwd, 'operator.token');
  return path === undefined ? undefined : tokenIn(path).bearer;
}

function tokenIn(path: string): Token {
  return parseToken(readPrivate(path), path);
}

/**
 * A file that others may read is no secret (section 3 of reliability.md). The group's read bit alone passes: it is how the access list of
 * systemd's LoadCredential looks.
 */
function readPrivate(path: string): string {
  let text: string;
  let mode: number;
  try {
    mode = statSync(path).mode;
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const problem =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'EACCES'
          ? 'may not be read by this user'
          : `cannot be read (${code})`;
    throw new Failure(
      'WEFT0904',
      `token file "${path}" ${problem}`,
      'weft token create --service NAME -o file > FILE',
      path,
    );
  }
  if ((mode & 0o037) !== 0)
    throw new Failure(
      'WEFT0904',
      `token file "${path}" is open to other users (mode ${(mode & 0o777).toString(8)})`,
      `chmod 600 ${path}; if others could read it, revoke the token and make another`,
      path,
    );
  return text;
}
