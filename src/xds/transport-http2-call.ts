import { constants, type ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import type { Call, CallHandler, CallListener } from './call.ts';
import type { Clock } from './clock.ts';
import { type CallViolation, Deframer } from './transport-deframe.ts';
import type { Inflater } from './transport-inflate.ts';
import { percentEncode, type RequestHead, textHeaders } from './transport-request.ts';
import type { Writer, WriteTurn } from './transport-write-turn.ts';

/** What the calls of one connection share. */
export interface CallHost {
  readonly peer: string;
  readonly turn: WriteTurn;
  readonly receiveLimit: number;
  readonly inflater: Inflater;
  certificate(): Uint8Array | undefined;
  confirm(): void;
  onFailure(error: unknown): void;
  /** The call is over and holds nothing any more. */
  onClose(call: Http2Call): void;
}

/** Bytes that are written at once; what is larger goes slice by slice, without a copy. */
const sliceSize = 64 * 1024;
/** What a timer of Node takes, in milliseconds. */
const longestTimer = 2 ** 31 - 1;
/** A status message beyond this is cut: trailers have to pass limits for headers. */
const longestMessage = 4_000;

const responseHeaders = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': 'identity,gzip,deflate',
};
const responseOptions = { waitForTrailers: true };

interface Frame {
  readonly bytes: Uint8Array;
  readonly written: () => void;
}

/** A gRPC call on a stream of node:http2. */
export class Http2Call implements Call, Writer {
  readonly path: string;
  readonly #stream: ServerHttp2Stream;
  readonly #host: CallHost;
  readonly #head: RequestHead;
  readonly #raw: readonly string[];
  readonly #deframer: Deframer;
  #headers: ReadonlyMap<string, readonly string[]> | undefined;
  #listener: CallListener | undefined;
  /** The status to end with. */
  #ending: CallViolation | undefined;
  /** The client has gone, or our status is on its way: nothing is told or taken any more. */
  #over = false;
  #responded = false;
  #cancelDeadline = () => {};
  // Reading.
  #held = false;
  #inflating = false;
  /** A message that was compressed and is to be told next. */
  #inflated: Uint8Array | undefined;
  #reading = false;
  #requestEnded = false;
  // Writing: the frame that is being written, and those that follow.
  #frame: Uint8Array | undefined;
  #written: (() => void) | undefined;
  #offset = 0;
  /** Bytes of the frame that are on their way. */
  #slice = 0;
  /** How many slices have gone; and how many had when it was last looked. */
  #progress = 0;
  #seen = -1;
  #seenAt = 0;
  readonly #following: Frame[] = [];
  readonly #onSlice = (error?: Error | null): void => this.#sliceGone(error ?? undefined);

