import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runVerb } from '../support/run-verb.ts';

const cwd = mkdtempSync(join(tmpdir(), 'weft-init-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
writeFileSync(join(cwd, '.gitconfig'), '[user]\nname = Ana\nemail = ana@demo.mesh\n');
/** Somebody whose git knows who they are, and nothing else of this machine. */
const env = { PATH: process.env.PATH, HOME: cwd, GIT_CONFIG_NOSYSTEM: '1', GIT_CEILING_DIRECTORIES: cwd };
const weft = (...words: readonly string[]) => runVerb(words, { cwd, env });
const git = (folder: string, ...words: readonly string[]) =>
  execFileSync('git', words, { cwd: join(cwd, folder), env, encoding: 'utf8' }).trim();

describe('weft init', () => {
  test('commits a file with STRICT and allow-nothing, which is good as it is', async () => {
    const { code, said } = await weft('init', 'mymesh');
    expect([code, said]).toEqual([0, '√ policies/security.yaml is committed: read it, then weft up mymesh\n']);
    expect(git('mymesh', 'log', '--format=%an %s', '--name-only').split('\n')).toEqual([
      'Ana Mutual TLS for everybody, and nothing allowed',
      '',
      'policies/security.yaml',
    ]);
    expect(git('mymesh', 'status', '--porcelain')).toBe('');
    const checked = await weft('validate', 'mymesh');
    expect([checked.code, checked.stdout]).toEqual([0, expect.stringContaining('0 errors, 0 warnings in 1 file')]);
  });

  test.each([
    ['its own file', 'policies/security.yaml'],
    ['a policy of a namespace', 'policies/shop/reviews.yaml'],
  ])('adds nothing to policies that are there: %s', async (_what, path) => {
    const folder = mkdtempSync(join(cwd, 'there-'));
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), '# mine\n');
    const { code, stdout, stderr } = await weft('init', folder);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.split('\n')).toEqual([
      '× WEFT0912 there are policies already, and nothing is added to them',
      `    where  ${join(folder, path.split('/', 2).join('/'))}`,
      '    fix    name an empty folder: weft init NEW; what is missing here can be copied from its security.yaml',
      '',
    ]);
    expect(readFileSync(join(folder, path), 'utf8')).toBe('# mine\n');
    expect(existsSync(join(folder, '.git'))).toBe(false);
  });

  test('takes names from the weft.yaml of the folder, and commits its own file alone to the repository around it', async () => {
    execFileSync('git', ['init', '-q', 'other'], { cwd, env });
    mkdirSync(join(cwd, 'other/mesh'));
    const settings = 'trustDomain: corp.example\nrootNamespace: root\npolicy.path: rules\n';
    writeFileSync(join(cwd, 'other/mesh/weft.yaml'), settings);
    git('other', 'add', '.');
    const { code, stdout } = await weft('init', 'other/mesh', '-o', 'json');
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { kind: 'InitResult', files: ['rules/security.yaml'] }]);
    const text = readFileSync(join(cwd, 'other/mesh/rules/security.yaml'), 'utf8');
    expect(text.match(/namespace: root/g)).toHaveLength(2);
    expect(text).toContain('corp.example/ns/shop/sa/web');
    expect(existsSync(join(cwd, 'other/mesh/.git'))).toBe(false);
    expect(git('other', 'status', '--porcelain')).toBe('A  mesh/weft.yaml');
    expect(git('other', 'ls-tree', '-r', '--name-only', 'HEAD')).toBe('mesh/rules/security.yaml');
  });

  test('says what to tell git, where it does not know who commits', async () => {
    const nobody = { ...env, HOME: '/nonexistent', GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'user.useConfigOnly' };
    const { code, stderr } = await runVerb(['init', 'nobody'], {
      cwd,
      env: { ...nobody, GIT_CONFIG_VALUE_0: 'true' },
    });
    expect(code).toBe(2);
    const what = 'policies/security.yaml is written, but not committed: git does not know who you are';
    expect(stderr.split('\n')[0]).toBe(`× WEFT0906 ${what}`);
    expect(stderr).toContain('    fix    git config --global user.name NAME && git config --global user.email ADDRESS');
    expect(stderr).toContain(`cd ${join(cwd, 'nobody')} && git add`);
    expect(stderr).toContain(`    where  ${join(cwd, 'nobody')}\n`);
    expect(stderr).toContain('git add policies/security.yaml && git commit -m');
  });

  test.each([
    ['a machine without git', 'without-git', { PATH: '/nonexistent' }, 'not committed: Error: spawn git ENOENT'],
    ['a file where the folder should be', '.gitconfig', {}, 'the file cannot be written (ENOTDIR)'],
  ])('%s', async (_what, folder, more, words) => {
    const { code, stderr } = await runVerb(['init', folder], { cwd, env: { ...env, ...more } });
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
    expect(stderr).toMatch(/^× WEFT0906 .*\n {4}where {2}\/.*\n {4}fix {4}\S/);
  });
});
