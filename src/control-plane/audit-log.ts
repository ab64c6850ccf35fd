import { closeSync, constants, fstatSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEvent, AuditSink } from '../model/audit-event.ts';
import type { Clock } from '../model/state-store.ts';
import { privateFile, requirePrivate, stateFailure } from '../store/file-modes.ts';
import { oneLine } from './one-line.ts';
import { createRefusalTally } from './refusal-tally.ts';

/** The audit log: a file of JSON lines, and the newest of them for the API. */
export interface AuditLog extends AuditSink {
  /** The newest, oldest first. */
  recent(): readonly AuditEvent[];
  /** Why the file could not be written last; undefined while it can. */
  problem(): string | undefined;
  close(): void;
}

/** In the state dir: `audit.log`, before it `audit.log.1` … */
export const auditFile = 'audit.log';
const kept = 1_000;
const syncAfter = 1_000;

/**
 * Opens `audit.log` in a folder (0600). Each event is in the file before `record` returns, and on the disk within a second; a file that
 * has grown to `largest` bytes makes room for the next, `files` are kept. `onProblem` hears once when it cannot be written: what is asked
 * of the control plane is then done all the same, and the newest events are in memory. Refusals are bounded (refusal-tally.ts). Throws Failure WEFT0904 for a file open to others.
 */
export function createAuditLog(options: {
  readonly folder: string;
  readonly clock: Clock;
  readonly onProblem: (problem: string) => void;
  readonly largest?: number;
  readonly files?: number;
}): AuditLog {
  const { folder, clock, onProblem, largest = 64 * 1024 * 1024, files = 4 } = options;
  const path = join(folder, auditFile);
  const recent: AuditEvent[] = [];
  let problem: string | undefined;
  let cancelSync: (() => void) | undefined;
  let closed = false;
  let { file, size } = openPrivate(path);

  const attempt = (work: () => void): void => {
    try {
      work();
      problem = undefined;
    } catch (error) {
      const words = `${path}: ${error instanceof Error ? error.message : String(error)}`;
      if (problem === undefined) onProblem(words);
      problem = words;
    }
  };
  const sync = (): void => {
    cancelSync?.();
    cancelSync = undefined;
    attempt(() => fsyncSync(file));
  };
  const makeRoom = (): void => {
    fsyncSync(file);
    closeSync(file);
    rmSync(`${path}.${files - 1}`, { force: true });
    for (let index = files - 2; index >= 1; index -= 1) moveIfThere(`${path}.${index}`, `${path}.${index + 1}`);
    moveIfThere(path, `${path}.1`);
    ({ file, size } = openPrivate(path));
  };

  const write = (given: Omit<AuditEvent, 'at'>): void => {
    const event: AuditEvent = {
      at: clock.now(),
      ...given,
      ...(given.words !== undefined && { words: oneLine(given.words) }),
    };
    recent.push(event);
    if (recent.length > kept) recent.shift();
    if (closed) return;
    const line = Buffer.from(`${JSON.stringify({ ...event, at: new Date(event.at).toISOString() })}\n`);
    attempt(() => {
      if (size > 0 && size + line.length > largest) makeRoom();
      writeSync(file, line);
      size += line.length;
    });
    cancelSync ??= clock.after(syncAfter, sync);
  };
  const refusals = createRefusalTally(clock, write);

  return {
    record(given) {
      if (given.result === 'done' || refusals.admits(given)) write(given);
    },
    recent: () => [...recent],
    problem: () => problem,
    close() {
      refusals.close();
      closed = true;
      sync();
      closeSync(file);
    },
  };
}

/** For writing at its end; a link is not followed. Throws Failure WEFT0904. */
function openPrivate(path: string): { readonly file: number; readonly size: number } {
  try {
    const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
    const file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, privateFile);
    const stats = fstatSync(file);
    requirePrivate(path, stats, 'file');
    return { file, size: stats.size };
  } catch (error) {
    throw stateFailure(path, error);
  }
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
