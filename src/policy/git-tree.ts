import type { Diagnostic } from '../model/diagnostic.ts';
import { Failure } from '../model/failure.ts';
import { runGit } from './git.ts';
import type { PolicyFile } from './parse-file.ts';
import { limits } from './read-yaml.ts';
import { foldersAbove, mayBeMeant, mostBeside } from './stray-files.ts';
import { acceptName, decodeText, mostFiles, refuseFile } from './tree-rules.ts';

/** A policy tree as it was read, and what is known of the commit. */
export interface PolicyTree {
  /** Short commit id; `<id>+edits` for a working tree that differs from it. */
  readonly commit: string;
  /** Sorted by path; paths begin with the root (`policies/shop/reviews.yaml`). */
  readonly files: readonly PolicyFile[];
  /** Files above the tree that may be meant to be in it; absent: none. */
  readonly beside?: readonly PolicyFile[];
  /** Files that were refused (WEFT0007, WEFT0001): errors, so the commit is held back. */
  readonly diagnostics: readonly Diagnostic[];
  readonly author: string;
  readonly subject: string;
  /** When it was committed, in milliseconds since 1970; 0 where nothing is committed. */
  readonly time: number;
}

interface TreeEntry {
  readonly mode: string;
  readonly id: string;
  readonly size: number;
  readonly path: string;
}

