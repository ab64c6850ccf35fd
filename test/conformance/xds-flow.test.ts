import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { decode, encode } from '../../src/proto/codec.ts';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import { connectH2 } from '../support/h2-stream.ts';
import { connectRawClient, type DeltaStream } from '../support/raw-xds-client.ts';
import { conformAds, conformAlone, conformBoth } from './conform.ts';
import { nextAcked } from './delta-words.ts';
import { servicePath } from './service-paths.ts';
import { cluster, endpoints, eventually, node } from './xds-fixture.ts';

const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const connections = process.env.WEFT_LONG === '1' ? 10_000 : 1_000;

/** A full garbage collection, without a flag on the command line. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

function bulky(name: string, mark: number): Resource {
  const value = Buffer.alloc(50_000, mark % 250);
  value.writeUInt32BE(mark, 100);
  return createResource({ typeUrl: endpointType, name, value });
}

conformBoth('X21 one response in flight, then the newest state, and then nothing', async ({ start }) => {
  const fixture = await start([endpoints('a'), endpoints('b')]);
  const peer = fixture.peer(endpointType);
  peer.ask(['a', 'b']);
  const first = await peer.next();
  for (let mark = 2; mark < 100; mark += 1) fixture.set([endpoints('a', mark), endpoints('b', mark)]);
  await peer.silence();
  peer.ack(first);
  const second = await peer.take();
  expect(second.values.get('a')).toBe(Buffer.from(endpoints('a', 99).value).toString('hex'));
  await peer.silence();
});

conformAlone(
  'X21 INV10 a client stops reading for 1,000 updates: memory is bounded, then two responses',
  async (lab) => {
    const fixture = await lab.start([bulky('a', 0)]);
    const client = connectH2(fixture.server.port);
    const streams = Array.from({ length: 20 }, () => client.open(path));
    const send = (request: Parameters<typeof encode<typeof DeltaDiscoveryRequestSchema>>[1]) =>
      encode(DeltaDiscoveryRequestSchema, request);
    for (const stream of streams) {
      stream.stopReading();
      stream.send(send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] }));
    }
    const { server } = fixture;
    await eventually(() => server.status().length === streams.length, 'all streams are open');
    const before = process.memoryUsage();
    for (let mark = 1; mark <= 1_000; mark += 1) {
      fixture.set([bulky('a', mark)]);
      if (mark % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const after = process.memoryUsage();
    const grown = (after.rss - before.rss + after.external - before.external) / 2 ** 20;
    console.log(`X21: 20 streams that do not read, 1,000 updates of 50 kB (1 GB in all): ${grown.toFixed(0)} MiB more`);
    expect(grown).toBeLessThan(200);
    const seen = streams.map((): number[] => []);
    for (const stream of streams) stream.readOn();
    await eventually(() => {
      for (const [index, stream] of streams.entries())
        for (const bytes of stream.take()) {
          const { nonce, resources } = decode(DeltaDiscoveryResponseSchema, bytes);
          seen[index]?.push(Buffer.from(resources[0]?.resource?.value ?? []).readUInt32BE(100));
          stream.send(send({ typeUrl: endpointType, responseNonce: nonce }));
        }
      return seen.every((marks) => marks.at(-1) === 1_000);
    }, 'every stream has the newest');
    for (const marks of seen) expect(marks.length).toBeLessThanOrEqual(2);
    client.close();
  },
);

async function pushTimes(streams: readonly DeltaStream[], push: () => void): Promise<readonly number[]> {
  const sent = performance.now();
  push();
  return Promise.all(
    streams.map(async (stream) => {
      await nextAcked(stream);
      return performance.now() - sent;
    }),
  );
}

const at = (times: readonly number[], share: number) =>
  times.toSorted((one, other) => one - other)[Math.floor(times.length * share)] ?? 0;

conformAlone('X22 one client that hangs and 99 that live: their p99 stays', async ({ start }) => {
  const fixture = await start([bulky('a', 0)]);
  const { client, server, set } = fixture;
  const streams = Array.from({ length: 99 }, () => client.delta());
  for (const stream of streams) stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  for (const stream of streams) await nextAcked(stream);
  let mark = 0;
  const round = async (count: number) => {
    const times: number[] = [];
    for (let index = 0; index < count; index += 1) {
      mark += 1;
      times.push(...(await pushTimes(streams, () => set([bulky('a', mark)]))));
    }
    return at(times, 0.99);
  };
  await round(5);
  const alone = await round(10);
  const frozen = connectH2(server.port);
  const hanging = frozen.open(path);
  hanging.stopReading();
  hanging.send(encode(DeltaDiscoveryRequestSchema, { node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] }));
  await eventually(() => server.status().length === 100, 'the frozen stream is open');
  const beside = await round(10);
  console.log(`X22: p99 of a push to 99 clients ${alone.toFixed(0)} ms, beside one that hangs ${beside.toFixed(0)} ms`);
  expect(beside).toBeLessThan(Math.max(3 * alone, alone + 200));
  frozen.close();
});

conformAds('X20 two hundred streams on one connection', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const streams = Array.from({ length: 200 }, (_, index) => ({ index, stream: fixture.client.delta() }));
  for (const { index, stream } of streams) stream.send({ node: { id: `n${index}` }, typeUrl: clusterType });
  for (const { stream } of streams) expect((await nextAcked(stream)).resources).toHaveLength(1);
  const { server } = fixture;
  expect(new Set(server.status().map(({ peer }) => peer)).size).toBe(1);
  fixture.set([cluster('a', 2)]);
  for (const { stream } of streams) expect((await nextAcked(stream)).resources).toHaveLength(1);
});

conformAds('X20 a client that does not aggregate has a thousand streams on one connection', async ({ start }) => {
  const names = Array.from({ length: 1_000 }, (_, index) => `s${index}`);
  const { client, server, set } = await start([cluster('a'), ...names.map((name) => endpoints(name))]);
  const first = client.stream(servicePath(clusterType, 'delta'), 'delta');
  first.send({ node });
  await nextAcked(first);
  const streams = names.map((name) => ({ name, stream: client.stream(servicePath(endpointType, 'delta'), 'delta') }));
  for (const { name, stream } of streams) stream.send({ node, resourceNamesSubscribe: [name] });
  for (const { stream } of streams) expect((await nextAcked(stream)).resources).toHaveLength(1);
  expect(server.status()).toHaveLength(1_001);
  expect(new Set(server.status().map(({ peer }) => peer)).size).toBe(1);
  set([cluster('a'), ...names.map((name) => endpoints(name, 2))]);
  for (const { stream } of streams) expect((await nextAcked(stream)).resources).toHaveLength(1);
  // Those that go all at once are no flood.
  for (const { stream } of streams) stream.cancel();
  await eventually(() => server.status().length === 1, 'the streams are gone');
  set([cluster('a', 2)]);
  expect((await nextAcked(first)).resources).toHaveLength(1);
});

conformAds('X16 a client that pings every 50 ms keeps its stream', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const client = connectH2(fixture.server.port);
  const stream = client.open(path);
  stream.send(encode(DeltaDiscoveryRequestSchema, { node, typeUrl: clusterType }));
  await eventually(() => fixture.server.status().length === 1, 'the stream is open');
  for (let count = 0; count < 30; count += 1) {
    await client.ping();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(stream.take()).toHaveLength(1);
  fixture.set([cluster('a', 2)]);
  expect(fixture.server.status()).toHaveLength(1);
  expect(client.session.closed).toBe(false);
  client.close();
});

conformAlone(
  `X11 streams come and go on ${connections} connections, and nothing is left of them`,
  async ({ start }) => {
    // Nothing is noted, so that the notes of the test are not taken for a leak.
    const fixture = await start([cluster('a')], { observe: () => {} });
    const { server, watchers } = fixture;
    const vanish = async (index: number) => {
      const client = connectH2(server.port);
      const stream = client.open(path);
      stream.send(encode(DeltaDiscoveryRequestSchema, { node: { id: `n${index}` }, typeUrl: clusterType }));
      await eventually(() => stream.take().length === 1, 'the first response');
      client.close();
    };
    const visit = async (index: number) => {
      if (index % 3 === 2) return vanish(index);
      const client = connectRawClient(server.port);
      const stream = index % 2 === 0 ? client.delta() : client.sotw();
      stream.send({ node: { id: `n${index}` }, typeUrl: clusterType });
      await stream.next(20_000);
      if (index % 3 === 0) {
        stream.halfClose();
        await stream.closed;
      } else stream.cancel();
      client.close();
      return undefined;
    };
    const visits = async (count: number) => {
      for (let done = 0; done < count; done += 20)
        await Promise.all(Array.from({ length: 20 }, (_, index) => visit(done + index)));
      await eventually(() => server.status().length + watchers() === 0, 'every stream is freed');
    };
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    await visits(200);
    collect();
    const before = { heap: process.memoryUsage().heapUsed, timers: timers() };
    await visits(connections);
    collect();
    const heap = (process.memoryUsage().heapUsed - before.heap) / 2 ** 20;
    console.log(`X11: after ${connections} connections the heap is ${heap.toFixed(1)} MiB larger, ${timers()} timers`);
    await eventually(() => timers() <= before.timers + 20, 'timers are back');
    // A leak of 10 KiB per stream would be 10 MiB of 1,000.
    expect(heap).toBeLessThan(6);
  },
);

conformAlone('X18 a first request with 60,000 versions is read', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const stream = fixture.client.delta();
  const initialResourceVersions = Object.fromEntries(
    Array.from({ length: 60_000 }, (_, index) => [
      `outbound|80||service-${index}.namespace.svc.cluster.local/${'x'.repeat(40)}`,
      `v${index}`,
    ]),
  );
  stream.send({ node, typeUrl: clusterType, initialResourceVersions });
  expect((await stream.next(20_000)).resources).toHaveLength(1);
});
