import { createSecureServer, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

/** The least that a push can cost over node:http2: one write of bytes made before, one read, for each stream. */
export interface FloorServer {
  readonly port: number;
  /** Writes the frame to every stream; resolves when as many messages have come back. */
  push(frame: Buffer): Promise<void>;
  close(): void;
}

/** Starts it; every stream gets the frame once when it opens. */
export async function startFloorServer(
  frame: Buffer,
  certificate?: { readonly certificateChain: string; readonly privateKey: string },
): Promise<FloorServer> {
  const streams = new Set<ServerHttp2Stream>();
  let left = 0;
  let done = () => {};
  const server =
    certificate === undefined
      ? createServer()
      : createSecureServer({ cert: certificate.certificateChain, key: certificate.privateKey, minVersion: 'TLSv1.3' });
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.once('data', () => {
      stream.on('data', () => {
        left -= 1;
        if (left === 0) done();
      });
      stream.write(frame);
      streams.add(stream);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4096, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    push(next) {
      left = streams.size;
      const all = new Promise<void>((resolve) => {
        done = resolve;
      });
      for (const stream of streams) stream.write(next);
      return all;
    },
    close() {
      for (const stream of streams) stream.session?.destroy();
      server.close();
    },
  };
}
