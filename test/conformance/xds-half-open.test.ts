import { connect, createServer, type Socket } from 'node:net';
import { expect } from 'vitest';
import { clusterType } from '../../src/xds/resource-types.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';
import { conformAds } from './conform.ts';
import { nextAcked } from './delta-words.ts';
import { cluster, eventually, node } from './xds-fixture.ts';

/** A cable that can be cut without a word: from then on nothing passes, and nobody is told. */
async function cable(to: number) {
  const sockets: Socket[] = [];
  let cut = false;
  const server = createServer((socket) => {
    const onward = connect(to, '127.0.0.1');
    for (const [from, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.push(from);
      from.on('data', (bytes) => {
        if (!cut) other.write(bytes);
      });
      from.on('error', () => {});
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    cut: () => {
      cut = true;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

conformAds(
  'X15 a peer that vanishes without a word is noticed by keepalive, and its stream freed',
  async ({ start }) => {
    const fixture = await start([cluster('a')], { connection: { keepaliveTime: 200, keepaliveTimeout: 200 } });
    const { server, watchers, client } = fixture;
    const between = await cable(server.port);
    const far = connectRawClient(between.port);
    const lost = far.delta();
    const near = client.delta();
    for (const stream of [lost, near]) {
      stream.send({ node, typeUrl: clusterType });
      await nextAcked(stream);
    }
    // Both outlive their keepalive while it is answered.
    await near.silence(600);
    expect(server.status()).toHaveLength(2);
    between.cut();
    await eventually(() => server.status().length === 1 && watchers() === 1, 'the lost stream is freed');
    fixture.set([cluster('a', 2)]);
    expect((await nextAcked(near)).resources).toHaveLength(1);
    between.close();
    far.close();
  },
);
