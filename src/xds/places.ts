import type { Clock } from './clock.ts';

/** A bound on how many do something at once; the others wait in line. */
export interface Places {
  /** Calls back once, in the order of asking, with what gives the place back. The returned function gives up waiting, or gives it back too. */
  take(then: (leave: () => void) => void, holder?: Holder): () => void;
  readonly free: boolean;
  stop(): void;
}

/** What a place needs to know of its holder. */
export interface Holder {
  /** It is at work, so that its place is left to it for a while longer. */
  readonly busy?: () => boolean;
  /** It has its place no more, however that came about. */
  readonly left?: () => void;
}

/** A timer that is late by this part of its time says that the event loop is held. */
const late = 1 / 3;
/** So often a place is left to its holder for that, or because it is at work: who only seems to be keeps nobody out for long. */
const extensions = { late: 8, busy: 2 };

/**
 * `longest`: after so many milliseconds a place is given to the next, whatever its holder does: who is slow keeps nobody out. Where it is
 * this process that is slow the holder keeps it for a while longer, or those who come would hold the event loop all the more.
 */
export function createPlaces(atOnce: number, longest: number, clock: Clock): Places {
  const line = new Map<(leave: () => void) => void, Holder>();
  const held = new Set<() => void>();
  let stopped = false;

  const give = (then: (leave: () => void) => void, { busy, left: onLeft }: Holder): void => {
    const leave = (): void => {
      if (!held.delete(leave)) return;
      cancel();
      onLeft?.();
      serve();
    };
    let cancel = (): void => {};
    const arm = (left: typeof extensions): void => {
      const due = clock.now() + longest;
      cancel = clock.after(longest, () => {
        if (left.late > 0 && clock.now() - due > longest * late) arm({ ...left, late: left.late - 1 });
        else if (left.busy > 0 && busy?.() === true) arm({ ...left, busy: left.busy - 1 });
        else leave();
      });
    };
    arm(extensions);
    held.add(leave);
    then(leave);
  };
  let serving = false;
  const serve = (): void => {
    // Who leaves at once calls back in here: one loop goes on, however many do.
    if (serving) return;
    serving = true;
    try {
      for (const [then, holder] of line) {
        if (stopped || held.size >= atOnce) break;
        line.delete(then);
        give(then, holder);
      }
    } finally {
      serving = false;
    }
  };

  return {
    take(then, holder = {}) {
      let leave = (): void => {};
      const given = (back: () => void): void => {
        leave = back;
        then(back);
      };
      line.set(given, holder);
      serve();
      return () => {
        line.delete(given);
        leave();
      };
    },
    get free() {
      return line.size === 0 && held.size < atOnce;
    },
    stop() {
      stopped = true;
      line.clear();
      for (const leave of [...held]) leave();
    },
  };
}
