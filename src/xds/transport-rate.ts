/** Counts events against a number per second: a flood is told from use (T11, X16). */
export class RateGuard {
  readonly #limit: number;
  #second = 0;
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** One more at this time (milliseconds); true when it is one too many. */
  exceeded(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count > this.#limit;
  }
}
