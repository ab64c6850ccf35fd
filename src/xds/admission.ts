import type { Clock } from './clock.ts';

/** How many streams may begin (X10). */
export interface AdmissionSettings {
  /** New streams per second that are let in for good. */
  readonly perSecond: number;
  /** How many may begin at once after a quiet time. */
  readonly burst: number;
  /** Milliseconds that a stream waits for its turn before it is refused. */
  readonly longestWait: number;
}

export interface Admission {
  /** Calls back once, in the order of asking: `admitted`, or not within the longest wait. The returned function gives up. */
  enter(then: (admitted: boolean) => void): () => void;
  stop(): void;
}

interface Waiter {
  readonly then: (admitted: boolean) => void;
  readonly cancel: () => void;
}

/** How often those who wait are looked at, in milliseconds. */
const turn = 10;

/** A bucket of admissions that fills with time; who finds it empty waits in line. */
export function createAdmission(settings: AdmissionSettings, clock: Clock): Admission {
  const { perSecond, burst, longestWait } = settings;
  const line = new Set<Waiter>();
  /** In thousandths of an admission. */
  let left = burst * 1_000;
  let filledAt = clock.now();
  let cancelTurn: (() => void) | undefined;

  const fill = (): void => {
    const now = clock.now();
    left = Math.min(burst * 1_000, left + Math.max(0, now - filledAt) * perSecond);
    filledAt = now;
  };
  const serve = (): void => {
    cancelTurn = undefined;
    fill();
    for (const waiter of line) {
      if (left < 1_000) break;
      left -= 1_000;
      line.delete(waiter);
      waiter.cancel();
      waiter.then(true);
    }
    if (line.size > 0) cancelTurn ??= clock.after(turn, serve);
  };

  return {
    enter(then) {
      fill();
      if (line.size === 0 && left >= 1_000) {
        left -= 1_000;
        then(true);
        return () => {};
      }
      const waiter: Waiter = {
        then,
        cancel: clock.after(longestWait, () => {
          line.delete(waiter);
          then(false);
        }),
      };
      line.add(waiter);
      cancelTurn ??= clock.after(turn, serve);
      return () => {
        if (line.delete(waiter)) waiter.cancel();
      };
    },
    stop() {
      cancelTurn?.();
      for (const waiter of line) waiter.cancel();
      line.clear();
    },
  };
}
