import type { Clock } from '../model/state-store.ts';

/** Gathers signals into one run: after `quiet` ms without a further signal, at the latest `longest` ms after the first (X99). */
export interface Debounce {
  /** Something changed. `quiet` overrides the usual wait for this signal: the earliest wish wins. */
  signal(quiet?: number): void;
  /** Drops what is pending. */
  stop(): void;
}

export function createDebounce(clock: Clock, quiet: number, longest: number, run: () => void): Debounce {
  let firstAt: number | undefined;
  let dueAt = 0;
  let cancel: (() => void) | undefined;
  const fire = () => {
    cancel = undefined;
    firstAt = undefined;
    run();
  };
  return {
    signal(wait = quiet) {
      const now = clock.now();
      const pendingDue = cancel === undefined ? Number.POSITIVE_INFINITY : dueAt;
      firstAt ??= now;
      const wished = Math.min(now + wait, firstAt + longest);
      // A shorter wish brings the run forward; a usual one pushes it back, but never past a shorter wish that is pending.
      dueAt = wait < quiet ? Math.min(pendingDue, wished) : wished;
      cancel?.();
      cancel = clock.after(Math.max(0, dueAt - now), fire);
    },
    stop() {
      cancel?.();
      cancel = undefined;
      firstAt = undefined;
    },
  };
}
