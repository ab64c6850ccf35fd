import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Place } from './echo-servers.ts';
import type { SelfSigned } from './self-signed.ts';

/** A server of bytes whose port speaks TLS of its own, or plain bytes, as the caller begins. */
export interface TwoFacedEcho {
  /** Lines that came back, by how their caller spoke. */
  readonly heard: () => Readonly<Record<'plain' | 'tls', number>>;
  /** Connections that said something. */
  readonly connections: () => number;
  close(): void;
}

/** The first byte of a TLS handshake. */
const handshake = 0x16;

/** Starts it: it echoes whatever it hears, and closes when its caller does. */
export async function startTwoFacedEcho({ address, port }: Place, own: SelfSigned): Promise<TwoFacedEcho> {
  const heard = { plain: 0, tls: 0 };
  let connections = 0;
  const open = new Set<Socket>();
  const echo = (socket: Socket, as: keyof typeof heard) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      heard[as] += chunk.filter((byte) => byte === 10).length;
      socket.write(chunk);
    });
    socket.on('end', () => socket.end());
  };
  const inner = createTlsServer({ cert: own.certificate, key: own.key }, (socket) => echo(socket, 'tls'));
  inner.on('tlsClientError', () => undefined);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.once('data', (chunk: Buffer) => {
      connections += 1;
      const isTls = chunk[0] === handshake;
      // Whoever reads next sees the first bytes, too.
      socket.pause();
      socket.unshift(chunk);
      if (isTls) inner.emit('connection', socket);
      else echo(socket, 'plain');
      if (!isTls) socket.resume();
    });
    socket.once('end', () => {
      if (!socket.writableEnded && socket.bytesRead === 0) socket.end();
    });
  });
  server.listen(port, address);
  await once(server, 'listening');
  return {
    heard: () => ({ ...heard }),
    connections: () => connections,
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
