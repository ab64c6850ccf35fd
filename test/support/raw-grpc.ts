import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';

/** A gRPC call on a session of node:http2, made by hand: any headers, any bytes. */
export interface RawCall {
  readonly stream: ClientHttp2Stream;
  /** The messages that came, as they came. */
  readonly messages: Buffer[];
  send(message: Uint8Array | string, compressed?: boolean): void;
  /** How it ended: HTTP status, gRPC status and message, and the code of a reset. */
  readonly ended: Promise<Ended>;
}

export interface Ended {
  readonly http: number;
  readonly code: number | undefined;
  readonly message: string | undefined;
  readonly reset: number;
  /** The status came with the headers, as the only frame. */
  readonly trailersOnly: boolean;
}

/** Five bytes and a message. */
export function framed(message: Uint8Array | string, compressed = false): Buffer {
  const bytes = Buffer.from(message);
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** Opens a call. `read: false` takes nothing of the answer. */
export function callRaw(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
  options: { readonly endStream?: boolean; readonly read?: boolean } = {},
): RawCall {
  const { endStream = false, read = true } = options;
  const stream = session.request(
    { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers },
    { endStream },
  );
  const messages: Buffer[] = [];
  let rest = Buffer.alloc(0);
  let http = 0;
  let code: number | undefined;
  let message: string | undefined;
  let trailersOnly = false;
  const take = (found: Readonly<Record<string, unknown>>): void => {
    if (found['grpc-status'] === undefined) return;
    code = Number(found['grpc-status']);
    message = decodeURIComponent(String(found['grpc-message'] ?? ''));
  };
  stream.on('error', () => {});
  stream.on('response', (response) => {
    http = Number(response[':status']);
    take(response);
    trailersOnly = code !== undefined;
  });
  stream.on('trailers', take);
  if (read)
    stream.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1);
        messages.push(rest.subarray(5, end));
        rest = rest.subarray(end);
      }
    });
  // A server may leave it to the client to close its side.
  stream.on('end', () => stream.close());
  const ended = new Promise<Ended>((resolve) => {
    stream.on('close', () => resolve({ http, code, message, reset: stream.rstCode, trailersOnly }));
  });
  return { stream, messages, ended, send: (bytes, compressed) => stream.write(framed(bytes, compressed)) };
}

/** A frame of HTTP/2, by hand. */
export function http2Frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A HEADERS frame of a gRPC request, by the static table of HPACK. */
export function requestFrame(stream: number, path: string, flags: number): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
  const block = [
    [Buffer.of(0x83, 0x86, 0x44), text(path)],
    [Buffer.of(0x41), text('weft')],
    [Buffer.of(0x5f), text('application/grpc')],
  ].flat();
  return http2Frame(1, flags, stream, Buffer.concat(block));
}

/** What a client of HTTP/2 begins with: the preface and empty settings. */
export const http2Preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), http2Frame(4, 0, 0)]);
