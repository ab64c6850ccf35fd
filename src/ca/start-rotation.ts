import type { Readable } from '../model/readable.ts';
import { createCell } from '../model/readable.ts';
import type { Clock } from '../model/state-store.ts';
import { isDue, type RotationState, type Slot, step, wakeAt } from './rotation.ts';

/** A value that renews itself. `get` never returns an expired one: it renews on the spot, or throws what kept it from that. */
export interface Rotation<T> extends Readable<T> {
  /** What the last attempt failed with; undefined after a success. */
  problem(): unknown;
  /** The time of the next renewal, in milliseconds since 1970. */
  renewsAt(): number;
  /** Makes a new value now, whatever the present one is still good for. If that fails the present one stays, and it is tried again. */
  renew(): void;
  dispose(): void;
}

/** Timers overflow after 24 days, stand still while a machine sleeps and know nothing of a clock that was set: look again often. */
const longestSleep = 300_000;

/**
 * Runs a rotation: `issue` makes a new slot (and may throw), first at once unless `initial` is still good. Watchers are told of
 * every new value. Throws what `issue` throws if there is nothing valid at the start.
 */
export function startRotation<T>(options: {
  readonly issue: () => Slot<T>;
  readonly clock: Clock;
  readonly initial?: Slot<T>;
}): Rotation<T> {
  const { issue, clock, initial } = options;
  let state: RotationState<T> = initial ? { current: initial } : {};
  let problem: unknown;
  let cancel = (): void => undefined;
  let disposed = false;
  const cell = createCell<T | undefined>(undefined);

  let replacing = false;
  const isWanted = (): boolean => (replacing && (state.retryAt ?? 0) <= clock.now()) || isDue(state, clock.now());

  const advance = (): void => {
    state = step(state, { kind: 'tick', now: clock.now() });
    if (isWanted()) {
      try {
        const slot = issue();
        problem = undefined;
        state = step(state, { kind: 'issued', now: clock.now(), slot, instead: replacing });
        replacing = false;
      } catch (error) {
        // Not lost: `problem` tells it, and `get` throws it once nothing valid is left.
        problem = error;
        state = step(state, { kind: 'failed', now: clock.now() });
      }
    }
    cancel();
    if (!disposed) {
      const wake = replacing ? Math.min(state.retryAt ?? wakeAt(state), wakeAt(state)) : wakeAt(state);
      const sleep = Math.min(Math.max(wake - clock.now(), 1), longestSleep);
      cancel = clock.after(sleep, advance);
    }
    cell.set(state.current?.value);
  };
  const get = (): T => {
    advance();
    if (state.current === undefined) throw problem ?? new Error('nothing was issued');
    return state.current.value;
  };

  try {
    get();
  } catch (error) {
    cancel();
    throw error;
  }
  return {
    get,
    watch: (onChange) =>
      cell.watch((value) => {
        if (value !== undefined) onChange(value);
      }),
    problem: () => problem,
    renewsAt: () => state.current?.renewAt ?? clock.now(),
    renew() {
      replacing = true;
      advance();
    },
    dispose() {
      disposed = true;
      cancel();
    },
  };
}
