import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Place } from './echo-servers.ts';
import type { SelfSigned } from './self-signed.ts';

/** A server of bytes whose port speaks TLS of its own, or plain bytes, as the caller begins. */
export interface TwoFacedEcho {
  /** Lines that came back, by how their caller spoke. */
  readonly heard: () => Readonly<Record<'plain' | 'tls', number>>;
  close(): void;
}

/** The first byte of a TLS handshake. */
const handshake = 0x16;

/** Starts it: it echoes whatever it hears, and ends when its caller does. */
export async function startTwoFacedEcho({ address, port }: Place, own: SelfSigned): Promise<TwoFacedEcho> {
  const heard = { plain: 0, tls: 0 };
  const open = new Set<Socket>();
  const echo = (socket: Socket, as: keyof typeof heard) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      heard[as] += chunk.filter((byte) => byte === 10).length;
      socket.write(chunk);
    });
  };
  const inner = createTlsServer({ cert: own.certificate, key: own.key }, (socket) => echo(socket, 'tls'));
  inner.on('tlsClientError', () => undefined);
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.once('data', (chunk: Buffer) => {
      // Whoever reads next sees the first bytes, too.
      socket.pause();
      socket.unshift(chunk);
      if (chunk[0] === handshake) {
        inner.emit('connection', socket);
        return;
      }
      echo(socket, 'plain');
      socket.resume();
    });
  });
  server.listen(port, address);
  await once(server, 'listening');
  return {
    heard: () => ({ ...heard }),
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
