import type { Clock } from './clock.ts';

/** Gathers signals into one run: after `quiet` ms without a further signal, at the latest `longest` ms after the first (X99). */
export interface Debounce {
  /** Something changed. `quiet` overrides the usual wait for this signal: the earliest wish wins. */
  signal(quiet?: number): void;
  /** Drops what is pending. */
  stop(): void;
}

/** `run` may throw: it is told to `onFailure`, and the next signal runs it again. A throw in a timer would end the process. */
export function createDebounce(
  clock: Clock,
  quiet: number,
  longest: number,
  run: () => void,
  onFailure: (error: unknown) => void,
): Debounce {
  /** No run is later than this: `longest` after the first signal, or the earliest of the shorter wishes. */
  let limitAt: number | undefined;
  let dueAt = Number.POSITIVE_INFINITY;
  let cancel: (() => void) | undefined;
  const forget = () => {
    cancel?.();
    cancel = undefined;
    limitAt = undefined;
    dueAt = Number.POSITIVE_INFINITY;
  };
  return {
    signal(wait = quiet) {
      const now = clock.now();
      limitAt = Math.min(limitAt ?? now + longest, wait < quiet ? now + wait : Number.POSITIVE_INFINITY);
      // A shorter wish brings the run forward; a usual one pushes it back, but never past the limit.
      dueAt = wait < quiet ? Math.min(dueAt, limitAt) : Math.min(now + wait, limitAt);
      cancel?.();
      cancel = clock.after(Math.max(0, dueAt - now), () => {
        forget();
        try {
          run();
        } catch (error) {
          onFailure(error);
        }
      });
    },
    stop: forget,
  };
}
