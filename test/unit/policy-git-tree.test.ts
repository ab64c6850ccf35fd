import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../../src/model/failure.ts';
import { headCommit, readCommit } from '../../src/policy/git-tree.ts';
import { readWorkingTree } from '../../src/policy/working-tree.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-tree-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function git(...args: readonly string[]): string {
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Ana',
    GIT_AUTHOR_EMAIL: 'a@b',
    GIT_COMMITTER_NAME: 'Ana',
    GIT_COMMITTER_EMAIL: 'a@b',
  };
  return execFileSync('git', [...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

function write(path: string, text: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function commit(subject = 'first'): string {
  git('init', '-q', '-b', 'main');
  git('add', '-A', '-f');
  git('commit', '-q', '--allow-empty', '-m', subject);
  return git('rev-parse', 'HEAD');
}

const codeOf = (action: Promise<unknown>): Promise<string> =>
  action.then(
    () => 'none',
    (error: unknown) => (error instanceof Failure ? error.code : String(error)),
  );

describe('readCommit', () => {
  it('reads the policy files of a commit, and who made it', async () => {
    write('policies/shop/reviews.yaml', 'a: 1\n');
    write('policies/shop/deep/er/x.json', '{}');
    write('policies/mesh.yml', '# nothing\n');
    write('policies/README.md', 'no');
    write('policies/.hidden/x.yaml', 'no');
    write('policies/shop/.x.yaml', 'no');
    write('elsewhere/x.yaml', 'no');
    const sha = commit('reviews: canary to 10%\n\nbecause');
    write('policies/shop/reviews.yaml', 'a: 2\n');
    const tree = await readCommit(folder, 'HEAD', 'policies');
    expect(tree.files).toEqual([
      { path: 'policies/mesh.yml', text: '# nothing\n' },
      { path: 'policies/shop/deep/er/x.json', text: '{}' },
      { path: 'policies/shop/reviews.yaml', text: 'a: 1\n' },
    ]);
    expect(tree).toMatchObject({
      commit: sha.slice(0, 7),
      author: 'Ana',
      subject: 'reviews: canary to 10%',
      diagnostics: [],
    });
    expect(Math.abs(tree.time - Date.now())).toBeLessThan(600_000);
    expect(await headCommit(folder)).toBe(sha);
    expect((await readCommit(folder, sha.slice(0, 10), 'policies')).commit).toBe(sha.slice(0, 7));
  });

  it('reads a tree in a folder of the repository', async () => {
    write('mesh/policies/a.yaml', 'a: 1\n');
    write('policies/a.yaml', 'other\n');
    commit();
    const tree = await readCommit(join(folder, 'mesh'), 'HEAD', 'policies');
    expect(tree.files).toEqual([{ path: 'policies/a.yaml', text: 'a: 1\n' }]);
  });

  it('refuses links, submodules, large files, and bytes that are no text', async () => {
    write('policies/a.yaml', 'a: 1\n');
    write('secret', 'top secret');
    symlinkSync('../secret', join(folder, 'policies/link.yaml'));
    symlinkSync('/etc', join(folder, 'policies/etc'));
    write('policies/large.yaml', 'x'.repeat(1024 * 1024 + 1));
    write('policies/latin.yaml', Uint8Array.of(0xe9));
    commit();
    const id = git('rev-parse', 'HEAD');
    git('update-index', '--add', '--cacheinfo', `160000,${id},policies/sub`);
    git('commit', '-q', '-m', 'submodule');
    const tree = await readCommit(folder, 'HEAD', 'policies');
    expect(tree.files.map(({ path }) => path)).toEqual(['policies/a.yaml']);
    expect(tree.diagnostics.map(({ code, at, severity }) => `${code} ${severity} ${at.file}`).sort()).toEqual([
      'WEFT0001 error policies/latin.yaml',
      'WEFT0007 error policies/etc',
      'WEFT0007 error policies/large.yaml',
      'WEFT0007 error policies/link.yaml',
      'WEFT0007 error policies/sub',
    ]);
  });

  it('refuses a policy folder that is itself a link', async () => {
    write('real/a.yaml', 'a: 1\n');
    symlinkSync('real', join(folder, 'policies'));
    commit();
    const tree = await readCommit(folder, 'HEAD', 'policies');
    expect(tree.files).toEqual([]);
    expect(tree.diagnostics.map(({ code }) => code)).toEqual(['WEFT0007']);
    expect(await codeOf(readWorkingTree(folder, 'policies'))).toBe('WEFT0962');
  });

  it('fails with a code where there is no repository, no commit, or no folder', async () => {
    expect(await codeOf(readCommit(folder, 'HEAD', 'policies'))).toBe('WEFT0960');
    expect(await codeOf(readCommit(join(folder, 'nowhere'), 'HEAD', 'policies'))).toBe('WEFT0960');
    git('init', '-q');
    expect(await headCommit(folder)).toBeUndefined();
    expect(await codeOf(readCommit(folder, 'HEAD', 'policies'))).toBe('WEFT0961');
    write('x', 'y');
    commit();
    expect(await codeOf(readCommit(folder, 'HEAD', 'policies'))).toBe('WEFT0962');
    for (const revision of ['', '--output=/tmp/x', '-h', 'no such', 'main\n', 'deadbeef', '@{upstream}']) {
      expect(await codeOf(readCommit(folder, revision, 'policies')), revision).toBe('WEFT0961');
    }
  });

  it('reads nothing outside of the tree, whatever the root is called (T13)', async () => {
    write('policies/a.yaml', 'a: 1\n');
    commit();
    const roots = [
      '..',
      '../x',
      '/etc',
      'policies/..',
      'policies/../..',
      './policies',
      '.',
      '',
      'policies/',
      'policies//x',
      'a\\..\\b',
      ':/',
      ':(top)policies',
      'policies*',
      '\0',
      'policies/../../etc',
    ];
    for (const root of roots) {
      expect(await codeOf(readCommit(folder, 'HEAD', root)), root).toBe('WEFT0962');
      expect(await codeOf(readWorkingTree(folder, root)), root).toBe('WEFT0962');
    }
  });

  it('starts nothing that a hostile repository names (T13)', async () => {
    write('policies/a.yaml', 'a: 1\n');
    write('policies/.gitattributes', '*.yaml filter=evil diff=evil\n');
    commit();
    const trap = join(folder, 'trapped');
    const program = join(folder, 'evil.sh');
    writeFileSync(program, `#!/bin/sh\ntouch ${trap}\ncat\n`, { mode: 0o755 });
    const settings: readonly (readonly [string, string])[] = [
      ['core.fsmonitor', program],
      ['core.hooksPath', folder],
      ['core.pager', program],
      ['core.sshCommand', program],
      ['core.askPass', program],
      ['core.editor', program],
      ['filter.evil.smudge', program],
      ['filter.evil.clean', program],
      ['diff.evil.textconv', program],
      ['gpg.program', program],
      ['log.showSignature', 'true'],
      ['credential.helper', program],
      ['alias.rev-parse', `!${program}`],
      ['alias.ls-tree', `!${program}`],
      ['uploadpack.packObjectsHook', program],
      ['remote.origin.url', `ext::${program}`],
      ['remote.origin.promisor', 'true'],
      ['extensions.partialClone', 'origin'],
    ];
    for (const [key, value] of settings) git('config', key, value);
    for (const hook of ['post-checkout', 'post-index-change', 'reference-transaction', 'fsmonitor-watchman']) {
      writeFileSync(join(folder, '.git/hooks', hook), `#!/bin/sh\ntouch ${trap}\n`, { mode: 0o755 });
    }
    expect((await readCommit(folder, 'HEAD', 'policies')).files).toHaveLength(1);
    expect((await readWorkingTree(folder, 'policies')).files).toHaveLength(1);
    expect(await codeOf(readCommit(folder, '1234567890123456789012345678901234567890', 'policies'))).toBe('WEFT0961');
    expect(existsSync(trap)).toBe(false);
  });
});

describe('readWorkingTree', () => {
  it('tells edits from what is committed', async () => {
    write('policies/shop/a.yaml', 'a: 1\n');
    const sha = commit().slice(0, 7);
    expect((await readWorkingTree(folder, 'policies')).commit).toBe(sha);
    write('policies/shop/a.yaml', 'a: 2\n');
    const edited = await readWorkingTree(folder, 'policies');
    expect(edited).toMatchObject({
      commit: `${sha}+edits`,
      files: [{ path: 'policies/shop/a.yaml', text: 'a: 2\n' }],
      author: 'Ana',
    });
    write('policies/shop/a.yaml', 'a: 1\n');
    write('policies/shop/b.yaml', 'b: 1\n');
    expect((await readWorkingTree(folder, 'policies')).commit).toBe(`${sha}+edits`);
  });

  it('reads regular files only, and works without git', async () => {
    write('policies/a.yaml', 'a: 1\n');
    write('policies/.b.yaml', 'no');
    symlinkSync('/etc/passwd', join(folder, 'policies/link.yaml'));
    symlinkSync('/etc', join(folder, 'policies/etc'));
    symlinkSync('.', join(folder, 'policies/loop'));
    execFileSync('mkfifo', [join(folder, 'policies/pipe.yaml')]);
    const tree = await readWorkingTree(folder, 'policies');
    expect(tree).toMatchObject({ commit: 'uncommitted+edits', files: [{ path: 'policies/a.yaml', text: 'a: 1\n' }] });
    expect(tree.diagnostics.map(({ code, at }) => `${code} ${at.file}`)).toEqual([
      'WEFT0007 policies/etc',
      'WEFT0007 policies/link.yaml',
      'WEFT0007 policies/loop',
      'WEFT0007 policies/pipe.yaml',
    ]);
    expect(await codeOf(readWorkingTree(folder, 'nothing'))).toBe('WEFT0962');
  });
});

it('tells a folder that is gone from a git that is not there', async () => {
  const gone = join(tmpdir(), `weft-gone-${process.pid}`);
  await expect(headCommit(gone)).rejects.toMatchObject({
    code: 'WEFT0960',
    message: 'the folder of the policy repository does not exist',
    where: gone,
  });
});
