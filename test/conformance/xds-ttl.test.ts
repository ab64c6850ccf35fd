import { expect } from 'vitest';
import { decode } from '../../src/proto/codec.ts';
import { ResourceSchema } from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { createResource } from '../../src/xds/resource.ts';
import { endpointType } from '../../src/xds/resource-types.ts';
import { conform } from './conform.ts';
import { nextAcked } from './delta-words.ts';
import { nextAcked as nextSet } from './sotw-words.ts';
import { endpoints, node } from './xds-fixture.ts';

const timed = (mark = 1, ttl: number | undefined = 600) =>
  createResource({ ...endpoints('a', mark), ...(ttl === undefined ? {} : { ttl }) });
const knows = (...clientFeatures: readonly string[]) => ({ ...node, clientFeatures: [...clientFeatures] });
const ttlFeature = 'xds.config.supports-resource-ttl';
const wrapperFeature = 'xds.config.resource-in-sotw';
const wrapperType = 'type.googleapis.com/envoy.service.discovery.v3.Resource';

conform('X106 delta: a TTL goes to clients that say they know it, and to no others', async ({ start }) => {
  const fixture = await start([timed(1, 60_000)]);
  for (const [who, seconds] of [
    [knows(ttlFeature), 60n],
    [knows('envoy.lb.does_not_support_overprovisioning'), undefined],
    [node, undefined],
  ] as const) {
    const stream = fixture.delta(endpointType);
    stream.send({ node: who, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
    expect((await nextAcked(stream)).resources.map(({ ttl }) => ttl?.seconds)).toEqual([seconds]);
  }
});

conform('X107 SotW: resources are wrapped only for a client that knows both wrappers and TTL', async ({ start }) => {
  const fixture = await start([timed(1, 60_000)]);
  for (const [who, type] of [
    [knows(ttlFeature, wrapperFeature), wrapperType],
    [knows(ttlFeature), endpointType],
    [node, endpointType],
  ] as const) {
    const stream = fixture.sotw(endpointType);
    stream.send({ node: who, typeUrl: endpointType, resourceNames: ['a'] });
    const { resources } = await nextSet(stream, ['a']);
    expect(resources.map(({ typeUrl }) => typeUrl)).toEqual([type]);
    if (type !== wrapperType) continue;
    const { name, ttl, resource, version } = decode(ResourceSchema, resources[0]?.value ?? new Uint8Array());
    expect([name, ttl?.seconds, resource?.typeUrl]).toEqual(['a', 60n, endpointType]);
    expect(version).toBe(timed().version);
  }
});

conform('X107 SotW: what has no TTL is not wrapped', async ({ start }) => {
  const fixture = await start([endpoints('a')]);
  const stream = fixture.sotw(endpointType);
  stream.send({ node: knows(ttlFeature, wrapperFeature), typeUrl: endpointType, resourceNames: ['a'] });
  expect((await nextSet(stream, ['a'])).resources.map(({ typeUrl }) => typeUrl)).toEqual([endpointType]);
});

conform(
  'X108 delta: heartbeats bear name, TTL and version, no resource, well within the TTL; without TTL they end',
  async (lab) => {
    const fixture = await lab.start([timed()]);
    const stream = fixture.delta(endpointType);
    stream.send({ node: knows(ttlFeature), typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
    const first = await nextAcked(stream);
    let last = Date.now();
    for (let beat = 0; beat < 3; beat += 1) {
      const heartbeat = await nextAcked(stream);
      expect(Date.now() - last).toBeLessThan(500);
      last = Date.now();
      expect(heartbeat.removedResources).toEqual([]);
      expect(
        heartbeat.resources.map(({ name, version, ttl, resource }) => [name, version, ttl?.nanos, resource]),
      ).toEqual([['a', first.resources[0]?.version, 600_000_000, undefined]]);
    }
    fixture.set([timed(2)]);
    let changed = await nextAcked(stream);
    while (changed.resources[0]?.resource === undefined) changed = await nextAcked(stream);
    expect(changed.resources[0]?.version).toBe(timed(2).version);
    fixture.set([endpoints('a', 3)]);
    let ended = await nextAcked(stream);
    while (ended.resources[0]?.resource === undefined) ended = await nextAcked(stream);
    expect(ended.resources.map(({ ttl }) => ttl)).toEqual([undefined]);
    await stream.silence(500);
  },
);

conform('X108 SotW: a heartbeat is a wrapper without a resource', async ({ start }) => {
  const fixture = await start([timed()]);
  const stream = fixture.sotw(endpointType);
  stream.send({ node: knows(ttlFeature, wrapperFeature), typeUrl: endpointType, resourceNames: ['a'] });
  await nextSet(stream, ['a']);
  const { resources, versionInfo } = await nextSet(stream, ['a']);
  expect(versionInfo).not.toBe('');
  const { name, ttl, resource } = decode(ResourceSchema, resources[0]?.value ?? new Uint8Array());
  expect([name, ttl?.nanos, resource]).toEqual(['a', 600_000_000, undefined]);
});

conform('X108 no heartbeats for a client that does not know the TTL', async ({ start }) => {
  const fixture = await start([timed(1, 150)]);
  const stream = fixture.delta(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  await nextAcked(stream);
  await stream.silence(300);
});

conform('X108 a TTL that is taken away from equal content is told, and ends the heartbeats', async ({ start }) => {
  const fixture = await start([timed(1, 300)]);
  const stream = fixture.delta(endpointType);
  stream.send({ node: knows(ttlFeature), typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  await nextAcked(stream);
  fixture.set([endpoints('a')]);
  let told = await nextAcked(stream);
  while (told.resources[0]?.ttl !== undefined) told = await nextAcked(stream);
  expect(told.resources[0]?.name).toBe('a');
  await stream.silence(300);
});
