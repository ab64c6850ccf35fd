import { expect } from 'vitest';
import { clusterType, endpointType, listenerType, routeType } from '../../src/xds/resource-types.ts';
import { conform, conformAds } from './conform.ts';
import { ack, namesIn, nextAcked } from './delta-words.ts';
import { cluster, endpoints, eventually, listener, node, route } from './xds-fixture.ts';

conform('X66 +A −A in one request is nothing, +* −* too', async ({ start }) => {
  const fixture = await start([endpoints('a'), cluster('c')]);
  const stream = fixture.delta(endpointType);
  const both = { resourceNamesSubscribe: ['a'], resourceNamesUnsubscribe: ['a'] };
  stream.send({ node, typeUrl: endpointType, ...both });
  await stream.silence();
  fixture.set([endpoints('a', 2), cluster('c')]);
  await stream.silence();
  const clusters = fixture.delta(clusterType);
  const all = { resourceNamesSubscribe: ['*'], resourceNamesUnsubscribe: ['*'] };
  clusters.send({ node, typeUrl: clusterType, ...all });
  fixture.set([endpoints('a', 2), cluster('c', 2)]);
  await clusters.silence();
});

conform('X70 X71 X14 X33 after a loss another instance tells exactly what changed since', async ({ start }) => {
  const before = await start(['kept', 'changed', 'gone'].map((name) => endpoints(name)));
  const first = before.delta(endpointType);
  const resourceNamesSubscribe = ['kept', 'changed', 'gone', 'new'];
  first.send({ node, typeUrl: endpointType, resourceNamesSubscribe });
  const held = await nextAcked(first);
  const initialResourceVersions = Object.fromEntries(held.resources.map(({ name, version }) => [name, version]));
  const after = await start([endpoints('kept'), endpoints('changed', 2), endpoints('new')]);
  const second = after.delta(endpointType);
  second.send({
    node,
    typeUrl: endpointType,
    responseNonce: held.nonce,
    resourceNamesSubscribe,
    initialResourceVersions,
  });
  const told = await nextAcked(second);
  expect([namesIn(told), told.removedResources]).toEqual([['changed', 'new'], ['gone']]);
  await second.silence();
});

conform('X63 X80 M7 a returning wildcard, with its names beside it or without, is spared what it has', async (lab) => {
  const fixture = await lab.start([cluster('a'), cluster('b')]);
  const first = fixture.delta(clusterType);
  first.send({ node, typeUrl: clusterType });
  const { resources } = await nextAcked(first);
  const initialResourceVersions = Object.fromEntries(resources.map(({ name, version }) => [name, version]));
  const bare = fixture.delta(clusterType);
  bare.send({ node, typeUrl: clusterType, initialResourceVersions });
  const named = fixture.delta(clusterType);
  named.send({ node, typeUrl: clusterType, initialResourceVersions, resourceNamesSubscribe: ['*', 'a', 'b'] });
  await bare.silence();
  await named.silence();
  fixture.set([cluster('a'), cluster('b'), cluster('c')]);
  for (const stream of [bare, named]) expect(namesIn(await nextAcked(stream))).toEqual(['c']);
});

