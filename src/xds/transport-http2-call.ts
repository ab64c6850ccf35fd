import { constants, type ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import type { Call, CallHandler, CallListener } from './call.ts';
import type { Clock } from './clock.ts';
import type { CallViolation } from './transport-deframe.ts';
import { MessageReader, type MessageSink, type ReadHost } from './transport-http2-read.ts';
import { FrameWriter } from './transport-http2-write.ts';
import { acceptedEncodings } from './transport-inflate.ts';
import { percentEncode, type RequestHead, textHeaders } from './transport-request.ts';
import type { WriteTurn } from './transport-write-turn.ts';

/** What the calls of one connection share. */
export interface CallHost extends ReadHost {
  readonly peer: string;
  readonly certificate: Uint8Array | undefined;
  readonly turn: WriteTurn;
  /** Why the connection is cut, where we do that. */
  readonly cutReason: string | undefined;
  confirm(many: boolean): void;
  onFailure(error: unknown): void;
  /** The call is over and holds nothing any more. */
  onClose(call: Http2Call): void;
}

/** What a timer of Node takes, in milliseconds. */
const longestTimer = 2 ** 31 - 1;
const lostText = 'the connection is lost';
/** A status message beyond this is cut: trailers have to pass limits for headers. */
export const longestMessage = 4_000;

const responseHeaders = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': acceptedEncodings,
} as const;
const responseOptions = { waitForTrailers: true } as const;

/** A gRPC call on a stream of node:http2. */
export class Http2Call implements Call, MessageSink {
  readonly path: string;
  readonly #stream: ServerHttp2Stream;
  readonly #host: CallHost;
  readonly #head: RequestHead;
  readonly #raw: readonly string[];
  readonly #writer: FrameWriter;
  #reader: MessageReader | undefined;
  #headers: ReadonlyMap<string, readonly string[]> | undefined;
  #listener: CallListener | undefined;
  /** The status to end with, once all is written. */
  #ending: CallViolation | undefined;
  /** Why the call was over without the doing of its handler. */
  #lostReason: string | undefined;
  #responded = false;
  #finished = false;
  #cancelDeadline = () => {};

  constructor(stream: ServerHttp2Stream, head: RequestHead, raw: readonly string[], host: CallHost) {
    this.path = head.path;
    this.#stream = stream;
    this.#head = head;
    this.#raw = raw;
    this.#host = host;
    this.#writer = new FrameWriter(
      stream,
      host.turn,
      (written) => this.#tell(written),
      () => this.#finish(),
    );
    // Where Node itself gives a connection up, its session is destroyed before its streams.
    stream.on('aborted', () => this.#lost(stream.session?.destroyed === false ? 'the client has cancelled' : lostText));
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
    return this.#host.certificate;
  }

  get #over(): boolean {
    return this.#lostReason !== undefined || this.#ending !== undefined;
  }

  /** Bytes that have come and were not read yet. */
  get unread(): number {
    return this.#stream.readableLength;
  }

  confirm(many = false): void {
    this.#host.confirm(many);
  }

  listen(listener: CallListener): void {
    const reason = this.#lostReason;
    // It went while its caller was asked who it is.
    if (reason !== undefined) this.#tell(() => listener.gone(reason));
    if (this.#over) return;
    this.#listener = listener;
    this.#reader = new MessageReader(this.#stream, this.#head.encoding, this.#host, this);
  }

  /** Every ACK comes through here: without a closure. */
  message(bytes: Uint8Array): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    try {
      this.#watch(listener.message(bytes));
    } catch (error) {
      this.#failed(error);
    }
  }

  ended(): void {
    const listener = this.#listener;
    if (listener !== undefined) this.#tell(() => listener.halfClosed());
  }

  violated({ code, message }: CallViolation): void {
    this.fail(code, message);
  }

  pause(): void {
    this.#reader?.pause();
  }

  resume(): void {
    this.#reader?.resume();
  }

  write(frame: Uint8Array, written: () => void): void {
    // A stream that closes under us says `aborted`: its own state needs no look on this path, the hottest there is.
    if (this.#over) return;
    if (!this.#responded) {
      if (this.#stream.destroyed || this.#stream.closed) return;
      this.#responded = true;
      this.#stream.respond(responseHeaders, responseOptions);
    }
    this.#writer.write(frame, written);
  }

  end(code: status, message: string): void {
    if (this.#over) return;
    this.#ending = { code, message };
    this.#listener = undefined;
    this.#reader?.stop();
    this.#finish();
  }

  /** Ends the call without the doing of its handler, whose listener hears of it. */
  fail(code: status, message: string): void {
    if (this.#over) return;
    const listener = this.#listener;
    this.end(code, message);
    this.#lostReason = message;
    if (listener !== undefined) this.#tell(() => listener.gone(message));
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

  /** T10: what was written does not go. */
  stalled(now: number, limit: number): boolean {
    return this.#writer.stalled(now, limit);
  }

  /** Runs what is not ours: what it throws, now or later, ends this call only (6.3). */
  #tell(action: () => unknown): void {
    try {
      this.#watch(action());
    } catch (error) {
      this.#failed(error);
    }
  }

  #watch(result: unknown): void {
    if (result instanceof Promise) result.catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    this.#host.onFailure(error);
    this.fail(status.INTERNAL, 'internal error');
  }

  #finish(): void {
    const ending = this.#ending;
    const stream = this.#stream;
    if (ending === undefined || this.#finished || this.#writer.busy || stream.destroyed || stream.closed) return;
    this.#finished = true;
    const trailers = {
      'grpc-status': String(ending.code),
      'grpc-message': percentEncode(ending.message.slice(0, longestMessage)),
    };
    if (!this.#responded) {
      this.#responded = true;
      answer(stream, { ...responseHeaders, ...trailers });
      return;
    }
    stream.once('wantTrailers', () => {
      // It throws when the client has reset the stream meanwhile, and nobody would catch that here.
      if (stream.destroyed || stream.closed) return;
      stream.sendTrailers(trailers);
      refuseRest(stream);
    });
    stream.end();
  }

  #lost(cause: string): void {
    if (this.#over) return;
    const reason = this.#host.cutReason ?? cause;
    const listener = this.#listener;
    this.#lostReason = reason;
    this.#listener = undefined;
    this.#reader?.stop();
    if (listener !== undefined) this.#tell(() => listener.gone(reason));
  }

  #closed(): void {
    this.#lost(lostText);
    this.#cancelDeadline();
    this.#reader?.stop();
    this.#writer.close();
    this.#host.onClose(this);
  }
}

/** Answers with headers alone; what the client still sends is not read. */
export function answer(stream: ServerHttp2Stream, headers: Readonly<Record<string, string | number>>): void {
  stream.respond(headers, { endStream: true });
  refuseRest(stream);
}

/**
 * The client may have more to say, which nobody will read: it is told so, after the status (RFC 9113, 8.1). Node sends the reset in the
 * turn in which it is asked to, before what is still to be sent, hence the wait for the next one.
 */
function refuseRest(stream: ServerHttp2Stream): void {
  setImmediate(() => {
    if (!stream.destroyed && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}
