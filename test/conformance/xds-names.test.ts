import { expect } from 'vitest';
import { clusterType, endpointType, listenerType } from '../../src/xds/resource-types.ts';
import { conform, conformBoth } from './conform.ts';
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
