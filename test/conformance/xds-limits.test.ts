import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { Client, credentials, status } from '@grpc/grpc-js';
import { expect } from 'vitest';
import { encode } from '../../src/proto/codec.ts';
import { DeltaDiscoveryRequestSchema } from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { createResource, encodeCounter } from '../../src/xds/resource.ts';
import { clusterType, endpointType, routeType, secretType } from '../../src/xds/resource-types.ts';
import { conformAds, conformAlone } from './conform.ts';
import { nextAcked } from './delta-words.ts';
import { cluster, endpoints, eventually, node } from './xds-fixture.ts';

conformAds(
  'T8 giant names, too many names and giant metadata are RESOURCE_EXHAUSTED on that stream only',
  async ({ start }) => {
    const fixture = await start([cluster('a')]);
    const bystander = fixture.client.delta();
    bystander.send({ node, typeUrl: clusterType });
    await nextAcked(bystander);
    const many = Array.from({ length: 100_001 }, (_, index) => `${index}`);
    const bombs = [
      { node, typeUrl: endpointType, resourceNamesSubscribe: ['x'.repeat(1025)] },
      { node, typeUrl: endpointType, resourceNamesSubscribe: many },
      { node: { id: 'n', metadata: { big: 'x'.repeat(65 * 1024) } }, typeUrl: clusterType },
      {
        node: { id: 'n', metadata: Object.fromEntries(many.slice(0, 257).map((key) => [key, 1])) },
        typeUrl: clusterType,
      },
    ];
    for (const bomb of bombs) {
      const stream = fixture.client.delta();
      stream.send(bomb);
      expect((await stream.closed).code).toBe(status.RESOURCE_EXHAUSTED);
    }
    fixture.set([cluster('a', 2)]);
    expect((await nextAcked(bystander)).resources).toHaveLength(1);
  },
);

conformAds('T8 X69 a name that is asked for again counts once', async ({ start }) => {
  const { client } = await start([endpoints('n1')], { limits: { names: 1_000 } });
  const names = Array.from({ length: 600 }, (_, index) => `n${index}`);
  const stream = client.delta();
  const ask = (resourceNamesSubscribe: readonly string[]) =>
    stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: [...resourceNamesSubscribe] });
  for (let count = 0; count < 2; count += 1) {
    ask(names);
    const { resources, removedResources } = await nextAcked(stream);
    expect(resources.length + removedResources.length).toBe(600);
  }
  ask([...names.map((name) => `${name}-other`)]);
  expect((await stream.closed).code).toBe(status.RESOURCE_EXHAUSTED);
});

/** What `limits.subscribedBytes` counts for names of so many bytes. */
const counted = (count: number, bytes: number) => count * (bytes + 128);
const tooMuch = (limit: number) => ({
  code: status.RESOURCE_EXHAUSTED,
  details: `the names that the streams of this connection subscribe to count more than ${limit} bytes (limits.subscribedBytes)`,
});

conformAds(
  'T8 all names of a connection are counted together in bytes; what it drops is free again',
  async ({ start }) => {
    const limit = counted(5, 8);
    const fixture = await start([endpoints('watched!')], { limits: { subscribedBytes: limit } });
    const bystander = fixture.client.delta();
    bystander.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['watched!'] });
    await nextAcked(bystander);
    const stream = fixture.client.delta();
    stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['eight-01', 'eight-02', 'eight-01'] });
    await nextAcked(stream);
    const another = fixture.client.delta();
    another.send({ node, typeUrl: routeType, resourceNamesSubscribe: ['eight-01', 'eight-02'] });
    await nextAcked(another);
    // Asked for again, and exchanged: no more than before.
    stream.send({ typeUrl: endpointType, resourceNamesSubscribe: ['eight-02'] });
    await nextAcked(stream);
    stream.send({ typeUrl: endpointType, resourceNamesUnsubscribe: ['eight-01', 'unknown'] });
    stream.send({ typeUrl: routeType, resourceNamesSubscribe: ['eight-03'] });
    await nextAcked(stream);
    another.cancel();
    await eventually(() => fixture.server.status().length === 2, 'the other stream is gone');
    stream.send({ typeUrl: routeType, resourceNamesSubscribe: ['eight-01', 'eight-02'] });
    await nextAcked(stream);
    stream.send({ typeUrl: secretType, resourceNamesSubscribe: ['x'] });
    expect(await stream.closed).toEqual(tooMuch(limit));
    fixture.set([endpoints('watched!', 2)]);
    expect((await nextAcked(bystander)).resources).toHaveLength(1);
  },
);

