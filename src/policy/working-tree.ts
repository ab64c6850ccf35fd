import { closeSync, constants, type Dirent, fstatSync, openSync, readFileSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Diagnostic } from '../model/diagnostic.ts';
import { Failure } from '../model/failure.ts';
import { byPath, checkRoot, headCommit, type PolicyTree, readCommit } from './git-tree.ts';
import type { PolicyFile } from './parse-file.ts';
import { limits } from './read-yaml.ts';
import { foldersAbove, mayBeMeant, mostBeside } from './stray-files.ts';
import { acceptName, decodeText, mostFiles, refuseFile } from './tree-rules.ts';

/**
 * Reads the policy tree below `root` as it lies in the folder, for development: regular files only, no link is followed (T13). The
 * commit is HEAD's short id, with `+edits` where the files differ from it; without git or without a commit it is
 * `uncommitted+edits`. Throws Failure WEFT0962 if there is no such folder.
 */
export async function readWorkingTree(repository: string, root: string): Promise<PolicyTree> {
  checkRoot(root);
  const found: Diagnostic[] = [];
  const files: PolicyFile[] = [];
  await requireFolder(repository, root);
  // git works while files are read.
  const [committed] = await Promise.all([readHead(repository, root), walk(repository, root, root, files, found, 0)]);
  files.sort(byPath);
  const same =
    committed?.files.length === files.length &&
    committed.diagnostics.length === 0 &&
    files.every((file, index) => {
      const other = committed.files[index];
      return other?.path === file.path && other.text === file.text;
    });
  const id = committed?.commit ?? 'uncommitted';
  const { author = '', subject = '', time = 0 } = committed ?? {};
  const beside = await readBeside(repository, root);
  return { commit: same ? id : `${id}+edits`, files, beside, diagnostics: found, author, subject, time };
}

/** Files directly in the folders above the tree that may be meant to be in it. */
async function readBeside(repository: string, root: string): Promise<readonly PolicyFile[]> {
  const beside: PolicyFile[] = [];
  for (const folder of foldersAbove(root)) {
    const entries = await readdir(join(repository, folder), { withFileTypes: true });
    for (const { name } of entries.filter((entry) => entry.isFile() && mayBeMeant(entry.name)).slice(0, mostBeside)) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const read = readRegular(join(repository, path));
      if (read instanceof Uint8Array) beside.push({ path, text: new TextDecoder().decode(read) });
    }
  }
  return beside.sort(byPath);
}

/** What HEAD has, or undefined where there is no repository, no commit or no such folder in it. */
async function readHead(repository: string, root: string): Promise<PolicyTree | undefined> {
  try {
    const head = await headCommit(repository);
    return head === undefined ? undefined : await readCommit(repository, head, root);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** Every part of `root` is a real folder. */
async function requireFolder(repository: string, root: string): Promise<void> {
  let path = repository;
  for (const part of root.split('/')) {
    path = join(path, part);
    const stats = await lstat(path).catch(() => undefined);
    if (!stats?.isDirectory()) {
      const what = stats?.isSymbolicLink() ? 'is a link' : 'does not exist';
      throw new Failure('WEFT0962', `folder ${JSON.stringify(root)} ${what}`, `create ${root}/ with a policy`, path);
    }
  }
}

async function walk(
  repository: string,
  root: string,
  folder: string,
  files: PolicyFile[],
  found: Diagnostic[],
  depth: number,
): Promise<void> {
  const entries = await readdir(join(repository, folder), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const [index, entry] of entries.entries()) {
    if (index % filesAStep === filesAStep - 1) await setImmediate();
    const { name } = entry;
    const path = `${folder}/${name}`;
    if (entry.isDirectory()) {
      if (name.startsWith('.')) continue;
      if (depth >= 32) refuseFile(found, path, 'its depth of folders', 32);
      else await walk(repository, root, path, files, found, depth + 1);
    } else if (acceptName(path, root, kindOf(entry), found)) readOne(repository, path, files, found);
  }
}

/** Between so many files others have their turn. */
const filesAStep = 32;

function kindOf(entry: Dirent): 'file' | 'link' | 'special' {
  return entry.isFile() ? 'file' : entry.isSymbolicLink() ? 'link' : 'special';
}

/** At once: files are small, and four calls that each wait for their turn cost several times what they do. */
function readOne(repository: string, path: string, files: PolicyFile[], found: Diagnostic[]): void {
  if (files.length >= mostFiles) {
    if (files.length === mostFiles) refuseFile(found, path, 'the number of files before it', mostFiles);
    return;
  }
  const read = readRegular(join(repository, path));
  if (read === 'gone') return;
  if (read === 'too large') refuseFile(found, path, 'its size in bytes', limits.bytes);
  else {
    const text = decodeText(path, read, found);
    if (text !== undefined) files.push({ path, text });
  }
}

/** `gone`: an editor's temporary file was removed since the folder was listed. Undefined: not a regular file now, or not for us. */
function readRegular(path: string): Uint8Array | 'gone' | 'too large' | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'gone' : undefined;
  }
  try {
    const stats = fstatSync(descriptor);
    if (stats.size > limits.bytes) return 'too large';
    return stats.isFile() ? readFileSync(descriptor) : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}
