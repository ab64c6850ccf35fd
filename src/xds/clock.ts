/** Time as it is handed to the server: milliseconds that never go back, and one-shot timers. */
export interface Clock {
  now(): number;
  /** Calls back once after the delay; the returned function cancels that. */
  after(milliseconds: number, callback: () => void): () => void;
}

/** The longest time of a timer of Node: they count in 32 bits. */
const longest = 2 ** 31 - 1;

/**
 * The time that a timer is set to: nine binary places of it, rounded up, so that at most 0.4 % are added. Node keeps a list for each length in
 * milliseconds until that time is over, though all its timers were cancelled: ages that are spread at random, and timeouts that clients
 * choose, would leave one of each call behind, for half an hour or for days (T7).
 */
export function timerLength(milliseconds: number): number {
  if (milliseconds >= longest) return longest;
  const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, milliseconds))) - 8);
  return Math.min(longest, Math.ceil(milliseconds / step) * step);
}

/**
 * The clock of the machine as it was when the process began, going on evenly: who sets it back by an hour makes nobody wait for that hour, nor
 * look like a flood (F22). Its timers keep no process alive.
 */
export const systemClock: Clock = {
  now: () => Math.trunc(performance.timeOrigin + performance.now()),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, timerLength(milliseconds));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