  constructor(stream: ServerHttp2Stream, head: RequestHead, raw: readonly string[], host: CallHost) {
    this.path = head.path;
    this.#stream = stream;
    this.#head = head;
    this.#raw = raw;
    this.#host = host;
    this.#deframer = new Deframer(host.receiveLimit);
    stream.on('aborted', () => this.#lost('the client has cancelled'));
    stream.on('close', () => this.#closed());
  }

  get peer(): string {
    return this.#host.peer;
  }

  get headers(): ReadonlyMap<string, readonly string[]> {
    this.#headers ??= textHeaders(this.#raw);
    return this.#headers;
  }

  get certificate(): Uint8Array | undefined {
    return this.#host.certificate();
  }

  confirm(): void {
    this.#host.confirm();
  }

  listen(listener: CallListener): void {
    if (this.#over || this.#ending !== undefined) return;
    this.#listener = listener;
    this.#stream.on('data', (chunk: Buffer) => {
      this.#deframer.push(chunk);
      this.#read();
    });
    this.#stream.on('end', () => {
      this.#requestEnded = true;
      this.#read();
    });
  }

  pause(): void {
    this.#held = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#held) return;
    this.#held = false;
    if (!this.#inflating) this.#stream.resume();
    this.#read();
  }

  write(frame: Uint8Array, written: () => void): void {
    if (this.#over || this.#ending !== undefined) return;
    if (!this.#responded) {
      if (this.#stream.destroyed || this.#stream.closed) return;
      this.#responded = true;
      this.#stream.respond(responseHeaders, responseOptions);
    }
    if (this.#frame !== undefined) {
      this.#following.push({ bytes: frame, written });
      return;
    }
    this.#frame = frame;
    this.#written = written;
    if (this.#host.turn.take(Math.min(frame.length, sliceSize), this)) this.writeSlice();
  }

  writeSlice(): void {
    const frame = this.#frame;
    if (frame === undefined) return;
    const left = frame.length - this.#offset;
    this.#slice = Math.min(left, sliceSize);
    const whole = left === frame.length && left <= sliceSize;
    this.#stream.write(whole ? frame : frame.subarray(this.#offset, this.#offset + this.#slice), this.#onSlice);
  }

  end(code: status, message: string): void {
    if (this.#over || this.#ending !== undefined) return;
    this.#ending = { code, message };
    this.#listener = undefined;
    if (this.#frame === undefined) this.#finish();
  }

  /** Ends the call of our own accord: the listener hears of it. */
  fail(code: status, message: string): void {
    if (this.#over || this.#ending !== undefined) return;
    const listener = this.#listener;
    this.end(code, message);
    this.#tell(() => listener?.gone(message));
  }

  /** Runs what is not ours: what it throws, now or later, ends this call only (6.3). */
  #tell(action: () => unknown): void {
    try {
      const result = action();
      if (result instanceof Promise) result.catch((error: unknown) => this.failed(error));
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error: unknown): void {
    this.#host.onFailure(error);
    this.fail(status.INTERNAL, 'internal error');
  }

  /** Hands the call to its handler; its deadline runs. */
  serve(handler: CallHandler, clock: Clock): void {
    const { timeout } = this.#head;
    if (timeout !== undefined) {
      const passed = () => this.fail(status.DEADLINE_EXCEEDED, 'the deadline of the call has passed');
      this.#cancelDeadline = clock.after(Math.min(timeout, longestTimer), passed);
    }
    this.#tell(() => handler(this));
  }

  /** T10: whether something is on its way, and nothing of it has gone for so long. */
  stalled(now: number, limit: number): boolean {
    if (this.#slice === 0 || this.#progress !== this.#seen) {
      this.#seen = this.#progress;
      this.#seenAt = now;
      return false;
    }
    return now - this.#seenAt >= limit;
  }

  // ---

  #read(): void {
    if (this.#reading) return;
    this.#reading = true;
    for (;;) {
      const listener = this.#listener;
      if (listener === undefined || this.#held || this.#inflating) break;
      const inflated = this.#inflated;
      const bytes = inflated ?? this.#deframer.next();
      if (bytes === undefined) {
        this.#readEnd(listener);
        break;
      }
      this.#inflated = undefined;
      if (inflated === undefined && this.#deframer.compressed) this.#inflate(bytes);
      else this.#tell(() => listener.message(bytes));
    }
    this.#reading = false;
  }

  #readEnd(listener: CallListener): void {
    const { violation, partial } = this.#deframer;
    if (violation !== undefined) this.fail(violation.code, violation.message);
    else if (this.#requestEnded && partial) this.fail(status.INTERNAL, 'the request ends within a message');
    else if (this.#requestEnded) {
      this.#requestEnded = false;
      this.#tell(() => listener.halfClosed());
    }
  }

  #inflate(bytes: Uint8Array): void {
    const { encoding } = this.#head;
    if (encoding === undefined) {
      this.fail(status.INTERNAL, 'a message is compressed, but grpc-encoding names no way');
      return;
    }
    this.#inflating = true;
    this.#stream.pause();
    this.#host.inflater.inflate(encoding, bytes, (result) => {
      this.#inflating = false;
      if ('violation' in result) {
        this.fail(result.violation.code, result.violation.message);
        return;
      }
      this.#inflated = result.ok;
      if (!this.#held) this.#stream.resume();
      this.#read();
    });
  }

  #sliceGone(error: Error | undefined): void {
    const gone = this.#slice;
    this.#slice = 0;
    this.#progress += 1;
    if (error !== undefined || this.#frame === undefined) {
      this.#host.turn.release(gone);
      return;
    }
    this.#offset += gone;
    if (this.#offset >= this.#frame.length) this.#frameGone();
    this.#host.turn.release(gone);
    const frame: Uint8Array | undefined = this.#frame;
    if (frame !== undefined) {
      if (this.#slice === 0 && this.#host.turn.take(Math.min(frame.length - this.#offset, sliceSize), this))
        this.writeSlice();
    } else if (this.#ending !== undefined) this.#finish();
  }

  #frameGone(): void {
    const written = this.#written;
    const following = this.#following.shift();
    this.#frame = following?.bytes;
    this.#written = following?.written;
    this.#offset = 0;
    if (written !== undefined) this.#tell(written);
  }

  #finish(): void {
    const { code, message } = this.#ending ?? { code: status.OK, message: '' };
    const stream = this.#stream;
    this.#over = true;
    if (stream.destroyed || stream.closed) return;
    const trailers = {
      'grpc-status': String(code),
      'grpc-message': percentEncode(message.slice(0, longestMessage)),
    };
    try {
      if (this.#responded) {
        stream.once('wantTrailers', () => {
          if (stream.destroyed) return;
          stream.sendTrailers(trailers);
          refuseRest(stream);
        });
        stream.end();
      } else {
        stream.respond({ ...responseHeaders, ...trailers }, { endStream: true });
        refuseRest(stream);
      }
    } catch (error) {
      this.#host.onFailure(error);
      stream.destroy();
    }
  }

  #lost(reason: string): void {
    const listener = this.#listener;
    this.#listener = undefined;
    if (this.#over) return;
    this.#over = true;
    if (listener !== undefined && this.#ending === undefined) this.#tell(() => listener.gone(reason));
  }

  #closed(): void {
    this.#lost('the connection is lost');
    this.#cancelDeadline();
    this.#frame = undefined;
    this.#following.length = 0;
    this.#host.turn.leave(this);
    const held = this.#slice;
    this.#slice = 0;
    if (held > 0) this.#host.turn.release(held);
    this.#host.onClose(this);
  }
}

/**
 * The client may have more to say, which nobody will read: it is told so, after the status (RFC 9113, 8.1). Node sends the reset in the
 * turn in which it is asked to, before what is still to be sent, hence the wait for the next one.
 */
export function refuseRest(stream: ServerHttp2Stream): void {
  setImmediate(() => {
    if (!stream.destroyed && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}
