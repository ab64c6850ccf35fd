import { status } from '@grpc/grpc-js';
import { expect } from 'vitest';
import { encode } from '../../src/proto/codec.ts';
import { VirtualHostSchema } from '../../src/proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import { sotwName } from '../support/raw-xds-client.ts';
import { conform, conformAds, conformBoth } from './conform.ts';
import { servicePath, services, virtualHostPath, virtualHostType } from './service-paths.ts';
import { cluster, endpoints, node } from './xds-fixture.ts';

const types = services.map(([typeName]) => `type.googleapis.com/${typeName}`);
/** In all these types the name is field 1; Envoy would want more, the protocol does not. */
const named = (typeUrl: string): Resource =>
  createResource({ typeUrl, name: 'a', value: encode(VirtualHostSchema, { name: 'a' }) });

conformAds('X1 every service serves its type in both variants', async ({ start }) => {
  const { client } = await start([...types, virtualHostType].map(named));
  for (const typeUrl of types) {
    const delta = client.stream(servicePath(typeUrl, 'delta'), 'delta');
    delta.send({ node, typeUrl, resourceNamesSubscribe: ['a'] });
    const changes = await delta.next();
    expect([changes.typeUrl, changes.resources.map(({ name }) => name)]).toEqual([typeUrl, ['a']]);
    const sotw = client.stream(servicePath(typeUrl, 'sotw'), 'sotw');
    sotw.send({ node, typeUrl, resourceNames: ['a'] });
    const set = await sotw.next();
    expect([set.typeUrl, set.resources.map(sotwName)]).toEqual([typeUrl, ['a']]);
    delta.cancel();
    sotw.cancel();
  }
  const hosts = client.stream(virtualHostPath, 'delta');
  hosts.send({ node, typeUrl: virtualHostType, resourceNamesSubscribe: ['a'] });
  expect((await hosts.next()).resources.map(({ name }) => name)).toEqual(['a']);
});

conformAds('X1 the aggregated service serves every type on one stream', async ({ start }) => {
  const { client } = await start([...types, virtualHostType].map(named));
  const delta = client.delta();
  const sotw = client.sotw();
  for (const typeUrl of [...types, virtualHostType]) {
    delta.send({ node, typeUrl, resourceNamesSubscribe: ['a'] });
    const { nonce, typeUrl: answered, resources } = await delta.next();
    // Of virtual hosts there may be a placeholder beside it (X67).
    const names = resources.map(({ name }) => name).filter((name) => !name.includes('/'));
    expect([answered, names]).toEqual([typeUrl, ['a']]);
    delta.send({ typeUrl, responseNonce: nonce });
  }
  for (const typeUrl of types) {
    sotw.send({ node, typeUrl, resourceNames: ['a'] });
    const { nonce, versionInfo, typeUrl: answered } = await sotw.next();
    expect(answered).toBe(typeUrl);
    sotw.send({ typeUrl, responseNonce: nonce, versionInfo, resourceNames: ['a'] });
  }
});

conformAds(
  'X1 X125 what is not offered is UNIMPLEMENTED: Fetch, SotW VHDS, health, reflection, CSDS, LRS',
  async (lab) => {
    const { client, server } = await lab.start([]);
    const fetches = services.map(([, service, resources]) => `/${service}/Fetch${resources}`);
    const paths = [
      ...fetches,
      '/envoy.service.route.v3.VirtualHostDiscoveryService/StreamVirtualHosts',
      '/envoy.service.discovery.v3.AggregatedDiscoveryService/FetchAggregatedResources',
      '/envoy.service.discovery.v2.AggregatedDiscoveryService/StreamAggregatedResources',
      '/grpc.health.v1.Health/Check',
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      '/envoy.service.status.v3.ClientStatusDiscoveryService/StreamClientStatus',
      '/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats',
      '/no.such.Service/Method',
    ];
    for (const path of paths) {
      const stream = client.stream(path, 'sotw');
      stream.send({ node });
      stream.halfClose();
      expect([path, (await stream.closed).code]).toEqual([path, status.UNIMPLEMENTED]);
    }
    expect(server.status()).toEqual([]);
  },
);

