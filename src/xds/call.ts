import type { status } from '@grpc/grpc-js';

/** What a call brings before anything of it is read. */
export interface CallCredentials {
  /** Text headers, names in lower case; the values of a repeated one are kept apart. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** `address:port`. */
  readonly peer: string;
  /** DER of a client certificate that was asked for, given, and verified against `clientAuthority`; its names are for `authenticate` to judge. */
  readonly certificate: Uint8Array | undefined;
}

/** What happens on a call. A listener may throw: the transport then ends this call with INTERNAL, and no other. */
export interface CallListener {
  /** One message, whole and inflated. The bytes are never changed afterwards. */
  message(bytes: Uint8Array): void;
  /** The client sends no more; it can still be answered. */
  halfClosed(): void;
  /** The call is over without our doing: cancelled, or its connection is lost. Not called after `end`. */
  gone(reason: string): void;
}

/**
 * One gRPC call as messages of bytes: the seam between the protocol and what carries it (performance.md section 2, point 5). A client
 * that does not take what is written loses its connection after a while (T10): the transport sees to that.
 */
export interface Call extends CallCredentials {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Begins to read; nothing is read before. Called once. */
  listen(listener: CallListener): void;
  /** Reads no further messages until `resume`; the client is then held back by flow control. */
  pause(): void;
  resume(): void;
  /**
   * The caller has been accepted: its connection no longer counts as unauthenticated, and its deadline is off (T9). `many`: it opens a stream
   * for each of its resources, so the connection is allowed a thousand (X20).
   */
  confirm(many?: boolean): void;
  /**
   * Sends a message that stands in a frame (frame.ts): five bytes of prefix and the message. Frames are shared between calls and never
   * changed. They leave in order; `written` is called once this one has left the process. Does nothing after the end.
   */
  write(frame: Uint8Array, written: () => void): void;
  /** Ends the call with a status, once what was written has gone; later calls do nothing. */
  end(code: status, message: string): void;
}

/** Serves the calls of one path. It may throw or reject: the transport then ends the call with INTERNAL, and no other. */
export type CallHandler = (call: Call) => unknown;
