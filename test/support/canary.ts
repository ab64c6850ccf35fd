import { once } from 'node:events';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { SelfSigned } from './self-signed.ts';

/** A server that nobody is to reach, on one port over TLS and without: it counts who tries. */
export interface Canary {
  readonly connections: () => number;
  /** Of them, those that said something that it understood. */
  readonly requests: () => number;
  close(): void;
}

/** The first byte of a TLS handshake; no method of HTTP begins with it. */
const handshake = 0x16;

/** Starts it with a certificate of its own; whoever asks is answered. */
export async function startCanary(
  where: { readonly address: string; readonly port: number },
  { certificate, key }: SelfSigned,
  answer: (response: ServerResponse) => void,
): Promise<Canary> {
  let [connections, requests] = [0, 0];
  const asked = (_request: unknown, response: ServerResponse) => {
    requests += 1;
    answer(response);
  };
  const plain = createHttpServer(asked);
  const secure = createTlsServer({ cert: certificate, key }, asked).on('tlsClientError', () => undefined);
  const open = new Set<Socket>();
  const server = createServer((near) => {
    connections += 1;
    near.once('data', (first) => {
      const { port } = (first[0] === handshake ? secure : plain).address() as AddressInfo;
      const far = connect(port, '127.0.0.1');
      far.write(first);
      near.pipe(far).pipe(near);
      hold(far);
    });
    hold(near);
  });
  const hold = (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => open.delete(socket));
  };
  const listening = [
    plain.listen(0, '127.0.0.1'),
    secure.listen(0, '127.0.0.1'),
    server.listen(where.port, where.address),
  ];
  await Promise.all(listening.map((each) => once(each, 'listening')));
  return {
    connections: () => connections,
    requests: () => requests,
    close() {
      for (const socket of open) socket.destroy();
      for (const each of listening) each.close();
    },
  };
}