conform('X81 one request is ACK, subscription and initial versions at once', async ({ start }) => {
  const fixture = await start([endpoints('a'), endpoints('b'), endpoints('c')]);
  const stream = fixture.delta(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  const first = await stream.next();
  stream.send({
    typeUrl: endpointType,
    responseNonce: first.nonce,
    resourceNamesSubscribe: ['b'],
    resourceNamesUnsubscribe: ['a'],
    initialResourceVersions: { c: 'x' },
  });
  expect(namesIn(await nextAcked(stream))).toEqual(['b']);
  fixture.set([endpoints('a', 2), endpoints('b', 2), endpoints('c', 2)]);
  expect(namesIn(await nextAcked(stream))).toEqual(['b']);
  expect(fixture.events.filter(({ kind }) => kind === 'acked').length).toBeGreaterThanOrEqual(2);
});

conform('X82 what waits behind a flight follows the subscription, not what was asked before', async ({ start }) => {
  const fixture = await start([endpoints('a'), endpoints('b'), endpoints('c')]);
  const stream = fixture.delta(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  const first = await stream.next();
  stream.send({ typeUrl: endpointType, resourceNamesSubscribe: ['b', 'c'] });
  fixture.set([endpoints('a', 2), endpoints('b', 2), endpoints('c', 2)]);
  stream.send({ typeUrl: endpointType, resourceNamesUnsubscribe: ['a', 'b'] });
  await stream.silence();
  ack(stream, first);
  const second = await nextAcked(stream);
  expect([namesIn(second), second.resources[0]?.version]).toEqual([['c'], endpoints('c', 2).version]);
  await stream.silence();
});

conformAds('X94 what changes between the first LDS and the first RDS request reaches the client', async ({ start }) => {
  const fixture = await start([cluster('x'), listener('l'), route('r', 1, ['x'])]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  stream.send({ typeUrl: listenerType });
  const listeners = await stream.next();
  fixture.set([cluster('x'), listener('l', 2), route('r', 2, ['x'])]);
  stream.send({ typeUrl: routeType, resourceNamesSubscribe: ['r'] });
  const routes = await nextAcked(stream);
  expect(routes.resources[0]?.version).toBe(route('r', 2, ['x']).version);
  ack(stream, listeners);
  expect((await nextAcked(stream)).resources[0]?.version).toBe(listener('l', 2).version);
  const { server } = fixture;
  await eventually(() => server.status()[0]?.types.every(({ owed }) => owed === 0) === true, 'nothing is owed');
  await stream.silence();
});

conform('X28 X29 names are added while a change is pushed every round trip, and are served within two', async (lab) => {
  const name = (index: number) => `e${index}`;
  const all = Array.from({ length: 20 }, (_, index) => name(index));
  const fixture = await lab.start(all.map((each) => endpoints(each)));
  const stream = fixture.sotw(endpointType);
  const wanted = [name(0)];
  stream.send({ node, typeUrl: endpointType, resourceNames: wanted });
  let last = await stream.next();
  const served = new Set(['e0']);
  for (let round = 1; round < 20; round += 1) {
    const stale = last.nonce;
    stream.send({
      typeUrl: endpointType,
      responseNonce: last.nonce,
      versionInfo: last.versionInfo,
      resourceNames: wanted,
    });
    fixture.set([endpoints(name(0), round % 2 === 0 ? 1 : 2), ...all.slice(1).map((each) => endpoints(each))]);
    last = await stream.next();
    for (const any of last.resources)
      served.add(Buffer.from(any.value.subarray(2, 2 + (any.value[1] ?? 0))).toString());
    // The name is added by a request that crossed the push, so its nonce is stale.
    wanted.push(name(round));
    stream.send({ typeUrl: endpointType, responseNonce: stale, resourceNames: wanted });
    expect([...served].filter((each) => all.indexOf(each) >= 0).length).toBeGreaterThanOrEqual(round - 1);
  }
});

conform('X19 X65 * behind a thousand names: the first answer is the whole set all the same', async ({ start }) => {
  const fixture = await start([cluster('a'), cluster('b')]);
  const stream = fixture.delta(clusterType);
  const names = Array.from({ length: 1_500 }, (_, index) => `on-demand-${index}`);
  stream.send({ node, typeUrl: clusterType, resourceNamesSubscribe: [...names, '*'] });
  const first = await stream.next();
  expect(first.resources.map(({ name }) => name).sort()).toEqual(['a', 'b']);
  stream.send({ typeUrl: clusterType, responseNonce: first.nonce });
  // The rest of what was asked for follows.
  const removed = new Set(first.removedResources);
  while (removed.size < names.length) {
    const { nonce, removedResources } = await stream.next();
    for (const name of removedResources) removed.add(name);
    stream.send({ typeUrl: clusterType, responseNonce: nonce });
  }
  await stream.silence();
});
