import type { Diagnostic } from '../model/diagnostic.ts';
import { firstLineOf } from './read-yaml.ts';
import { reportInto } from './report.ts';

/** More files than any tree needs. */
export const mostFiles = 20_000;

/**
 * Rule 1 of section 1.4: whether a path below `root` is a policy file. Names that begin with `.` and other endings are not read;
 * links, submodules and what is no regular file are refused (WEFT0007).
 */
export function acceptName(
  path: string,
  root: string,
  kind: 'file' | 'link' | 'submodule' | 'special',
  found: Diagnostic[],
): boolean {
  const inside = path === root ? [] : path.slice(root.length + 1).split('/');
  if (inside.some((part) => part.startsWith('.'))) return false;
  if (kind !== 'file') {
    const what = kind === 'special' ? 'no regular file' : `a ${kind}`;
    reportInto(found)(
      'WEFT0007',
      firstLineOf(path),
      `${path} was refused: it is ${what}`,
      'put the file itself into the tree',
    );
    return false;
  }
  if (!/\.(?:ya?ml|json)$/.test(path)) return false;
  if (!path.includes('\uFFFD') && ![...path].some((char) => char < ' ')) return true;
  reportInto(found)('WEFT0007', firstLineOf(path), `${path} was refused: its name is not plain text`, 'rename it');
  return false;
}

/** WEFT0007 for a limit. */
export function refuseFile(found: Diagnostic[], path: string, what: string, limit: number): void {
  reportInto(found)('WEFT0007', firstLineOf(path), `${path} was refused: ${what} is over ${limit}`, 'split the file');
}

/** A JSON Schema, as `weft schema` prints it: editors look for it beside the policies, and it is none. */
export function isJsonSchema(path: string, text: string): boolean {
  return path.endsWith('.json') && /^\s*\{\s*"\$schema"\s*:\s*"https?:\/\/json-schema\.org\//.test(text);
}

/**
 * The bytes of a file of the tree as text. Undefined for a JSON Schema, and, with a finding, for what is no UTF-8 or is missing.
 */
export function decodeText(path: string, bytes: Uint8Array | undefined, found: Diagnostic[]): string | undefined {
  try {
    if (bytes) {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      return isJsonSchema(path, text) ? undefined : text;
    }
  } catch {
    reportInto(found)('WEFT0001', firstLineOf(path), 'YAML syntax: the file is not UTF-8', 'save it as UTF-8');
    return undefined;
  }
  reportInto(found)(
    'WEFT0007',
    firstLineOf(path),
    `${path} was refused: its content cannot be read`,
    'check the file, or run git fsck',
  );
  return undefined;
}
