import { Failure } from '../model/failure.ts';
import type { Millis } from '../model/policy.ts';
import { type EnrolOptions, enrol, renew } from './enrol.ts';
import { hasEnded, heldIdentity } from './own-identity.ts';

/** Section 3 of reliability.md, "Backoff". */
const firstWait: Millis = 500;
const longestWait: Millis = 30_000;
/** Timers overflow after 24 days. */
const longestSleep: Millis = 24 * 3_600_000;

export interface RenewedIdentity {
  /** Renews it without waiting for its time: its root is to go. */
  now(): void;
  /** The control plane answers: what is due is tried now, and not when the wait is over. */
  retry(): void;
  stop(): void;
}

/**
 * Renews the certificate in a folder when its time has come, with a new key each time, until it is stopped; one that has ended is replaced
 * by joining again, which takes a use of the token. By timers that no change of the clock moves (F22). `onProblem` hears of each different
 * reason why there is no new one yet.
 */
export function keepRenewed(
  options: EnrolOptions & { readonly onProblem: (failure: Failure) => void; readonly onEnrolled: () => void },
): RenewedIdentity {
  const { folder, onProblem } = options;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let isAsking = false;
  let told: string | undefined;
  let failures = 0;

  const after = (delay: Millis, run: () => void): void => {
    if (stopped) return;
    const due = performance.now() + delay;
    timer = setTimeout(
      () => (performance.now() < due ? after(due - performance.now(), run) : run()),
      Math.min(Math.max(0, delay), longestSleep),
    );
    timer.unref();
  };
  const plan = (): void => {
    const held = heldIdentity(folder);
    after(held === undefined ? 0 : held.renewAt - Date.now(), () => void attempt());
  };
  const attempt = async (): Promise<void> => {
    if (isAsking || stopped) return;
    isAsking = true;
    try {
      const ended = hasEnded(folder);
      await (ended ? enrol(options) : renew(options));
      if (ended) options.onEnrolled();
      failures = 0;
      told = undefined;
      plan();
    } catch (error) {
      const failure =
        error instanceof Failure ? error : new Failure('WEFT0904', `no new certificate: ${error}`, folder);
      if (!stopped && failure.message !== told) onProblem(failure);
      told = failure.message;
      failures += 1;
      after(Math.random() * Math.min(longestWait, firstWait * 2 ** Math.min(failures, 10)), () => void attempt());
    } finally {
      isAsking = false;
    }
  };
  const now = (): void => {
    failures = 0;
    clearTimeout(timer);
    after(0, () => void attempt());
  };
  plan();
  return {
    now,
    retry() {
      if ((heldIdentity(folder)?.renewAt ?? 0) <= Date.now()) now();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
