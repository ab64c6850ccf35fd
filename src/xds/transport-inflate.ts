import { gunzip, inflate } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { type CallViolation, tooLarge } from './transport-deframe.ts';

/** Encodings that a message may come in, besides `identity`. */
export type MessageEncoding = 'gzip' | 'deflate';

/** For `grpc-accept-encoding`. */
export const acceptedEncodings = 'identity,gzip,deflate';

/** Inflates messages, a few at a time, off the event loop: a bomb costs a thread some milliseconds and ends its call (T7). */
export interface Inflater {
  /**
   * Messages of one `connection` wait for each other, not those of others for all of them. The answer cancels: what has not begun is
   * forgotten. What has begun takes its milliseconds, and `done` hears of that.
   */
  inflate(
    connection: object,
    encoding: MessageEncoding,
    bytes: Uint8Array,
    done: (result: { readonly ok: Uint8Array } | { readonly violation: CallViolation }) => void,
  ): () => void;
}

/** At once: bounds what bombs can hold together, and leaves threads of Node's pool (four) to others. */
const width = 2;

/** Creates one for a server; `limit`: bytes of a message after inflation. */
export function createInflater(limit: number): Inflater {
  /** What waits, by connection; the connection whose turn it is comes first. */
  const waiting = new Map<object, Set<() => void>>();
  let running = 0;
  const forget = (connection: object, start: () => void): void => {
    const others = waiting.get(connection);
    if (others?.delete(start) === true && others.size === 0) waiting.delete(connection);
  };
  const next = (): void => {
    if (running >= width) return;
    for (const [connection, starts] of waiting)
      for (const start of starts) {
        forget(connection, start);
        // Its others wait until each connection has had a turn.
        if (waiting.delete(connection)) waiting.set(connection, starts);
        running += 1;
        start();
        return;
      }
  };
  return {
    inflate(connection, encoding, bytes, done) {
      const start = (): void => {
        const method = encoding === 'gzip' ? gunzip : inflate;
        method(bytes, { maxOutputLength: limit, chunkSize: 64 * 1024 }, (error, result) => {
          running -= 1;
          next();
          if (error === null) done({ ok: result });
          else if ('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') done({ violation: tooLarge(limit) });
          else
            done({ violation: { code: status.INTERNAL, message: `a message is not ${encoding}: ${error.message}` } });
        });
      };
      const starts = waiting.get(connection);
      if (starts === undefined) waiting.set(connection, new Set([start]));
      else starts.add(start);
      next();
      return () => forget(connection, start);
    },
  };
}
