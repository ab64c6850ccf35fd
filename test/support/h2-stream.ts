import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';

/** A gRPC call by hand over HTTP/2, which can stop reading: messages are bytes. */
export interface H2Stream {
  send(message: Uint8Array): void;
  /** Messages that have come and were not taken; taking empties the list. */
  take(): readonly Uint8Array[];
  /** From now on nothing is read, so that flow control holds the server back. */
  stopReading(): void;
  readOn(): void;
  readonly closed: Promise<void>;
}

export interface H2Client {
  readonly session: ClientHttp2Session;
  open(path: string): H2Stream;
  /** Milliseconds that a ping took. */
  ping(): Promise<number>;
  close(): void;
}

/** Connects to a plaintext port of this machine. */
export function connectH2(port: number): H2Client {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  return {
    session,
    open: (path) => openStream(session, path),
    ping: () =>
      new Promise((resolve, reject) => {
        const sent = session.ping((error, milliseconds) => (error === null ? resolve(milliseconds) : reject(error)));
        if (!sent) reject(new Error('no ping may be sent now'));
      }),
    close: () => session.destroy(),
  };
}

function openStream(session: ClientHttp2Session, path: string): H2Stream {
  const stream: ClientHttp2Stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  let buffered: Uint8Array = Buffer.alloc(0);
  let messages: Uint8Array[] = [];
  stream.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (;;) {
      if (buffered.length < 5) return;
      const length = Buffer.from(buffered.subarray(1, 5)).readUInt32BE();
      if (buffered.length < 5 + length) return;
      messages.push(Buffer.from(buffered.subarray(5, 5 + length)));
      buffered = buffered.subarray(5 + length);
    }
  });
  return {
    send(message) {
      const header = Buffer.alloc(5);
      header.writeUInt32BE(message.length, 1);
      stream.write(Buffer.concat([header, message]));
    },
    take() {
      const taken = messages;
      messages = [];
      return taken;
    },
    stopReading: () => stream.pause(),
    readOn: () => stream.resume(),
    closed: new Promise((resolve) => {
      stream.on('close', () => resolve());
    }),
  };
}
