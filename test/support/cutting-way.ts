import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

/** A way through TCP that ends a connection where something comes back on it while `cuts` says so: what was asked is done, the answer is lost. */
export async function startCuttingWay(port: number, cuts: () => boolean) {
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    const end = () => {
      near.destroy();
      far.destroy();
    };
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes) => (cuts() ? end() : near.write(bytes)));
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = server.address() as AddressInfo;
  return { port: own, close: () => server.close() };
}
