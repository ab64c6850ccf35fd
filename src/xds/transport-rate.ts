/** Counts events against a number per second: a flood is told from use (T11, X16). */
export class RateGuard {
  /** How many are allowed in a second. */
  limit: number;
  #second = 0;
  #count = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** One more at this time (milliseconds); true when it is one too many. */
  exceeded(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count > this.limit;
  }
}

/** What one may do per second, and so much more at once: an allowance that fills again, up to the burst, also while nobody looks. */
export class Allowance {
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #at = 0;
  #used = 0;

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#left = burst;
  }

  /** `used`: of all time until now (milliseconds); true when it is more than was allowed since the last look. */
  exceeded(now: number, used: number): boolean {
    const earned = ((now - this.#at) / 1_000) * this.#perSecond;
    this.#left = Math.min(this.#burst, this.#left + earned - (used - this.#used));
    this.#at = now;
    this.#used = used;
    return this.#left < 0;
  }
}
