import type { Clock } from '../../src/model/state-store.ts';

export interface FakeClock extends Clock {
  /** Lets time pass; timers that fall due run in their order, each at its own time. */
  advance(milliseconds: number): void;
}

/** A clock that moves only when a test says so. */
export function fakeClock(start = 1_700_000_000_000): FakeClock {
  let now = start;
  let order = 0;
  const timers = new Set<{ readonly at: number; readonly order: number; readonly run: () => void }>();
  return {
    now: () => now,
    after(delay, run) {
      order += 1;
      const timer = { at: now + delay, order, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        const [due] = [...timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at || a.order - b.order);
        if (!due) break;
        timers.delete(due);
        now = Math.max(now, due.at);
        due.run();
      }
      now = end;
    },
  };
}
