/** What waits with a slice. */
export interface Writer {
  /** Its slice may go now; the room for it has been taken. */
  writeSlice(): void;
}

/**
 * The bound on what one connection has on its way (performance.md section 2, point 4: Node's TLS output buffer grows to the largest burst
 * and is never given back). Calls take turns, a slice each, in the order in which they asked.
 */
export class WriteTurn {
  /** What is larger goes slice by slice. */
  readonly slice: number;
  /** What comes after the first slice of a frame can wait: a cold start is a great many of them, and each is encrypted at once (X22). */
  readonly later: (piece: () => void) => void;
  /** There is one only while somebody waits: of most connections nobody ever does. */
  #waiting: Map<Writer, number> | undefined;
  #inFlight = 0;

  /** Bytes of a slice: also the bound on all that is on its way. */
  constructor(slice: number, later: (piece: () => void) => void) {
    this.slice = slice;
    this.later = later;
  }

  /** Takes room for so many bytes; if there is none now, the writer is called when there is. */
  take(bytes: number, writer: Writer): boolean {
    if (this.#waiting !== undefined || !this.#fits(bytes)) {
      this.#waiting ??= new Map();
      this.#waiting.set(writer, bytes);
      return false;
    }
    this.#inFlight += bytes;
    return true;
  }

  /** So many bytes have gone, or will never go. */
  release(bytes: number): void {
    this.#inFlight -= bytes;
    this.#serve();
  }

  leave(writer: Writer): void {
    this.#waiting?.delete(writer);
    this.#serve();
  }

  #fits(bytes: number): boolean {
    return this.#inFlight === 0 || this.#inFlight + bytes <= this.slice;
  }

  #serve(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    for (const [writer, bytes] of waiting) {
      if (!this.#fits(bytes)) return;
      waiting.delete(writer);
      this.#inFlight += bytes;
      writer.writeSlice();
    }
    if (this.#waiting === waiting) this.#waiting = undefined;
  }
}
