import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Failure } from '../model/failure.ts';
import { runGit } from '../policy/git.ts';
import { type BlobTexts, headCommit, type PolicyTree, readCommit } from '../policy/git-tree.ts';
import { foldersAbove, mayBeMeant } from '../policy/stray-files.ts';
import { readWorkingTree } from '../policy/working-tree.ts';

/** Reads policies from a repository; failures are Failures (no repository, no such folder, no such revision). */
export interface PolicyRepository {
  readonly location: string;
  /** A cheap text that changes when the head, or the working tree where that is served, may have changed. No process is started. */
  signature(): Promise<string>;
  readHead(): Promise<PolicyTree>;
  readCommit(commit: string): Promise<PolicyTree>;
}

/** A local git repository; `workingTree` also serves uncommitted edits (`4f1c2ab+edits`). */
export function createGitRepository(options: {
  readonly location: string;
  /** The policy tree below it, `policies`. */
  readonly path: string;
  readonly workingTree: boolean;
}): PolicyRepository {
  const { location, path, workingTree } = options;
  let folders: Promise<readonly string[]> | undefined;
  const known: BlobTexts = new Map();
  return {
    location,
    async signature() {
      folders ??= gitFolders(location);
      const [own = location, common = location] = await folders.catch((error: unknown) => {
        folders = undefined;
        // A working tree is read without git, too.
        if (workingTree) return [];
        throw error;
      });
      const head = (await readFile(join(own, 'HEAD'), 'utf8').catch(() => '')).trim();
      const ref = head.startsWith('ref: ') ? head.slice('ref: '.length) : undefined;
      const parts = [head, await stamp(join(common, 'packed-refs'))];
      if (ref !== undefined) parts.push(await readFile(join(common, ref), 'utf8').catch(() => ''));
      if (workingTree) parts.push(...(await walk(join(location, path))), ...(await besideOf(location, path)));
      return parts.join('\n');
    },
    async readHead() {
      if (workingTree) return readWorkingTree(location, path);
      try {
        return await readCommit(location, 'HEAD', path, known);
      } catch (error) {
        if ((await headCommit(location)) !== undefined) throw error;
        throw new Failure('WEFT0961', `${location} has no commit yet`, 'commit the policies', location);
      }
    },
    readCommit: (commit) => readCommit(location, commit, path),
  };
}

/** The git folder of this work tree, and the one that all work trees share. */
async function gitFolders(location: string): Promise<readonly string[]> {
  const { status, stdout } = await runGit(location, ['rev-parse', '--git-dir', '--git-common-dir']);
  if (status !== 0)
    throw new Failure(
      'WEFT0960',
      `${location} is not in a git repository`,
      'run git init, and commit the policies',
      location,
    );
  return stdout
    .toString('utf8')
    .trim()
    .split('\n')
    .map((folder) => resolve(location, folder));
}

async function stamp(file: string): Promise<string> {
  const known = await stat(file).catch(() => undefined);
  return known === undefined ? '-' : `${known.mtimeMs} ${known.size} ${known.ino}`;
}

/** Files above the tree that may be meant to be in it. */
async function besideOf(location: string, path: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of foldersAbove(path)) {
    const names = await readdir(join(location, folder)).catch(() => []);
    for (const name of names.filter(mayBeMeant).sort()) found.push(await stamp(join(location, folder, name)));
  }
  return found;
}

async function walk(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found = await Promise.all(
    entries
      .filter((entry) => !entry.name.startsWith('.'))
      .map(async (entry) => {
        const file = join(folder, entry.name);
        return entry.isDirectory() ? walk(file) : [`${file} ${await stamp(file)}`];
      }),
  );
  return found.flat().sort();
}
