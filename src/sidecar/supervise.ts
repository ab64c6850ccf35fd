import { setTimeout as sleep } from 'node:timers/promises';
import type { Exit, LeashedProcess } from './spawn-leashed.ts';

export interface SuperviseParts {
  readonly start: () => Promise<LeashedProcess>;
  /** Follows a process until `over`; resolves to whether it ever answered. */
  readonly follow: (over: AbortSignal) => Promise<boolean>;
  /** It ended by itself and starts again after `retryIn` milliseconds. */
  readonly onCrash: (exit: Exit, retryIn: number) => void;
  /** What the first process is blamed with when it ended without ever having answered: it never will. */
  readonly neverStarted: (exit: Exit) => Error;
}

export interface Supervised {
  /** Resolves after `end`; rejects with the error of `neverStarted`, or of `start`. */
  readonly ended: Promise<void>;
  pid(): number | undefined;
  /** No restart from now on; an end of the process is no crash any more. */
  retire(): void;
  /** Retires, asks the process to end, and insists after 3 s. Resolves when it has ended. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

const FIRST_BACK_OFF_MS = 500;
const LONGEST_BACK_OFF_MS = 30_000;
/** A process that ran this long has shown that it can; the back-off begins anew. */
const SOUND_AFTER_MS = 60_000;
const TERMINATE_LIMIT_MS = 3_000;

/** Keeps one process running: starts it again with a growing back-off whenever it ends by itself. */
export function supervise(parts: SuperviseParts): Supervised {
  const retired = new AbortController();
  let current: LeashedProcess | undefined;

  async function run(): Promise<void> {
    let backOff = FIRST_BACK_OFF_MS;
    let everAnswered = false;
    while (!retired.signal.aborted) {
      const startedAt = Date.now();
      const running = await parts.start();
      current = running;
      const over = new AbortController();
      // `end` may have been called while it was being made.
      if (retired.signal.aborted) running.kill('SIGTERM');
      const exited = running.exited.finally(() => over.abort());
      const [exit, answered] = await Promise.all([exited, parts.follow(over.signal)]);
      current = undefined;
      if (retired.signal.aborted) return;
      everAnswered ||= answered;
      if (!everAnswered) throw parts.neverStarted(exit);
      if (Date.now() - startedAt >= SOUND_AFTER_MS) backOff = FIRST_BACK_OFF_MS;
      parts.onCrash(exit, backOff);
      await sleep(backOff, undefined, { signal: retired.signal }).catch(() => undefined);
      backOff = Math.min(backOff * 2, LONGEST_BACK_OFF_MS);
    }
  }

  const ended = run();
  return {
    ended,
    pid: () => current?.pid,
    retire: () => retired.abort(),
    async end(signal) {
      retired.abort();
      current?.kill(signal);
      const insist = setTimeout(() => current?.kill('SIGKILL'), TERMINATE_LIMIT_MS);
      await ended.catch(() => undefined);
      clearTimeout(insist);
    },
  };
}

/** `exit code 1`, `signal SIGSEGV`. */
export function howItEnded(exit: Exit): string {
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}
