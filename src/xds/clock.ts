/** Time as it is handed to the server: milliseconds, and one-shot timers. */
export interface Clock {
  now(): number;
  /** Calls back once after the delay; the returned function cancels that. */
  after(milliseconds: number, callback: () => void): () => void;
}

/** The clock of the machine. Its timers keep no process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
