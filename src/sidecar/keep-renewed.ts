import { Failure } from '../model/failure.ts';
import type { Millis } from '../model/policy.ts';
import type { ControlPlaneAddress } from './bootstrap.ts';
import { renew } from './enrol.ts';
import { heldIdentity } from './own-identity.ts';

/** Section 3 of reliability.md, "Backoff". */
const firstWait: Millis = 500;
const longestWait: Millis = 30_000;
/** Timers overflow after 24 days. */
const longestSleep: Millis = 24 * 3_600_000;

export interface RenewedIdentity {
  /** Renews it without waiting for its time: its root is to go. */
  now(): void;
  stop(): void;
}

/**
 * Renews the certificate in a folder when its time has come, with a new key each time, until it is stopped. By timers
 * that no change of the clock moves (F22). `onProblem` hears of each different reason why there is no new one yet.
 */
export function keepRenewed(options: {
  readonly controlPlane: ControlPlaneAddress;
  readonly nodeId: string;
  readonly folder: string;
  readonly timeout: Millis;
  readonly onProblem: (failure: Failure) => void;
  readonly onRenewed?: () => void;
}): RenewedIdentity {
  const { folder, onProblem } = options;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
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
    try {
      await renew(options);
      failures = 0;
      told = undefined;
      options.onRenewed?.();
      plan();
    } catch (error) {
      const failure =
        error instanceof Failure ? error : new Failure('WEFT0904', `no new certificate: ${error}`, folder);
      if (!stopped && failure.message !== told) onProblem(failure);
      told = failure.message;
      failures += 1;
      after(Math.random() * Math.min(longestWait, firstWait * 2 ** Math.min(failures, 10)), () => void attempt());
    }
  };
  plan();
  return {
    now() {
      clearTimeout(timer);
      after(0, () => void attempt());
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
