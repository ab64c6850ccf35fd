import { frameHeaderBytes, frameType } from './http2-frames.ts';

/** Where frames go. */
export interface FrameSink {
  /** A piece of the payload of DATA: `chunk` from `start` to `end`, good until the call returns. */
  data(chunk: Uint8Array, start: number, end: number): void;
  /** Any other frame, whole. */
  control(type: number, flags: number, number: number, payload: Buffer): void;
}

/**
 * Cuts what a socket reads into frames. Payloads of DATA are handed on where they stand, in as many pieces as there were reads;
 * nothing is put together. `skip` bytes before the first frame are passed over (the preface, on a server).
 */
export function createFrameReader(sink: FrameSink, skip = 0): (chunk: Uint8Array, length: number) => void {
  const header = Buffer.alloc(frameHeaderBytes);
  let inHeader = 0;
  let left = 0;
  let type = 0;
  let flags = 0;
  let payload: Buffer = header;
  let toSkip = skip;

  function ended(): void {
    inHeader = 0;
    if (type !== frameType.data) sink.control(type, flags, header.readUInt32BE(5), payload);
  }

  function begin(): void {
    left = header.readUIntBE(0, 3);
    type = header[3] ?? 0;
    flags = header[4] ?? 0;
    if (type === frameType.data && (flags & 8) !== 0) throw new Error('padded DATA is not understood');
    if (type !== frameType.data) payload = Buffer.alloc(left);
    if (left === 0) ended();
  }

  return (chunk, length) => {
    let at = Math.min(toSkip, length);
    toSkip -= at;
    while (at < length) {
      if (inHeader < frameHeaderBytes) {
        header[inHeader] = chunk[at] ?? 0;
        inHeader += 1;
        at += 1;
        if (inHeader === frameHeaderBytes) begin();
        continue;
      }
      const end = Math.min(at + left, length);
      if (type === frameType.data) sink.data(chunk, at, end);
      else payload.set(chunk.subarray(at, end), payload.length - left);
      left -= end - at;
      at = end;
      if (left === 0) ended();
    }
  };
}
