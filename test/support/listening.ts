import type { AddressInfo, Server } from 'node:net';

/** A server that listens on a free port of loopback, and how it ends with all its connections. */
export async function listenOnLoopback(server: Server): Promise<{ readonly port: number; readonly close: () => void }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function')
      server.closeAllConnections();
  };
  const { port } = server.address() as AddressInfo;
  return { port, close };
}
