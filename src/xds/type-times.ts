/** When a stream was last sent a type, and last acknowledged it; milliseconds. */
export interface Times {
  readonly typeUrl: string;
  sentAt: number | undefined;
  ackedAt: number | undefined;
}

/** The times of every type of one stream, kept beside its state, which equal streams share. */
export class TypeTimes {
  readonly #all: Times[] = [];
  /** What is sent next is what is acknowledged next, most of the time. */
  #latest: Times | undefined;

  /** Those of a type; there are none of a type that was never sent. */
  find(typeUrl: string): Times | undefined {
    return this.#all.find((times) => times.typeUrl === typeUrl);
  }

  /** Those of a type, to be changed. */
  of(typeUrl: string): Times {
    if (this.#latest?.typeUrl === typeUrl) return this.#latest;
    let times = this.find(typeUrl);
    if (times === undefined) {
      times = { typeUrl, sentAt: undefined, ackedAt: undefined };
      this.#all.push(times);
    }
    this.#latest = times;
    return times;
  }
}
