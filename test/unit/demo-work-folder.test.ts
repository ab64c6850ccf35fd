import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { changedLines, prepareWorkFolder } from '../../src/cli/demo/work-folder.ts';

let folder: string;
let policies: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-work-'));
  policies = join(folder, 'example');
  mkdirSync(policies);
  writeFileSync(join(policies, 'a.yaml'), 'one: 1\ntwo: 2\nthree: 3\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const work = (keep = false) => prepareWorkFolder(join(folder, 'work'), policies, keep);
const git = (...args: string[]) => execFileSync('git', args, { cwd: join(folder, 'work'), encoding: 'utf8' }).trim();
const short = (lines: readonly { readonly path: string; readonly line: number; sign: string; text: string }[]) =>
  lines.map(({ path, line, sign, text }) => `${path}:${line} ${sign}${text}`);

describe('the work folder', () => {
  test('is a repository of the example, whose state and run folders are no part of it', async () => {
    const { path, read } = await work();
    expect(read('a.yaml')).toBe('one: 1\ntwo: 2\nthree: 3\n');
    mkdirSync(join(path, '.weft'));
    writeFileSync(join(path, '.weft/root.key'), 'secret');
    expect(git('status', '--porcelain')).toBe('');
    expect(git('log', '--format=%s %an')).toBe('the shop weft demo');
  });

  test('commits what was written, and tells which lines that changed', async () => {
    const { write, commit } = await work();
    write({ 'a.yaml': 'one: 1\ntwo: 22\nthree: 3\nfour: 4\n', 'b.yaml': '---\nnew: true\n' });
    const { commit: id, lines } = await commit('more');
    expect(id).toBe(git('rev-parse', 'HEAD').slice(0, 7));
    expect(git('log', '-1', '--format=%s')).toBe('more');
    expect(short(lines)).toEqual([
      'policies/a.yaml:2 -two: 2',
      'policies/a.yaml:2 +two: 22',
      'policies/a.yaml:4 +four: 4',
      'policies/b.yaml:1 +---',
      'policies/b.yaml:2 +new: true',
    ]);
  });

  test('tells removed document marks and the right lines behind them', async () => {
    const { write, commit, read } = await work();
    const before = read('a.yaml') ?? '';
    write({ 'a.yaml': `${before}---\n-- x\n++ y\nlast: 9\n` });
    expect(short((await commit('added')).lines)).toEqual([
      'policies/a.yaml:4 +---',
      'policies/a.yaml:5 +-- x',
      'policies/a.yaml:6 +++ y',
      'policies/a.yaml:7 +last: 9',
    ]);
    write({ 'a.yaml': before });
    expect(short((await commit('reset')).lines)).toEqual([
      'policies/a.yaml:4 ----',
      'policies/a.yaml:5 --- x',
      'policies/a.yaml:6 -++ y',
      'policies/a.yaml:7 -last: 9',
    ]);
  });

  test('restores files that are gone, takes away what came, and keeps what was not committed in the history', async () => {
    const { path, read, restore, commit } = await work();
    const before = read('a.yaml') ?? '';
    rmSync(join(path, 'policies'), { recursive: true });
    expect(read('a.yaml')).toBeUndefined();
    await commit('gone');
    await restore({ 'a.yaml': before });
    expect(read('a.yaml')).toBe(before);
    await commit('reset');
    writeFileSync(join(path, 'policies/b.yaml'), 'mine: 1\n');
    await restore({ 'a.yaml': before });
    expect(read('b.yaml')).toBeUndefined();
    expect(execFileSync('git', ['show', 'HEAD:policies/b.yaml'], { cwd: path, encoding: 'utf8' })).toBe('mine: 1\n');
  });

  test('tells a removed file by its own path', async () => {
    const { path, write, commit } = await work();
    write({ 'b.yaml': 'b: 1\n' });
    await commit('b');
    rmSync(join(path, 'policies/a.yaml'));
    write({ 'b.yaml': 'b: 2\n' });
    expect(short((await commit('no a')).lines)).toEqual([
      'policies/a.yaml:1 -one: 1',
      'policies/a.yaml:2 -two: 2',
      'policies/a.yaml:3 -three: 3',
      'policies/b.yaml:1 -b: 1',
      'policies/b.yaml:1 +b: 2',
    ]);
  });

  test('a commit of nothing is a commit without lines', async () => {
    const { commit } = await work();
    expect((await commit('again')).lines).toEqual([]);
    expect(git('rev-list', '--count', 'HEAD')).toBe('2');
  });

  test('the settings of the repository do not change how lines are told', async () => {
    const { write, commit } = await work();
    git('config', 'diff.noprefix', 'true');
    git('config', 'color.ui', 'always');
    git('config', 'diff.external', 'false');
    write({ 'a.yaml': 'one: 1\n' });
    expect(short((await commit('short')).lines)).toEqual(['policies/a.yaml:2 -two: 2', 'policies/a.yaml:3 -three: 3']);
  });

  test('is made anew, unless it is to be kept', async () => {
    const first = await work();
    first.write({ 'a.yaml': 'edited: true\n' });
    await first.commit('edited');
    expect((await work(true)).read('a.yaml')).toBe('edited: true\n');
    const again = await work();
    expect(again.read('a.yaml')).toBe('one: 1\ntwo: 2\nthree: 3\n');
    expect(git('rev-list', '--count', 'HEAD')).toBe('1');
  });

  test('keep makes it where there is none', async () => {
    expect((await work(true)).read('a.yaml')).toContain('one: 1');
  });
});

test('an empty diff changes no line', () => {
  expect(changedLines('')).toEqual([]);
});