conformAds('T8 in SotW a list counts in place of the one before', async ({ start }) => {
  const limit = counted(4, 8);
  const fixture = await start([endpoints('eight-01'), endpoints('eight-05')], { limits: { subscribedBytes: limit } });
  const stream = fixture.client.sotw();
  const listed = ['eight-01', 'eight-02', 'eight-03'];
  stream.send({ node, typeUrl: endpointType, resourceNames: listed });
  const first = await stream.next();
  const acknowledged = { typeUrl: endpointType, versionInfo: first.versionInfo, responseNonce: first.nonce };
  for (let round = 0; round < 3; round += 1) stream.send({ ...acknowledged, resourceNames: listed });
  stream.send({ ...acknowledged, resourceNames: ['eight-04', 'eight-05', 'eight-06', 'eight-07'] });
  const { versionInfo, nonce } = await stream.next();
  stream.send({ typeUrl: endpointType, versionInfo, responseNonce: nonce, resourceNames: [...listed, 'a', 'b'] });
  expect(await stream.closed).toEqual(tooMuch(limit));
});

conformAds(
  'T8 the versions that a client comes with count until its first answers are acknowledged',
  async ({ start }) => {
    const limit = counted(3, 8);
    const fixture = await start([endpoints('eight-01')], { limits: { subscribedBytes: limit } });
    const come = () => {
      const stream = fixture.client.delta();
      stream.send({
        node,
        typeUrl: endpointType,
        resourceNamesSubscribe: ['eight-01'],
        initialResourceVersions: { 'eight-01': '', 'eight-08': '' },
      });
      return stream;
    };
    const good = come();
    await nextAcked(good);
    good.send({ typeUrl: endpointType, resourceNamesSubscribe: ['eight-02', 'eight-03'] });
    await nextAcked(good);
    good.cancel();
    await eventually(() => fixture.server.status().length === 0, 'it is gone');
    const bad = come();
    await bad.next();
    bad.send({ typeUrl: endpointType, resourceNamesSubscribe: ['eight-02', 'eight-03'] });
    expect(await bad.closed).toEqual(tooMuch(limit));
  },
);

conformAds('a node with the 60 KB of extensions of a stock Envoy is welcome', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const stream = fixture.client.delta();
  const extensions = Array.from({ length: 516 }, (_, index) => ({
    name: `envoy.filters.http.extension_${index}`,
    category: 'envoy.filters.http',
    typeUrls: [`envoy.extensions.filters.http.extension_${index}.v3.Extension`],
  }));
  stream.send({ node: { ...node, extensions }, typeUrl: clusterType });
  expect((await stream.next()).resources).toHaveLength(1);
});

conformAlone(
  'one changed resource is encoded once for 100 delta streams, and nothing when nothing changes',
  async ({ start }) => {
    const others = Array.from({ length: 20 }, (_, index) => endpoints(`e${index}`));
    const fixture = await start([...others, endpoints('hot')]);
    const wanted = [...others.map(({ name }) => name), 'hot'];
    const { client } = fixture;
    const streams = Array.from({ length: 100 }, () => client.delta());
    for (const stream of streams) stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: wanted });
    await Promise.all(streams.map(nextAcked));
    const before = encodeCounter.resources;
    fixture.set([...others.map(({ name }) => endpoints(name)), endpoints('hot', 2)]);
    const responses = await Promise.all(streams.map(nextAcked));
    expect(responses.map(({ resources }) => resources.map(({ name }) => name))).toEqual(streams.map(() => ['hot']));
    expect(encodeCounter.resources - before).toBe(1);
    fixture.set([...others.map(({ name }) => endpoints(name)), endpoints('hot', 2)]);
    await streams[0]?.silence();
    expect(encodeCounter.resources - before).toBe(1);
  },
);

