import { createServer, type Socket } from 'node:net';
import type { Clock } from './clock.ts';

/** The TCP side of the server: accepts, hands on, and can destroy a connection by the peer address of a call. */
export interface Connections {
  readonly port: number;
  /** The connection has proved itself; its deadline no longer applies. */
  confirm(peer: string): void;
  /** Ends a connection at once and frees what stands in it: the only cure for one that does not read (6.2). */
  destroy(peer: string): void;
  stopAccepting(): void;
  destroyAll(): void;
}

/**
 * Listens, and gives each socket `deadline` milliseconds to reach its first call (reliability.md 6.1, T9): neither Node
 * nor grpc-js ends an idle one in time. Rejects with the error of the socket when the address cannot be had.
 */
export async function acceptConnections(
  options: { readonly address: string; readonly port: number; readonly deadline: number; readonly clock: Clock },
  accept: (socket: Socket) => void,
): Promise<Connections> {
  const open = new Map<string, { readonly socket: Socket; readonly disarm: () => void }>();
  const server = createServer((socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    const disarm = options.clock.after(options.deadline, () => socket.destroy());
    open.set(peer, { socket, disarm });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      disarm();
      if (open.get(peer)?.socket === socket) open.delete(peer);
    });
    socket.setNoDelay(true);
    accept(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.address, port: options.port, backlog: 4096 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : options.port,
    confirm: (peer) => open.get(peer)?.disarm(),
    destroy: (peer) => open.get(peer)?.socket.destroy(),
    stopAccepting: () => {
      server.close();
    },
    destroyAll: () => {
      for (const { socket } of open.values()) socket.destroy();
    },
  };
}