conformAds(
  'X2 X3 a stream of one type takes a request without type for its own, and ends at another',
  async ({ start }) => {
    const { client } = await start([endpoints('a'), cluster('a')]);
    const delta = client.stream(servicePath(endpointType, 'delta'), 'delta');
    const sotw = client.stream(servicePath(endpointType, 'sotw'), 'sotw');
    delta.send({ node, resourceNamesSubscribe: ['a'] });
    sotw.send({ node, resourceNames: ['a'] });
    const first = await delta.next();
    expect([first.typeUrl, first.resources.length]).toEqual([endpointType, 1]);
    expect((await sotw.next()).typeUrl).toBe(endpointType);
    delta.send({ responseNonce: first.nonce });
    await delta.silence();
    delta.send({ typeUrl: clusterType });
    sotw.send({ typeUrl: clusterType });
    expect((await delta.closed).code).toBe(status.INVALID_ARGUMENT);
    expect((await sotw.closed).code).toBe(status.INVALID_ARGUMENT);
    const wrong = client.stream(servicePath(endpointType, 'delta'), 'delta');
    wrong.send({ node, typeUrl: clusterType });
    expect((await wrong.closed).code).toBe(status.INVALID_ARGUMENT);
  },
);

conformAds('X2 an aggregated request without type is INVALID_ARGUMENT, at first and later', async ({ start }) => {
  const { client } = await start([cluster('a')]);
  const first = client.delta();
  first.send({ node });
  expect((await first.closed).code).toBe(status.INVALID_ARGUMENT);
  const later = client.sotw();
  later.send({ node, typeUrl: clusterType });
  await later.next();
  later.send({});
  expect((await later.closed).code).toBe(status.INVALID_ARGUMENT);
});

conformBoth(
  'X5 X6 the node comes once per stream; without it, or its id, INVALID_ARGUMENT',
  async ({ start, variant }) => {
    const fixture = await start([endpoints('a')]);
    for (const who of [undefined, { id: '' }]) {
      const stream = variant === 'delta' ? fixture.delta(endpointType) : fixture.sotw(endpointType);
      stream.send({ typeUrl: endpointType, ...(who === undefined ? {} : { node: who }) });
      expect((await stream.closed).code).toBe(status.INVALID_ARGUMENT);
    }
    const peer = fixture.peer(endpointType);
    peer.ask(['a']);
    peer.nack(await peer.next(), 'no');
    await peer.silence();
    fixture.set([endpoints('a', 2)]);
    expect((await peer.take()).names).toEqual(['a']);
  },
);

conform('X7 a node that changes its name on the way stays who it was', async ({ start }) => {
  const opened: string[] = [];
  const fixture = await start([endpoints('a')], {
    observe: (event) => {
      if (event.kind === 'opened') opened.push(event.node.id);
    },
  });
  const stream = fixture.delta(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  const { nonce } = await stream.next();
  stream.send({ node, typeUrl: endpointType, responseNonce: nonce });
  stream.send({ node: { id: 'another' }, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  await stream.next();
  expect([opened, fixture.server.status().map((each) => each.node.id)]).toEqual([[node.id], [node.id]]);
});

conformBoth(
  'X117 a node gets its own secret alone; that of another looks as if it did not exist',
  async ({ start, variant }) => {
    const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
    const secret = (name: string) =>
      createResource({ typeUrl: secretType, name, value: encode(VirtualHostSchema, { name }) });
    const { createLayer } = await import('../../src/xds/layer.ts');
    const views = new Map(
      ['alice', 'bob'].map((id) => [
        id,
        { generation: 1, commit: '', layers: [createLayer([secret(`key-of-${id}`)])] },
      ]),
    );
    const fixture = await start([], {
      open: ({ node: { id } }) => ({
        ok: { snapshot: () => views.get(id), watch: () => () => {}, close: () => {} },
      }),
    });
    const names = ['key-of-bob', 'key-of-alice', 'key-of-nobody'];
    const seen: string[] = [];
    if (variant === 'delta') {
      const stream = fixture.delta(secretType);
      stream.send({ node: { id: 'alice' }, typeUrl: secretType, resourceNamesSubscribe: names });
      const removed: string[] = [];
      while (seen.length + removed.length < 3) {
        const { nonce, resources, removedResources } = await stream.next();
        seen.push(...resources.map(({ name }) => name));
        removed.push(...removedResources);
        stream.send({ typeUrl: secretType, responseNonce: nonce });
      }
      expect(removed.sort()).toEqual(['key-of-bob', 'key-of-nobody']);
      await stream.silence();
    } else {
      const stream = fixture.sotw(secretType);
      stream.send({ node: { id: 'alice' }, typeUrl: secretType, resourceNames: names });
      const { nonce, versionInfo, resources } = await stream.next();
      seen.push(...resources.map(sotwName));
      stream.send({ typeUrl: secretType, responseNonce: nonce, versionInfo, resourceNames: names });
      await stream.silence();
    }
    expect(seen).toEqual(['key-of-alice']);
  },
);
