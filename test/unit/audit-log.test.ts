import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { auditFile, createAuditLog } from '../../src/control-plane/audit-log.ts';
import { fakeClock } from '../support/fake-clock.ts';

let folder: string;
let problems: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-audit-'));
  problems = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (more: { largest?: number; files?: number } = {}) =>
  createAuditLog({ folder, clock: fakeClock(), onProblem: (problem) => problems.push(problem), ...more });
const linesOf = (name = auditFile) =>
  readFileSync(join(folder, name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('the audit log', () => {
  test('has an event in its file (0600) when record returns, and goes on where it was after a restart', () => {
    const first = open();
    first.record({ what: 'enrol', who: 'token 9f2', from: '127.0.0.1:4', about: 'a-1.shop', result: 'done' });
    expect(statSync(join(folder, auditFile)).mode & 0o777).toBe(0o600);
    const event = { at: '2023-11-14T22:13:20.000Z', what: 'enrol', who: 'token 9f2', about: 'a-1.shop' };
    expect(linesOf()).toEqual([{ ...event, from: '127.0.0.1:4', result: 'done' }]);
    first.close();
    const again = open();
    again.record({ what: 'join', who: '', words: 'WEFT0203 two\nlines', result: 'refused' });
    expect(linesOf().map(({ what }) => what)).toEqual(['enrol', 'join']);
    expect(linesOf()[1]).toMatchObject({ words: 'WEFT0203 two lines' });
    expect(again.recent().map(({ what }) => what)).toEqual(['join']);
    again.close();
  });

  test('makes room when it is full, and keeps so many files', () => {
    const log = open({ largest: 200, files: 3 });
    for (let index = 0; index < 12; index += 1) log.record({ what: 'join', who: `w-${index}`, result: 'done' });
    const files = [auditFile, `${auditFile}.1`, `${auditFile}.2`];
    const kept = files.reverse().flatMap((name) => linesOf(name).map(({ who }) => who));
    expect(kept.length).toBeGreaterThanOrEqual(5);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => `w-${12 - kept.length + index}`));
    expect(() => statSync(join(folder, `${auditFile}.3`))).toThrow();
    log.close();
  });

  test('of the newest thousand it remembers all', () => {
    const log = open();
    for (let index = 0; index < 1_200; index += 1) log.record({ what: 'renew', who: `w-${index}`, result: 'done' });
    expect([log.recent().length, log.recent()[0]?.who, log.recent().at(-1)?.who]).toEqual([1_000, 'w-200', 'w-1199']);
    log.close();
    log.record({ what: 'join', who: 'late', result: 'done' });
    expect([linesOf().length, problems]).toEqual([1_200, []]);
  });

  test('a flood of refusals pushes nothing out: it is counted, by kind and address', () => {
    const clock = fakeClock();
    const log = createAuditLog({ folder, clock, onProblem: () => undefined, largest: 100_000, files: 2 });
    log.record({ what: 'enrol', who: 'token 9f2', about: 'a-1.shop', result: 'done' });
    const refuse = (address: string, port: number) =>
      log.record({ what: 'join', who: '', from: `${address}:${port}`, words: 'WEFT0203 no', result: 'refused' });
    for (let minute = 0; minute < 10; minute += 1) {
      for (let index = 0; index < 5_000; index += 1) refuse('10.0.0.9', index);
      refuse('10.0.0.8', minute);
      clock.advance(60_000);
    }
    // In each minute of 5,000: 100 lines at first, then 10, and one that tells the rest.
    const [first, ...others] = linesOf();
    expect([first.what, others.length]).toEqual(['enrol', 101 + 9 * 11 + 10]);
    expect(log.recent()[0]?.what).toBe('enrol');
    const told = others.filter(({ repeated }) => repeated !== undefined);
    expect(told.map(({ repeated }) => repeated)).toEqual([4_900, ...Array(9).fill(4_990)]);
    expect(told[0]).toMatchObject({ what: 'join', from: '10.0.0.9:4999', words: 'WEFT0203 no', result: 'refused' });
    // From very many addresses they are one flood beyond the first hundred; what is counted is told at the end.
    for (let index = 0; index < 20_000; index += 1) refuse(`10.1.${index >> 8}.${index & 255}`, 1);
    log.close();
    const last = linesOf().slice(others.length + 1);
    expect(last.length).toBeLessThanOrEqual(300);
    expect(last.reduce((sum, { repeated = 1 }) => sum + repeated, 0)).toBe(20_000);
  });

  test('does not open a file that others may read, nor follow a link', () => {
    open().close();
    chmodSync(join(folder, auditFile), 0o644);
    expect(() => open()).toThrow(expect.objectContaining({ code: 'WEFT0904' }));
    rmSync(join(folder, auditFile));
    symlinkSync('/dev/null', join(folder, auditFile));
    expect(() => open()).toThrow(expect.objectContaining({ code: 'WEFT0904' }));
  });
});
