import { createServer } from 'node:net';

/**
 * Claims a name of this machine until it is let go, or the process ends: a socket without a file. Its names are those of the network that
 * the addresses are of, for all users alike, and the kernel takes it back with its process. Undefined where another process has it.
 */
export function claimName(name: string): Promise<(() => void) | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ path: `\0weft/${name}` }, () => {
      server.unref();
      resolve(() => void server.close());
    });
  });
}
