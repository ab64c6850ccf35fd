import type { Clock } from './clock.ts';
import { createPlaces } from './places.ts';

/** How many streams may begin (X10). */
export interface AdmissionSettings {
  /** New streams per second that are let in for good. */
  readonly perSecond: number;
  /** How many may begin at once after a quiet time. */
  readonly burst: number;
  /** Milliseconds that a stream waits for its turn before it is refused. */
  readonly longestWait: number;
  /** How many may be given their first answers at the same time (X22). */
  readonly atOnce: number;
  /** Milliseconds after which a stream counts no longer among those, even though it has not acknowledged everything. */
  readonly longestPlace: number;
}

export interface Admission {
  /**
   * Calls back once, in the order of asking: with what says that the stream has all it asked for first, or with undefined when its turn
   * did not come within the longest wait. The returned function gives up.
   */
  enter(then: (settle: (() => void) | undefined) => void): () => void;
  stop(): void;
}

interface Waiter {
  readonly then: (settle: (() => void) | undefined) => void;
  readonly cancel: () => void;
}

/** How often those who wait are looked at, in milliseconds. */
const turn = 10;

/** A bucket of admissions that fills with time, and places for those who begin; who finds none of either waits in line. */
export function createAdmission(settings: AdmissionSettings, clock: Clock): Admission {
  const { perSecond, burst, longestWait, atOnce, longestPlace } = settings;
  const places = createPlaces(atOnce, longestPlace, clock);
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
      if (left < 1_000 || !places.free) break;
      left -= 1_000;
      line.delete(waiter);
      waiter.cancel();
      places.take(waiter.then);
    }
    if (line.size > 0) cancelTurn ??= clock.after(turn, serve);
  };

  return {
    enter(then) {
      fill();
      if (line.size === 0 && left >= 1_000 && places.free) {
        left -= 1_000;
        return places.take(then);
      }
      const waiter: Waiter = {
        then,
        cancel: clock.after(longestWait, () => {
          line.delete(waiter);
          then(undefined);
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
      places.stop();
    },
  };
}
