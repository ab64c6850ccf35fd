import { constants, type Stats } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Diagnostic } from '../model/diagnostic.ts';
import { Failure } from '../model/failure.ts';
import { byPath, checkRoot, headCommit, type PolicyTree, readCommit } from './git-tree.ts';
import type { PolicyFile } from './parse-file.ts';
import { limits } from './read-yaml.ts';
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
  await walk(repository, root, root, files, found, 0);
  files.sort(byPath);
  const committed = await readHead(repository, root);
  const same =
    committed?.files.length === files.length &&
    committed.diagnostics.length === 0 &&
    files.every((file, index) => {
      const other = committed.files[index];
      return other?.path === file.path && other.text === file.text;
    });
  const id = committed?.commit ?? 'uncommitted';
  const { author = '', subject = '', time = 0 } = committed ?? {};
  return { commit: same ? id : `${id}+edits`, files, diagnostics: found, author, subject, time };
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
  const names = (await readdir(join(repository, folder))).sort();
  for (const name of names) {
    const path = `${folder}/${name}`;
    const stats = await lstat(join(repository, path)).catch(() => undefined);
    // Gone between the listing and now: an editor's temporary file.
    if (!stats) continue;
    if (stats.isDirectory()) {
      if (name.startsWith('.')) continue;
      if (depth >= 32) refuseFile(found, path, 'its depth of folders', 32);
      else await walk(repository, root, path, files, found, depth + 1);
    } else if (acceptName(path, root, kindOf(stats), found)) await readOne(repository, path, files, found);
  }
}

function kindOf(stats: Stats): 'file' | 'link' | 'special' {
  return stats.isFile() ? 'file' : stats.isSymbolicLink() ? 'link' : 'special';
}

async function readOne(repository: string, path: string, files: PolicyFile[], found: Diagnostic[]): Promise<void> {
  if (files.length >= mostFiles) {
    if (files.length === mostFiles) refuseFile(found, path, 'the number of files before it', mostFiles);
    return;
  }
  const handle = await open(
    join(repository, path),
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  ).catch(() => undefined);
  try {
    const stats = await handle?.stat();
    if (stats && stats.size > limits.bytes) {
      refuseFile(found, path, 'its size in bytes', limits.bytes);
      return;
    }
    const bytes = stats?.isFile() ? await handle?.readFile() : undefined;
    const text = decodeText(path, bytes, found);
    if (text !== undefined) files.push({ path, text });
  } finally {
    await handle?.close();
  }
}
