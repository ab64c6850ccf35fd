import { gunzip, inflate } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { type CallViolation, tooLarge } from './transport-deframe.ts';

/** Encodings that a message may come in, besides `identity`. */
export type MessageEncoding = 'gzip' | 'deflate';

/** For `grpc-accept-encoding`. */
export const acceptedEncodings = 'identity,gzip,deflate';

/** Inflates messages, a few at a time, off the event loop: a bomb costs a thread some milliseconds and ends its call (T7). */
export interface Inflater {
  inflate(
    encoding: MessageEncoding,
    bytes: Uint8Array,
    done: (result: { readonly ok: Uint8Array } | { readonly violation: CallViolation }) => void,
  ): void;
}

/** At once: bounds what bombs can hold together, and leaves threads of Node's pool (four) to others. */
const width = 2;

/** Creates one for a server; `limit`: bytes of a message after inflation. */
export function createInflater(limit: number): Inflater {
  const waiting: (() => void)[] = [];
  let running = 0;
  const next = (): void => {
    if (running >= width) return;
    const start = waiting.shift();
    if (start === undefined) return;
    running += 1;
    start();
  };
  return {
    inflate(encoding, bytes, done) {
      waiting.push(() => {
        const method = encoding === 'gzip' ? gunzip : inflate;
        method(bytes, { maxOutputLength: limit, chunkSize: 64 * 1024 }, (error, result) => {
          running -= 1;
          next();
          if (error === null) done({ ok: result });
          else if ('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') done({ violation: tooLarge(limit) });
          else
            done({ violation: { code: status.INTERNAL, message: `a message is not ${encoding}: ${error.message}` } });
        });
      });
      next();
    },
  };
}
