import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../../src/model/failure.ts';
import { acquireLock, lockStateDir } from '../../src/store/lock.ts';
import { isAlive, thisProcess } from '../../src/store/process-identity.ts';
import { buildForChildren } from '../support/build-for-children.ts';

let dir = '';
let built = '';
let script = '';
const children: ChildProcess[] = [];
beforeAll(async () => {
  built = mkdtempSync(join(tmpdir(), 'weft-built-'));
  script = await buildForChildren('test/support/lock-child.ts', built);
});
afterAll(() => {
  rmSync(built, { recursive: true, force: true });
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-lock-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

/** A child process that takes the lock, says so in one line, and keeps it. */
function contend(startAt = 0): { child: ChildProcess; answer: Promise<string> } {
  const child = spawn(process.execPath, [script, dir, String(startAt)], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const answer = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`the child ended with ${code} before it answered`)));
  });
  return { child, answer };
}

const gone = (child: ChildProcess) => new Promise<void>((resolve) => child.once('exit', () => resolve()));

describe('lock of a state dir', () => {
  it('refuses a second server and names the process that has it, until it is released', async () => {
    const first = await lockStateDir(dir);
    const refusal = await lockStateDir(dir).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Failure);
    expect(refusal).toMatchObject({ code: 'WEFT0905', where: `pid ${process.pid}` });
    first.release();
    first.release();
    const second = await lockStateDir(dir);
    second.release();
    expect(readdirSync(join(dir, '.lock'))).toEqual([]);
  });

  it('says what is locked in the words of its caller', async () => {
    const purpose = {
      what: 'proxy payments-1.shop',
      holder: 'another "weft run"',
      code: 'WEFT0905',
      hint: (pid: number) => `stop it first: kill ${pid}`,
    };
    const lock = await acquireLock(join(dir, 'payments-1.shop.lock'), purpose);
    await expect(acquireLock(join(dir, 'payments-1.shop.lock'), purpose)).rejects.toMatchObject({
      message: 'proxy payments-1.shop is in use by another "weft run", this process',
      hint: `stop it first: kill ${process.pid}`,
    });
    lock.release();
  });

  it('is given back by a holder that is killed with kill -9, and by no one who lives', async () => {
    const holder = contend();
    expect(await holder.answer).toBe('held');
    const second = contend();
    expect(await second.answer).toBe(`WEFT0905 ${holder.child.pid}`);
    const ended = gone(holder.child);
    holder.child.kill('SIGKILL');
    await ended;
    const third = contend();
    expect(await third.answer).toBe('held');
    expect(readdirSync(join(dir, '.lock'))).toHaveLength(1);
  });

  it('lets exactly one of several that start at once take over a stale lock', async () => {
    const holder = contend();
    await holder.answer;
    const ended = gone(holder.child);
    holder.child.kill('SIGKILL');
    await ended;
    const startAt = Date.now() + 700;
    const answers = await Promise.all(Array.from({ length: 6 }, () => contend(startAt).answer));
    expect(answers.filter((answer) => answer === 'held')).toHaveLength(1);
    expect(answers.filter((answer) => answer.startsWith('WEFT0905'))).toHaveLength(5);
  });

  it('does not mistake a later process with the same number, or an earlier boot, for the holder', async () => {
    const self = thisProcess();
    expect(isAlive(self)).toBe(true);
    expect(isAlive({ ...self, start: String(Number(self.start) - 1) })).toBe(false);
    expect(isAlive({ ...self, boot: '00000000' })).toBe(false);
    const lock = await acquireLock(join(dir, 'x'), { what: 'x', holder: 'y', code: 'WEFT0905', hint: String });
    lock.release();
    writeFileSync(join(dir, 'x', `${self.pid}-${Number(self.start) - 1}-${self.boot}`), '');
    const taken = await acquireLock(join(dir, 'x'), { what: 'x', holder: 'y', code: 'WEFT0905', hint: String });
    expect(readdirSync(join(dir, 'x'))).toEqual([`${self.pid}-${self.start}-${self.boot}`]);
    taken.release();
  });
});
