import type { ClientHttp2Session } from 'node:http2';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { grpcPrefixed } from '../../bench/support/http2-frames.ts';

/** A gRPC call of which the test says every byte. */
export interface GrpcStream {
  /** Bytes as they are: prefix and message, or parts of them. */
  send(bytes: Uint8Array): void;
  /** The next message of the server. */
  message(): Promise<Uint8Array>;
  /** Refuses a DeltaDiscoveryResponse. */
  refuse(response: Uint8Array, typeUrl: string): void;
  /** `grpc-status`; undefined when the stream was reset or the connection is lost. */
  readonly ended: Promise<string | undefined>;
  halfClose(): void;
  cancel(): void;
}

/** Opens one; `headers` beside or in place of the usual ones. */
export function openGrpc(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): GrpcStream {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  let status: string | undefined;
  let buffered: Uint8Array = new Uint8Array(0);
  const messages: Uint8Array[] = [];
  const waiting: ((message: Uint8Array) => void)[] = [];
  const note = (fields: Readonly<Record<string, unknown>>): void => {
    const given = fields['grpc-status'];
    if (typeof given === 'string') status = given;
  };
  stream.on('error', () => {});
  stream.on('response', note);
  stream.on('trailers', note);
  stream.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 5) {
      const length = new DataView(buffered.buffer, buffered.byteOffset).getUint32(1);
      if (buffered.length < 5 + length) return;
      const whole = buffered.subarray(5, 5 + length);
      buffered = buffered.subarray(5 + length);
      const next = waiting.shift();
      if (next === undefined) messages.push(whole);
      else next(whole);
    }
  });
  const send = (bytes: Uint8Array): void => {
    if (!stream.destroyed && !stream.closed && stream.writable) stream.write(bytes);
  };
  return {
    send,
    message: () =>
      new Promise((resolve) => {
        const ready = messages.shift();
        if (ready === undefined) waiting.push(resolve);
        else resolve(ready);
      }),
    refuse(response, typeUrl) {
      const request = new BinaryWriter().tag(2, WireType.LengthDelimited).string(typeUrl);
      request.tag(6, WireType.LengthDelimited).string(nonceOf(response));
      const error = new BinaryWriter().tag(2, WireType.LengthDelimited).string('no').finish();
      send(grpcPrefixed(request.tag(7, WireType.LengthDelimited).bytes(error).finish()));
    },
    ended: new Promise((resolve) => {
      stream.on('close', () => resolve(status));
    }),
    halfClose: () => stream.end(),
    cancel: () => stream.close(8),
  };
}

function nonceOf(response: Uint8Array): string {
  const reader = new BinaryReader(response);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 5) return reader.string();
    reader.skip(type, field);
  }
  return '';
}
