/**
 * Where small facts survive a restart (keys, tokens, allocated ports). Keys are relative paths such as `ca/root.key`.
 * A write is whole or not at all; values are private to the owner (0600).
 */
export interface StateStore {
  read(key: string): Promise<Uint8Array | undefined>;
  write(key: string, value: Uint8Array): Promise<void>;
  delete(key: string): Promise<void>;
  /** Keys below a prefix, sorted. */
  list(prefix: string): Promise<readonly string[]>;
}

/** Time as an argument, so that tests own it. `now` in milliseconds since 1970; `after` returns a function that cancels. */
export interface Clock {
  now(): number;
  after(delay: number, run: () => void): () => void;
}

/** The machine's clock; timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delay, run) {
    const timer = setTimeout(run, delay);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
