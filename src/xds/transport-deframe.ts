import { status } from '@grpc/grpc-js';
import { prefixLength } from './frame.ts';

/** Why a call has to end. */
export interface CallViolation {
  readonly code: status;
  readonly message: string;
}

/** What a message that spans chunks begins with; it grows with what has come, never with what was announced. */
const firstCapacity = 16 * 1024;
const empty = new Uint8Array(0);

/**
 * Finds the messages of gRPC in what a stream brings. A message that lies within one chunk is a view of it; one that spans chunks is
 * copied into a buffer that at most doubles, so that neither an announced length nor a thousand tiny chunks cost memory.
 */
export class Deframer {
  /** The last message that `next` returned is compressed. */
  compressed = false;
  /** After this no message comes. */
  violation: CallViolation | undefined;
  readonly #limit: number;
  #chunk: Uint8Array = empty;
  #at = 0;
  /** Chunks that came while there was a rest of one. */
  #later: Uint8Array[] | undefined;
  #prefix: Uint8Array | undefined;
  #prefixFilled = 0;
  /** Of the message that is being read; -1 while its prefix is. */
  #length = -1;
  #body: Uint8Array = empty;
  #filled = 0;

  /** `limit`: bytes of a message, as it is on the wire. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Uint8Array): void {
    if (this.violation !== undefined) return;
    if (this.#chunk === empty && this.#later === undefined) {
      this.#chunk = chunk;
      this.#at = 0;
      return;
    }
    this.#later ??= [];
    this.#later.push(chunk);
  }

  /** A message has begun and is not whole. */
  get partial(): boolean {
    return this.#prefixFilled > 0 || this.#length >= 0;
  }

  /** Bytes that are kept of a message that is not whole yet. */
  get held(): number {
    return this.#body.length;
  }

  /** Keeps nothing; nothing comes any more. */
  clear(): void {
    this.violation ??= { code: status.CANCELLED, message: 'nobody reads' };
    this.#chunk = empty;
    this.#body = empty;
    this.#later = undefined;
  }

  /** The next message, or undefined when more must come first. */
  next(): Uint8Array | undefined {
    while (this.violation === undefined && this.#more()) {
      if (this.#length < 0) this.#readPrefix();
      else {
        const message = this.#readBody();
        if (message !== undefined) return message;
      }
      if (this.#length === 0) {
        this.#length = -1;
        return empty;
      }
    }
    return undefined;
  }

  #more(): boolean {
    if (this.#at < this.#chunk.length) return true;
    const following = this.#later?.shift();
    if (following === undefined) this.#later = undefined;
    // What was read is not kept: it is a part of something larger.
    this.#chunk = following ?? empty;
    this.#at = 0;
    return following !== undefined;
  }

  #readPrefix(): void {
    const chunk = this.#chunk;
    if (this.#prefixFilled === 0 && chunk.length - this.#at >= prefixLength) {
      this.#takePrefix(chunk, this.#at);
      this.#at += prefixLength;
      return;
    }
    this.#prefix ??= new Uint8Array(prefixLength);
    while (this.#prefixFilled < prefixLength && this.#at < chunk.length) {
      this.#prefix[this.#prefixFilled] = chunk[this.#at] ?? 0;
      this.#prefixFilled += 1;
      this.#at += 1;
    }
    if (this.#prefixFilled < prefixLength) return;
    this.#prefixFilled = 0;
    this.#takePrefix(this.#prefix, 0);
  }

  #takePrefix(bytes: Uint8Array, at: number): void {
    const flag = bytes[at] ?? 0;
    const upper = ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const length = upper * 0x10000 + (((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0));
    if (flag > 1) this.violation = { code: status.INTERNAL, message: `a message begins with the byte ${flag}` };
    else if (length > this.#limit) this.violation = tooLarge(this.#limit);
    else {
      this.compressed = flag === 1;
      this.#length = length;
    }
  }

  #readBody(): Uint8Array | undefined {
    const [chunk, at, length] = [this.#chunk, this.#at, this.#length];
    if (this.#filled === 0 && chunk.length - at >= length) {
      this.#at = at + length;
      this.#length = -1;
      return chunk.subarray(at, at + length);
    }
    const part = chunk.subarray(at, at + Math.min(chunk.length - at, length - this.#filled));
    this.#makeRoom(this.#filled + part.length);
    this.#body.set(part, this.#filled);
    this.#filled += part.length;
    this.#at = at + part.length;
    if (this.#filled < length) return undefined;
    const message = this.#body.subarray(0, length);
    this.#body = empty;
    this.#filled = 0;
    this.#length = -1;
    return message;
  }

  #makeRoom(size: number): void {
    if (size <= this.#body.length) return;
    const capacity = Math.min(this.#length, Math.max(size, 2 * this.#body.length, firstCapacity));
    const larger = Buffer.allocUnsafeSlow(capacity);
    larger.set(this.#body.subarray(0, this.#filled));
    this.#body = larger;
  }
}

/** T7: the same words before and after inflation. */
export function tooLarge(limit: number): CallViolation {
  return { code: status.RESOURCE_EXHAUSTED, message: `a message is larger than ${limit} bytes` };
}
