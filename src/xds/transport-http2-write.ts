import type { ServerHttp2Stream } from 'node:http2';
import type { Writer, WriteTurn } from './transport-write-turn.ts';

interface Frame {
  readonly bytes: Uint8Array;
  readonly written: () => void;
}

/**
 * Writes the frames of a stream in order, each slice after the one before has left the process. The way of a small frame is short: no
 * copy, no closure, one `write`.
 */
export class FrameWriter implements Writer {
  readonly #stream: ServerHttp2Stream;
  readonly #turn: WriteTurn;
  /** Everything has left. */
  readonly #idle: () => void;
  /** Runs what a caller gave; does not throw. */
  readonly #tell: (written: () => void) => void;
  #bytes: Uint8Array | undefined;
  #written: (() => void) | undefined;
  #offset = 0;
  /** Bytes that are on their way, and whether they count in the turn. */
  #slice = 0;
  #counted = false;
  readonly #following: Frame[] = [];
  /** How many slices have gone; how many had when it was last looked, and when that was. */
  #progress = 0;
  #seen = -1;
  #seenAt = 0;
  readonly #onGone = (error?: Error | null): void => this.#gone(error ?? undefined);
  readonly #goOn = (): void => {
    if (this.#bytes !== undefined) this.#ask(this.#bytes);
  };

  constructor(stream: ServerHttp2Stream, turn: WriteTurn, tell: (written: () => void) => void, idle: () => void) {
    this.#stream = stream;
    this.#turn = turn;
    this.#tell = tell;
    this.#idle = idle;
  }

  get busy(): boolean {
    return this.#bytes !== undefined;
  }

  write(bytes: Uint8Array, written: () => void): void {
    if (this.#bytes !== undefined) {
      this.#following.push({ bytes, written });
      return;
    }
    this.#bytes = bytes;
    this.#written = written;
    this.#offset = 0;
    this.#ask(bytes);
  }

  writeSlice(): void {
    const bytes = this.#bytes;
    if (bytes === undefined) return;
    this.#slice = Math.min(bytes.length - this.#offset, this.#turn.slice);
    this.#counted = true;
    const slice = this.#slice === bytes.length ? bytes : bytes.subarray(this.#offset, this.#offset + this.#slice);
    this.#stream.write(slice, this.#onGone);
  }

  /**
   * T10: whether something is on its way, and nothing of it has gone for so long. Between two looks already it stops to count in the turn:
   * it stands behind the window of its own stream, and the others of the connection go on.
   */
  stalled(now: number, limit: number): boolean {
    if (this.#slice === 0 || this.#progress !== this.#seen) {
      this.#seen = this.#progress;
      this.#seenAt = now;
      return false;
    }
    this.#leaveTurn();
    return now - this.#seenAt >= limit;
  }

  /** The stream has closed: what has not gone will never go. */
  close(): void {
    this.#bytes = undefined;
    this.#written = undefined;
    this.#following.length = 0;
    this.#turn.leave(this);
    this.#leaveTurn();
    this.#slice = 0;
  }

  #ask(bytes: Uint8Array): void {
    if (this.#turn.take(Math.min(bytes.length - this.#offset, this.#turn.slice), this)) this.writeSlice();
  }

  #leaveTurn(): void {
    if (!this.#counted) return;
    this.#counted = false;
    this.#turn.release(this.#slice);
  }

  #gone(error: Error | undefined): void {
    const bytes = this.#bytes;
    // On an error the stream closes, and `close` does the rest.
    if (error !== undefined || bytes === undefined) return;
    this.#progress += 1;
    this.#offset += this.#slice;
    this.#leaveTurn();
    this.#slice = 0;
    if (this.#offset < bytes.length) {
      this.#turn.later(this.#goOn);
      return;
    }
    const written = this.#written;
    const following = this.#following.shift();
    this.#bytes = following?.bytes;
    this.#written = following?.written;
    this.#offset = 0;
    if (following !== undefined) this.#ask(following.bytes);
    if (written !== undefined) this.#tell(written);
    if (this.#bytes === undefined) this.#idle();
  }
}