conformAds('6.3 what throws in a session ends its stream alone', async ({ start }) => {
  let bad: () => void = () => {};
  const fixture = await start([cluster('a')]);
  const good = fixture.client.delta();
  good.send({ node, typeUrl: clusterType });
  await nextAcked(good);
  const broken = await start([cluster('a')], {
    open: () => ({
      ok: {
        snapshot: () => ({ generation: 1, commit: '', layers: [] }),
        watch: () => {
          bad();
          return () => {};
        },
        close: () => {},
      },
    }),
    handlers: new Map([['/test.Extra/Fail', async () => Promise.reject(new Error('a bug'))]]),
  });
  bad = () => {
    throw new Error('a bug');
  };
  const stream = broken.client.delta();
  stream.send({ node, typeUrl: clusterType });
  expect((await stream.closed).code).toBe(status.INTERNAL);
  expect(broken.events.map(({ kind }) => kind)).toContain('failed');
  const caller = new Client(`127.0.0.1:${broken.server.port}`, credentials.createInsecure());
  const code = await new Promise((resolve) => {
    const same = (value: Buffer) => value;
    caller.makeUnaryRequest('/test.Extra/Fail', same, same, Buffer.alloc(0), (error) => resolve(error?.code));
  });
  expect(code).toBe(status.INTERNAL);
  caller.close();
  await broken.close();
});

conformAds('T9 a connection that never speaks is closed, one with a stream lives on', async ({ start }) => {
  const fixture = await start([cluster('a')], { connection: { firstRequest: 200 } });
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  const silent = connectTcp(fixture.server.port, '127.0.0.1');
  silent.on('error', () => {});
  silent.resume();
  await new Promise((resolve) => silent.on('close', resolve));
  fixture.set([cluster('a', 2)]);
  expect((await nextAcked(stream)).resources).toHaveLength(1);
  const mute = fixture.client.delta();
  expect((await mute.closed).code).toBe(status.DEADLINE_EXCEEDED);
});

conformAds(
  'T10 6.2 a client that does not read is cut by destroying its connection, others live on',
  async ({ start }) => {
    const big = createResource({ typeUrl: endpointType, name: 'big', value: Buffer.alloc(2 * 1024 * 1024, 10) });
    const fixture = await start([cluster('a'), big], { connection: { slowReader: 300 } });
    const bystander = fixture.client.delta();
    bystander.send({ node, typeUrl: clusterType });
    await nextAcked(bystander);
    const session = connectHttp2(`http://127.0.0.1:${fixture.server.port}`);
    session.on('error', () => {});
    const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => {});
    const request = encode(DeltaDiscoveryRequestSchema, {
      node,
      typeUrl: endpointType,
      resourceNamesSubscribe: ['big'],
    });
    const header = Buffer.alloc(5);
    header.writeUInt32BE(request.length, 1);
    stream.write(Buffer.concat([header, request]));
    await new Promise((resolve) => session.on('close', resolve));
    const { server } = fixture;
    await eventually(() => server.status().length === 1, 'its stream is freed');
    const message = 'the connection is cut: nothing of what is sent is taken for 300 ms';
    expect(fixture.events.filter(({ kind }) => kind === 'refused' || kind === 'closed')).toEqual([
      { kind: 'refused', peer: expect.any(String), node: undefined, code: status.DEADLINE_EXCEEDED, message },
      { kind: 'closed', stream: expect.any(Number), code: status.CANCELLED, message },
    ]);
    fixture.set([cluster('a', 2), big]);
    expect((await nextAcked(bystander)).resources).toHaveLength(1);
  },
);
