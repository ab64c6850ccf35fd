import type { ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { type CallViolation, Deframer } from './transport-deframe.ts';
import type { Inflater, MessageEncoding } from './transport-inflate.ts';

/** What reading shares between the calls of a connection. */
export interface ReadHost {
  readonly receiveLimit: number;
  readonly inflater: Inflater;
  /** So many bytes of messages have come. */
  received(bytes: number): void;
  /** So many more bytes are kept of messages that are not whole (fewer: negative). False when that is too much for one connection. */
  keep(bytes: number): boolean;
}

/** Who is told. None of these throws. */
export interface MessageSink {
  message(bytes: Uint8Array): void;
  /** The client has sent all, in whole messages. */
  ended(): void;
  violated(violation: CallViolation): void;
}

/** Reads the messages of a stream in order: one that is compressed holds back those after it. */
export class MessageReader {
  readonly #stream: ServerHttp2Stream;
  readonly #encoding: MessageEncoding | undefined;
  readonly #host: ReadHost;
  readonly #sink: MessageSink;
  readonly #deframer: Deframer;
  #paused = false;
  #inflating = false;
  #cancelInflation = () => {};
  /** A message that was compressed, and is the next one to be told. */
  #inflated: Uint8Array | undefined;
  #reading = false;
  #ended = false;
  #stopped = false;
  #kept = 0;

  constructor(stream: ServerHttp2Stream, encoding: MessageEncoding | undefined, host: ReadHost, sink: MessageSink) {
    this.#stream = stream;
    this.#encoding = encoding;
    this.#host = host;
    this.#sink = sink;
    this.#deframer = new Deframer(host.receiveLimit);
    stream.on('data', (chunk: Buffer) => {
      this.#host.received(chunk.length);
      this.#deframer.push(chunk);
      this.#read();
    });
    stream.on('end', () => {
      this.#ended = true;
      this.#read();
    });
  }

  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (!this.#inflating) this.#stream.resume();
    this.#read();
  }

  /** Nothing is told any more, and nothing is kept. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelInflation();
    this.#cancelInflation = () => {};
    this.#inflated = undefined;
    this.#keep(0);
    this.#deframer.clear();
    if (!this.#stream.destroyed) this.#stream.resume();
  }

  #read(): void {
    // Who is told may pause and resume meanwhile: one loop at a time keeps the order.
    if (this.#reading) return;
    this.#reading = true;
    while (!this.#stopped && !this.#paused && !this.#inflating && this.#readOne());
    this.#reading = false;
  }

  #readOne(): boolean {
    const inflated = this.#inflated;
    if (inflated !== undefined) {
      this.#inflated = undefined;
      this.#sink.message(inflated);
      return true;
    }
    const bytes = this.#deframer.next();
    if (bytes === undefined) {
      this.#readEnd();
      return false;
    }
    if (this.#deframer.compressed) this.#inflate(bytes);
    else this.#sink.message(bytes);
    return true;
  }

  #readEnd(): void {
    const { violation, partial, held } = this.#deframer;
    if (violation !== undefined) this.#violated(violation);
    else if (!this.#keep(held))
      this.#violated({ code: status.RESOURCE_EXHAUSTED, message: 'too many unfinished messages on one connection' });
    else if (this.#ended && partial)
      this.#violated({ code: status.INTERNAL, message: 'the request ends within a message' });
    else if (this.#ended) {
      this.#ended = false;
      this.#sink.ended();
    }
  }

  #inflate(bytes: Uint8Array): void {
    const encoding = this.#encoding;
    if (encoding === undefined) {
      this.#violated({ code: status.INTERNAL, message: 'a message is compressed, but grpc-encoding does not say how' });
      return;
    }
    this.#inflating = true;
    this.#stream.pause();
    if (!this.#keep(bytes.length)) {
      this.#violated({ code: status.RESOURCE_EXHAUSTED, message: 'too many unfinished messages on one connection' });
      return;
    }
    this.#cancelInflation = this.#host.inflater.inflate(this.#host, encoding, bytes, (result) => {
      this.#cancelInflation = () => {};
      if (this.#stopped) return;
      this.#inflating = false;
      if ('violation' in result) {
        this.#violated(result.violation);
        return;
      }
      this.#inflated = result.ok;
      if (!this.#paused) this.#stream.resume();
      this.#read();
    });
  }

  #violated(violation: CallViolation): void {
    this.stop();
    this.#sink.violated(violation);
  }

  #keep(bytes: number): boolean {
    const more = bytes - this.#kept;
    if (more === 0) return true;
    this.#kept = bytes;
    return this.#host.keep(more);
  }
}
