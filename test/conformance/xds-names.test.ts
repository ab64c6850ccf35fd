import { expect } from 'vitest';
import { createResource } from '../../src/xds/resource.ts';
import { clusterType, endpointType, listenerType, routeType } from '../../src/xds/resource-types.ts';
import { conform, conformAds, conformBoth } from './conform.ts';
import { namesIn, nextAcked } from './delta-words.ts';
import { cluster, endpoints, listener, node } from './xds-fixture.ts';

const base = 'xdstp://weft/envoy.config.endpoint.v3.ClusterLoadAssignment/shop/reviews';

conformBoth('X84 xdstp names are equal whatever the order of their parameters', async ({ start }) => {
  const fixture = await start([endpoints(`${base}?zone=a&env=prod`)]);
  const peer = fixture.peer(endpointType);
  peer.ask([`${base}?env=prod&zone=a`]);
  const first = await peer.take();
  expect([...first.values.values()]).toHaveLength(1);
  fixture.set([endpoints(`${base}?zone=a&env=prod`, 2)]);
  const second = await peer.take();
  expect(second.names).toEqual(first.names);
  const [type] = fixture.server.status()[0]?.types ?? [];
  for (const order of ['zone=a&env=prod', 'env=prod&zone=a']) {
    expect(type?.isSubscribed(`${base}?${order}`)).toBe(true);
    expect(type?.versionOf(`${base}?${order}`)).toBe(endpoints(`${base}?zone=a&env=prod`, 2).version);
  }
  await peer.silence();
});

conform('X84 the order in the unsubscribe does not matter either', async ({ start }) => {
  const fixture = await start([endpoints(`${base}?a=1&b=2`)]);
  const stream = fixture.delta(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: [`${base}?b=2&a=1`] });
  expect((await nextAcked(stream)).resources).toHaveLength(1);
  stream.send({ typeUrl: endpointType, resourceNamesUnsubscribe: [`${base}?a=1&b=2`] });
  fixture.set([endpoints(`${base}?a=1&b=2`)]);
  await stream.silence();
});

conform('X84 a collection glob is answered: with what it covers, or as not found', async ({ start }) => {
  for (const [typeUrl, typeName] of [
    [listenerType, 'envoy.config.listener.v3.Listener'],
    [clusterType, 'envoy.config.cluster.v3.Cluster'],
  ] as const) {
    const glob = `xdstp://weft/${typeName}/shop/*`;
    const fixture = await start([listener('l'), cluster('c')]);
    const stream = fixture.delta(typeUrl);
    stream.send({ node, typeUrl, resourceNamesSubscribe: [glob] });
    const answer = await nextAcked(stream);
    expect([namesIn(answer), answer.removedResources]).toEqual([[], [glob]]);
    await stream.silence();
  }
});

conformAds('X84 X87 endpoints follow their cluster under an xdstp name in any order of its parameters', async (lab) => {
  const [asked, said] = [`${base}?env=prod&zone=a`, `${base}?zone=a&env=prod`];
  const eds = (mark: number) => createResource({ ...cluster('c', mark), edsName: said });
  const fixture = await lab.start([eds(1), endpoints(said)]);
  const stream = fixture.delta(clusterType);
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  stream.send({ typeUrl: endpointType, resourceNamesSubscribe: [asked] });
  await nextAcked(stream);
  fixture.set([eds(2), endpoints(said)]);
  expect((await nextAcked(stream)).typeUrl).toBe(clusterType);
  expect((await nextAcked(stream)).typeUrl).toBe(endpointType);
});

conformAds('X84 X92 a cluster stays for a route that names it in another order of its parameters', async (lab) => {
  const to = (order: string) => `xdstp://weft/envoy.config.cluster.v3.Cluster/shop?${order}`;
  const references = [{ typeUrl: clusterType, name: to('b=2&a=1') }];
  const route = createResource({ typeUrl: routeType, name: 'r', value: Buffer.of(10, 1, 114), references });
  const fixture = await lab.start([cluster(to('a=1&b=2')), route]);
  const stream = fixture.delta(clusterType);
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  stream.send({ typeUrl: routeType, resourceNamesSubscribe: ['r'] });
  await nextAcked(stream);
  fixture.set([route]);
  await stream.silence(700);
  fixture.set([]);
  expect((await nextAcked(stream)).removedResources).toEqual(['r']);
  expect((await nextAcked(stream)).removedResources).toEqual([to('a=1&b=2')]);
});
