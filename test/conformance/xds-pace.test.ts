import { status } from '@grpc/grpc-js';
import { expect } from 'vitest';
import { createXdsServer } from '../../src/xds/create-xds-server.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';
import { conformAds, conformAlone } from './conform.ts';
import { nextAcked } from './delta-words.ts';
import { cluster, endpoints, eventually, node } from './xds-fixture.ts';

conformAlone('X10 500 clients come back at once: they are let in at the rate, and all converge', async ({ start }) => {
  const fixture = await start([cluster('a')], { admission: { perSecond: 400, burst: 50, longestWait: 10_000 } });
  const clients = Array.from({ length: 20 }, () => connectRawClient(fixture.server.port));
  const began = performance.now();
  const streams = Array.from({ length: 500 }, (_, index) => {
    const client = clients[index % clients.length] ?? fixture.client;
    const stream = index % 2 === 0 ? client.delta() : client.sotw();
    stream.send({ node: { id: `n${index}` }, typeUrl: clusterType });
    return stream;
  });
  for (const stream of streams) expect((await stream.next(10_000)).resources).toHaveLength(1);
  expect(performance.now() - began).toBeGreaterThan(1_000);
  expect(fixture.server.status()).toHaveLength(500);
  for (const client of clients) client.close();
});

conformAds('X10 who waits too long hears RESOURCE_EXHAUSTED, who gives up makes room', async ({ start }) => {
  const fixture = await start([cluster('a')], { admission: { perSecond: 0.001, burst: 2, longestWait: 300 } });
  const streams = Array.from({ length: 6 }, () => fixture.client.delta());
  for (const stream of streams) stream.send({ node, typeUrl: clusterType });
  const ends = await Promise.all(
    streams.map((stream) =>
      Promise.race([
        stream.next(10_000).then(() => 'served'),
        stream.closed.then(({ code }) => status[code] ?? `${code}`),
      ]).catch(() => 'RESOURCE_EXHAUSTED'),
    ),
  );
  expect(ends.toSorted()).toEqual([...Array(4).fill('RESOURCE_EXHAUSTED'), 'served', 'served']);
  expect(fixture.server.status()).toHaveLength(2);
});

conformAlone('X99 1,000 changes in a second are at most ten pushes, the last of them current', async ({ lane }) => {
  const { transport } = lane;
  const server = await createXdsServer({
    address: '127.0.0.1',
    port: 0,
    credentials: 'plaintext',
    transport,
    quiet: { longest: 300 },
  });
  const client = connectRawClient(server.port);
  server.set([cluster('a')]);
  const stream = client.delta();
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  const pushes: string[] = [];
  let changing = true;
  const reader = (async () => {
    while (changing || pushes.at(-1) !== cluster('a', 1_001).version) {
      const response = await stream.next(2_000);
      pushes.push(response.resources[0]?.version ?? '');
      stream.send({ typeUrl: clusterType, responseNonce: response.nonce });
    }
  })();
  for (let mark = 2; mark <= 1_001; mark += 1) {
    server.set([cluster('a', mark)]);
    if (mark % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 9));
  }
  changing = false;
  await reader;
  expect(pushes.length).toBeLessThanOrEqual(10);
  await stream.silence();
  client.close();
  await server.close();
});

conformAlone('X99 endpoints wait less than anything else', async ({ lane }) => {
  const { transport } = lane;
  const quiet = { quiet: 2_000, endpointsQuiet: 20 };
  const server = await createXdsServer({ address: '127.0.0.1', port: 0, credentials: 'plaintext', transport, quiet });
  const client = connectRawClient(server.port);
  server.set([cluster('a'), endpoints('a')]);
  const stream = client.delta();
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  await nextAcked(stream);
  const changed = performance.now();
  server.set([cluster('a'), endpoints('a', 2)]);
  await nextAcked(stream);
  expect(performance.now() - changed).toBeLessThan(1_500);
  await eventually(() => server.status()[0]?.types[0]?.inFlightSince === undefined, 'it is acknowledged');
  client.close();
  await server.close();
});
