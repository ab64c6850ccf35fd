import { closeSync, mkdirSync, openSync, readdirSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../model/failure.ts';
import { errorCode, privateDirectory, privateFile, requireDirectory, stateFailure } from './file-modes.ts';
import { isAlive, type ProcessIdentity, thisProcess } from './process-identity.ts';

/** What is locked, in the words of the refusal. */
export interface LockPurpose {
  /** Subject of the message: `state dir "/srv/weft"`, `proxy payments-1.shop`. */
  readonly what: string;
  /** What holds it: `a Weft server`, `a "weft run"`. */
  readonly holder: string;
  /** Code of the refusal, `WEFT0905`. */
  readonly code: string;
  /** The fix, given the holder's process id. */
  readonly hint: (pid: number) => string;
}

export interface Lock {
  /** Gives the lock back; a second call does nothing. A process that ends without it, however it ends, also gives it back. */
  release(): void;
}

const tries = 12;
const longestPause = 40;

/**
 * Takes the lock that the directory `path` stands for, or throws Failure(purpose.code) naming the process that has it.
 *
 * Each contender puts down a claim, a file named after its process, and then looks at all claims. A claim of a dead process is
 * swept away (its name can never mean a living one again, so nobody can sweep a fresh claim by mistake). A claim of a living
 * process means: withdraw, wait a random while, try again, and at last give up. Of two that start at once the later claim always
 * sees the earlier one, so both can withdraw but never both succeed.
 */
export async function acquireLock(path: string, purpose: LockPurpose): Promise<Lock> {
  makeDirectory(path);
  const self = thisProcess();
  const claim = join(path, claimName(self));
  let rival = self.pid;
  for (let attempt = 0; attempt < tries; attempt += 1) {
    if (attempt > 0) await sleep(5 + Math.random() * longestPause);
    if (!putDown(claim)) break; // this very process has it
    const others = livingRivals(path, self);
    const [other] = others;
    if (other === undefined) return lockOf(claim);
    rival = other;
    withdraw(claim);
  }
  const whose = rival === self.pid ? 'this process' : `process ${rival}`;
  throw new Failure(
    purpose.code,
    `${purpose.what} is in use by ${purpose.holder}, ${whose}`,
    purpose.hint(rival),
    `pid ${rival}`,
  );
}

/** Locks a state dir for one server. Throws Failure WEFT0905 if another has it, WEFT0904 if the directory is unusable. */
export function lockStateDir(dir: string): Promise<Lock> {
  return acquireLock(join(dir, '.lock'), {
    what: `state dir "${dir}"`,
    holder: 'another Weft server',
    code: 'WEFT0905',
    hint: (pid) => `stop that server (kill ${pid}), or give this one its own state dir`,
  });
}

/** The process id of the server that has a state dir; undefined where none has. Looks only. */
export function stateDirHolder(dir: string): number | undefined {
  try {
    const claims = readdirSync(join(dir, '.lock')).flatMap((name) => parseClaimName(name) ?? []);
    return claims.find(isAlive)?.pid;
  } catch {
    // None was there, or it is somebody else's.
    return undefined;
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: privateDirectory });
    requireDirectory(path);
  } catch (error) {
    throw stateFailure(path, error);
  }
}

function putDown(claim: string, again = true): boolean {
  try {
    closeSync(openSync(claim, 'wx', privateFile));
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    // Whoever had it took the directory away on leaving, since we looked.
    if (errorCode(error) === 'ENOENT' && again) {
      makeDirectory(dirname(claim));
      return putDown(claim, false);
    }
    throw stateFailure(claim, error);
  }
}

function withdraw(claim: string): void {
  try {
    unlinkSync(claim);
  } catch (error) {
    // A state dir that was deleted as a whole (a test's, a demo's) holds no lock any more.
    if (errorCode(error) !== 'ENOENT') throw stateFailure(claim, error);
  }
}

function lockOf(claim: string): Lock {
  let held = true;
  return {
    release() {
      if (held) withdraw(claim);
      held = false;
    },
  };
}

/** Process ids of living claimants other than `self`; sweeps the claims of the dead. */
function livingRivals(path: string, self: ProcessIdentity): readonly number[] {
  const rivals: number[] = [];
  for (const name of readdirSync(path)) {
    const identity = parseClaimName(name);
    if (identity === undefined || name === claimName(self)) continue;
    if (isAlive(identity)) rivals.push(identity.pid);
    else withdraw(join(path, name));
  }
  return rivals.sort((a, b) => a - b);
}

function claimName(identity: ProcessIdentity): string {
  return `${identity.pid}-${identity.start}-${identity.boot}`;
}

function parseClaimName(name: string): ProcessIdentity | undefined {
  const [, pid, start, boot] = /^(\d+)-(\d+)-([0-9a-f]+)$/.exec(name) ?? [];
  if (pid === undefined || start === undefined || boot === undefined) return undefined;
  return { pid: Number(pid), start, boot };
}