/** The full id of HEAD, or undefined in a repository without a commit. Throws Failure WEFT0960 where there is no repository. */
export async function headCommit(repository: string): Promise<string | undefined> {
  const head = await runGit(repository, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']);
  if (head.status === 0) return head.stdout.toString('utf8').trim();
  await prefixOf(repository);
  return undefined;
}

/** Texts of blobs by their ids, which say all about them. */
export type BlobTexts = Map<string, string>;

/**
 * Reads the policy tree below `root` (relative to `repository`) from the blobs of a commit; nothing is checked out, no link is
 * followed (T13). What stands in `known` is not read again; it then holds the texts of this commit. Throws Failure WEFT0960 (no repository), WEFT0961 (no such commit) or WEFT0962 (no such folder).
 */
export async function readCommit(
  repository: string,
  revision: string,
  root: string,
  known: BlobTexts = new Map(),
): Promise<PolicyTree> {
  checkRoot(root);
  const { prefix, sha } = await placeOf(repository, revision);
  const [entries, commit, ...above] = await Promise.all([
    listTree(repository, sha, `${prefix}${root}`, '-r'),
    readCommitObject(repository, sha),
    ...foldersAbove(root).map((folder) => listTree(repository, sha, `${prefix}${folder}${folder && '/'}`)),
  ]);
  if (entries.length === 0) {
    throw new Failure(
      'WEFT0962',
      `commit ${sha.slice(0, 7)} has no folder ${JSON.stringify(root)}`,
      `create ${root}/ and commit a policy`,
      repository,
    );
  }
  const found: Diagnostic[] = [];
  const wanted = entries
    .map((entry) => ({ ...entry, path: entry.path.slice(prefix.length) }))
    .filter((entry) => acceptEntry(entry, root, found));
  if (wanted.length > mostFiles) refuseFile(found, root, 'the number of its files', mostFiles);
  const taken = wanted.slice(0, mostFiles);
  const meant = above.flat().flatMap((entry) => {
    const path = entry.path.slice(prefix.length);
    const isFile = entry.mode.startsWith('100') && entry.size <= limits.bytes;
    return isFile && mayBeMeant(path.slice(path.lastIndexOf('/') + 1)) ? [{ ...entry, path }] : [];
  });
  const outside = meant.slice(0, mostBeside);
  const unknown = [...taken, ...outside].filter(({ id }) => !known.has(id));
  const blobs = await readBlobs(repository, unknown);
  const texts = new Map<string, string>();
  const files = taken.flatMap(({ path, id }) => {
    const text = known.get(id) ?? decodeText(path, blobs.get(id), found);
    if (text === undefined) return [];
    texts.set(id, text);
    return [{ path, text }];
  });
  const beside = outside.flatMap(({ path, id }) => {
    const text = known.get(id) ?? blobs.get(id)?.toString('utf8');
    if (text === undefined) return [];
    texts.set(id, text);
    return [{ path, text }];
  });
  // What is not in the newest commit is let go.
  known.clear();
  for (const [id, text] of texts) known.set(id, text);
  return {
    commit: sha.slice(0, 7),
    files: files.sort(byPath),
    beside: beside.sort(byPath),
    diagnostics: found,
    ...commit,
  };
}

/** By path, in the order of their bytes' code units. */
export function byPath(a: PolicyFile, b: PolicyFile): number {
  return a.path < b.path ? -1 : 1;
}

/** `root` is a plain relative path. Throws Failure WEFT0962 otherwise. */
export function checkRoot(root: string): void {
  const parts = root.split('/');
  if (
    parts.every((part) => part !== '' && part !== '.' && part !== '..') &&
    !root.includes('\\') &&
    !root.includes('\0')
  )
    return;
  throw new Failure(
    'WEFT0962',
    `${JSON.stringify(root)} is not a folder of the repository`,
    'write a relative path such as policies',
  );
}

async function prefixOf(repository: string): Promise<string> {
  const result = await runGit(repository, ['rev-parse', '--show-prefix']);
  if (result.status !== 0) {
    const reason = result.stderr.split('\n')[0]?.replace(/^fatal: /, '') ?? '';
    throw new Failure(
      'WEFT0960',
      `${repository} is not in a git repository${reason ? `: ${reason}` : ''}`,
      'run git init, and commit the policies',
      repository,
    );
  }
  return result.stdout.toString('utf8').replace(/\n$/, '');
}

/** Where the folder stands in its repository, and the full id of a commit: by one process where nothing is wrong. */
async function placeOf(
  repository: string,
  revision: string,
): Promise<{ readonly prefix: string; readonly sha: string }> {
  if (isPlain(revision)) {
    const { status, stdout } = await runGit(repository, ['rev-parse', '--show-prefix', `${revision}^{commit}`]);
    const [, prefix, sha] = /^([\s\S]*)\n([0-9a-f]{40,64})\n$/.exec(stdout.toString('utf8')) ?? [];
    if (status === 0 && prefix !== undefined && sha !== undefined) return { prefix, sha };
  }
  return { prefix: await prefixOf(repository), sha: await commitId(repository, revision) };
}

/** A name that begins with "-" would be an option of git. */
function isPlain(revision: string): boolean {
  return revision !== '' && !revision.startsWith('-') && ![...revision].some((char) => char <= ' ');
}

async function commitId(repository: string, revision: string): Promise<string> {
  const result = isPlain(revision)
    ? await runGit(repository, ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`])
    : undefined;
  const sha = result?.status === 0 ? result.stdout.toString('utf8').trim() : '';
  if (/^[0-9a-f]{40,64}$/.test(sha)) return sha;
  throw new Failure(
    'WEFT0961',
    `git knows no commit ${JSON.stringify(revision)}`,
    'see git log for what exists',
    repository,
  );
}

/** What is below a path; without `-r` only what is directly in it, where it ends with a slash. */
async function listTree(
  repository: string,
  sha: string,
  path: string,
  ...options: readonly '-r'[]
): Promise<readonly TreeEntry[]> {
  const { status, stdout, stderr } = await runGit(repository, [
    'ls-tree',
    ...options,
    '-z',
    '-l',
    '--full-tree',
    sha,
    ...(path === '' ? [] : ['--', path]),
  ]);
  if (status !== 0)
    throw new Failure(
      'WEFT0961',
      `commit ${sha.slice(0, 7)} cannot be read: ${stderr.trim()}`,
      'run git fsck',
      repository,
    );
  // Bytes that are no UTF-8 become U+FFFD, and such a path is refused later.
  return stdout
    .toString('utf8')
    .split('\0')
    .flatMap((line) => {
      const parts = /^(\d{6}) \w+ ([0-9a-f]+) +(\d+|-)\t([\s\S]+)$/.exec(line);
      if (!parts) return [];
      const [, mode = '', id = '', size = '', name = ''] = parts;
      return [{ mode, id, size: size === '-' ? 0 : Number(size), path: name }];
    });
}

function acceptEntry(entry: TreeEntry, root: string, found: Diagnostic[]): boolean {
  const kind = entry.mode === '120000' ? 'link' : entry.mode === '160000' ? 'submodule' : 'file';
  if (!acceptName(entry.path, root, kind, found)) return false;
  if (entry.size <= limits.bytes) return true;
  refuseFile(found, entry.path, 'its size in bytes', limits.bytes);
  return false;
}

/** The contents of blobs by id, through one `cat-file --batch`. */
async function readBlobs(repository: string, entries: readonly TreeEntry[]): Promise<ReadonlyMap<string, Buffer>> {
  const blobs = new Map<string, Buffer>();
  if (entries.length === 0) return blobs;
  const ids = [...new Set(entries.map(({ id }) => id))];
  const { stdout } = await runGit(repository, ['cat-file', '--batch'], `${ids.join('\n')}\n`);
  let at = 0;
  while (at < stdout.length) {
    const end = stdout.indexOf(0x0a, at);
    if (end === -1) break;
    const header = /^([0-9a-f]+) blob (\d+)$/.exec(stdout.toString('latin1', at, end));
    at = end + 1;
    if (!header) continue;
    const size = Number(header[2]);
    blobs.set(header[1] ?? '', stdout.subarray(at, at + size));
    at += size + 1;
  }
  return blobs;
}

/** Author, subject and time from the commit's own bytes: `git log` could be made to run programs by the repository's settings. */
async function readCommitObject(
  repository: string,
  sha: string,
): Promise<Pick<PolicyTree, 'author' | 'subject' | 'time'>> {
  const { stdout } = await runGit(repository, ['cat-file', 'commit', sha]);
  const text = stdout.toString('utf8');
  const cut = text.indexOf('\n\n');
  const head = cut === -1 ? text : text.slice(0, cut);
  const author = /^author (.*?) ?<[^\n]*$/m.exec(head)?.[1] ?? '';
  const seconds = /^committer [^\n]*> (\d+) [+-]\d{4}$/m.exec(head)?.[1];
  const subject =
    cut === -1
      ? ''
      : (text
          .slice(cut + 2)
          .trimStart()
          .split('\n')[0] ?? '');
  return { author, subject, time: Number(seconds ?? 0) * 1000 };
}
