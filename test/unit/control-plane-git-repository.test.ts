import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createGitRepository, type PolicyRepository } from '../../src/control-plane/git-repository.ts';
import { createPolicyFolder, type PolicyFolder } from '../support/policy-folder.ts';

let folder: string;
let location: string;
let git: PolicyFolder;
let first: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-repository-'));
  location = join(folder, 'mesh');
  await mkdir(location);
  git = await createPolicyFolder(location, { 'a.yaml': '# a\n' });
  first = (await git.git('rev-parse', 'HEAD')).slice(0, 7);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function open(at = location, workingTree = false): PolicyRepository {
  return createGitRepository({ location: at, path: 'policies', workingTree });
}

/** Whether the signature differs after `change`. */
async function notices(repository: PolicyRepository, change: () => Promise<unknown>): Promise<boolean> {
  const before = await repository.signature();
  await change();
  return (await repository.signature()) !== before;
}

describe('the signature of a repository', () => {
  test('stays as long as nothing happens', async () => {
    const repository = open();
    expect(await notices(repository, async () => undefined)).toBe(false);
    expect(await notices(repository, () => git.git('status'))).toBe(false);
    expect(await open().signature()).toBe(await repository.signature());
  });

  test('changes with a commit, an amended commit, a checkout, a reset, and branches that are packed', async () => {
    const repository = open();
    expect(await notices(repository, () => git.commit({ 'a.yaml': '# b\n' }))).toBe(true);
    expect(await notices(repository, () => git.git('commit', '-q', '--amend', '-m', 'other words'))).toBe(true);
    expect(await notices(repository, () => git.git('reset', '-q', '--hard', 'HEAD~1'))).toBe(true);
    await git.git('branch', 'next');
    expect(await notices(repository, () => git.git('checkout', '-q', 'next'))).toBe(true);
    expect(await notices(repository, () => git.git('checkout', '-q', '--detach', 'HEAD'))).toBe(true);
    expect(await notices(repository, () => git.git('checkout', '-q', 'main'))).toBe(true);
    await git.git('pack-refs', '--all');
    expect(await notices(repository, () => git.commit({ 'a.yaml': '# c\n' }))).toBe(true);
    await git.git('pack-refs', '--all');
    expect(await notices(repository, () => git.git('reset', '-q', '--hard', first))).toBe(true);
    expect((await repository.readHead()).commit).toBe(first);
  });

  test('is that of the branch of a linked work tree', async () => {
    const linked = join(folder, 'linked');
    await git.git('worktree', 'add', '-q', '-b', 'next', linked);
    const repository = open(linked);
    const commitThere = () => git.git('-C', linked, 'commit', '-q', '--allow-empty', '-m', 'there');
    expect(await notices(repository, commitThere)).toBe(true);
    expect((await repository.readHead()).subject).toBe('there');
    expect(await notices(open(), commitThere)).toBe(false);
  });

  test('is that of a bare repository, which is pushed to', async () => {
    const bare = join(folder, 'bare.git');
    await git.git('clone', '-q', '--bare', location, bare);
    const repository = open(bare);
    expect((await repository.readHead()).commit).toBe(first);
    const second = await git.commit({ 'a.yaml': '# pushed\n' });
    expect(await notices(repository, () => git.git('push', '-q', bare, 'main'))).toBe(true);
    expect((await repository.readHead()).commit).toBe(second);
    await git.git('reset', '-q', '--hard', first);
    expect(await notices(repository, () => git.git('push', '-q', '--force', bare, 'main'))).toBe(true);
    expect((await repository.readHead()).commit).toBe(first);
  });

  test('is that of the repository above a folder in it', async () => {
    const inner = join(location, 'policies');
    const repository = createGitRepository({ location: inner, path: 'shop', workingTree: false });
    expect(await notices(repository, () => git.commit({ 'shop/a.yaml': '# b\n' }))).toBe(true);
    expect((await repository.readHead()).files.map(({ path }) => path)).toEqual(['shop/a.yaml']);
  });

  test('sees edits only where the working tree is served', async () => {
    const edit = () => appendFile(join(location, 'policies/a.yaml'), '# more\n');
    expect(await notices(open(), edit)).toBe(false);
    const repository = open(location, true);
    expect(await notices(repository, edit)).toBe(true);
    expect(await notices(repository, () => writeFile(join(location, 'policies/b.yaml'), ''))).toBe(true);
    expect(await notices(repository, () => rm(join(location, 'policies/b.yaml')))).toBe(true);
    expect(await notices(repository, () => mkdir(join(location, 'policies/shop')))).toBe(false);
    expect(await notices(repository, () => writeFile(join(location, 'policies/shop/c.yaml'), ''))).toBe(true);
    expect(await notices(repository, () => writeFile(join(location, 'README.md'), ''))).toBe(false);
    expect((await repository.readHead()).commit).toBe(`${first}+edits`);
  });
});

describe('what cannot be read', () => {
  test('no repository: WEFT0960, and as soon as there is one it is read', async () => {
    const empty = join(folder, 'empty');
    await mkdir(empty);
    const repository = open(empty);
    await expect(repository.signature()).rejects.toMatchObject({ code: 'WEFT0960' });
    const made = await createPolicyFolder(empty, { 'a.yaml': '# a\n' });
    expect(await repository.signature()).toContain('refs/heads/main');
    expect((await repository.readHead()).commit).toBe((await made.git('rev-parse', 'HEAD')).slice(0, 7));
  });

  test('a working tree needs no repository', async () => {
    const plain = join(folder, 'plain');
    await mkdir(join(plain, 'policies'), { recursive: true });
    await writeFile(join(plain, 'policies/a.yaml'), '# a\n');
    const repository = open(plain, true);
    expect(await notices(repository, () => appendFile(join(plain, 'policies/a.yaml'), '# b\n'))).toBe(true);
    expect((await repository.readHead()).commit).toBe('uncommitted+edits');
  });

  test('no commit: WEFT0961; no folder: WEFT0962; an unknown commit: WEFT0961', async () => {
    const fresh = join(folder, 'fresh');
    await mkdir(fresh);
    await git.git('init', '-q', fresh);
    await expect(open(fresh).readHead()).rejects.toMatchObject({ code: 'WEFT0961' });
    const other = createGitRepository({ location, path: 'rules', workingTree: false });
    await expect(other.readHead()).rejects.toMatchObject({ code: 'WEFT0962' });
    await expect(open().readCommit('0000000')).rejects.toMatchObject({ code: 'WEFT0961' });
  });

  test('a repository that goes away changes the signature, and reading it says so', async () => {
    const repository = open();
    expect(await notices(repository, () => rm(location, { recursive: true }))).toBe(true);
    await expect(repository.readHead()).rejects.toMatchObject({ code: 'WEFT0960' });
  });
});

test('earlier commits stay readable', async () => {
  await git.commit({ 'a.yaml': '# b\n' });
  const tree = await open().readCommit(first);
  expect(tree.files).toEqual([{ path: 'policies/a.yaml', text: '# a\n' }]);
});
