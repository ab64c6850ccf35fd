import type { Clock } from '../../src/model/state-store.ts';

/** A clock that stands until a test moves it. */
export interface JumpingClock extends Clock {
  /** Moves forward, running what falls due, each at its own time and in order. */
  advance(by: number): void;
  /** Sets the wall clock without running anything, as an administrator or a time server does; timers keep their distance. */
  jump(by: number): void;
  /** How many timers wait. */
  pending(): number;
}

interface Timer {
  at: number;
  readonly run: () => void;
}

export function createJumpingClock(start = Date.UTC(2026, 0, 1)): JumpingClock {
  let now = start;
  const timers = new Set<Timer>();
  return {
    now: () => now,
    after(delay, run) {
      const timer = { at: now + Math.max(delay, 0), run };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    advance(by) {
      const end = now + by;
      for (;;) {
        const [due] = [...timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at);
        if (due === undefined) break;
        timers.delete(due);
        now = Math.max(now, due.at);
        due.run();
      }
      now = end;
    },
    jump(by) {
      now += by;
      for (const timer of timers) timer.at += by;
    },
    pending: () => timers.size,
  };
}
