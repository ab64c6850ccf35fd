import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/** A program that closes each connection a moment after an answer without having said so, and dies over `/die`. */
interface Hasty {
  readonly server: Server;
  readonly requests: () => number;
  readonly connections: () => number;
}

function startHasty(address: string): Promise<Hasty> {
  let requests = 0;
  let connections = 0;
  const answer = (socket: Socket, head: string) => {
    requests += 1;
    if (head.includes(' /die ')) {
      socket.destroy();
      return;
    }
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhasty\n');
    setTimeout(() => socket.end(), 1);
  };
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => answer(socket, chunk.toString()));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(9080, address, () => resolve({ server, requests: () => requests, connections: () => connections }));
  });
}

let hasty: Hasty;
let client: Member;

const mesh = useTestMesh(
  () => ({ policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'services.yaml': serviceYaml('hasty') } }),
  async (started) => {
    const address = started.nextAddress();
    hasty = await startHasty(address);
    await started.join({ service: 'hasty', address, ports: [{ port: 9080 }] });
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => hasty.server.close());

const to = (method: string, path = '/') => ({
  host: client.address,
  port: mesh().localPort('hasty', 80),
  path,
  method,
});

test('R13: a program may close its connections as it likes: no request fails of 1,000, GET or POST', async () => {
  const statuses: number[] = [];
  const worker = async (method: string) => {
    // A pause about as long as the program waits before it closes: where the connection is used again, a fifth of this fails.
    for (let sent = 0; sent < 125; sent += 1) {
      statuses.push((await fetchOnce(to(method))).status);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    }
  };
  await Promise.all(['GET', 'POST', 'GET', 'POST', 'GET', 'POST', 'GET', 'POST'].map(worker));
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  expect(statuses).toHaveLength(1_000);
  expect([hasty.requests(), hasty.connections()]).toEqual([1_000, 1_000]);
});

test.each(['GET', 'POST'])('R13: a %s over which the program dies reaches it once', async (method) => {
  const before = hasty.requests();
  expect((await fetchOnce(to(method, '/die'))).status).toBe(503);
  expect(hasty.requests() - before).toBe(1);
});
