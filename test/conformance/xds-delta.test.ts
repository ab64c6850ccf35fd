import { expect } from 'vitest';
import { clusterType, endpointType, listenerType, routeType, secretType } from '../../src/xds/resource-types.ts';
import { conform, conformAds } from './conform.ts';
import { ack, namesIn, nextAcked } from './delta-words.ts';
import { cluster, endpoints, eventually, node, route, secret } from './xds-fixture.ts';

conform(
  'X63 an empty first subscription is the wildcard; X41 an ACK gets no response; X62 unchanged data, no push',
  async ({ start }) => {
    const fixture = await start([cluster('a'), cluster('b')]);
    const stream = fixture.delta(clusterType);
    stream.send({ node, typeUrl: clusterType });
    expect(namesIn(await nextAcked(stream))).toEqual(['a', 'b']);
    fixture.set([cluster('a'), cluster('b')]);
    await stream.silence();
  },
);

conform('X68 a wildcard without resources is answered empty', async ({ start }) => {
  const fixture = await start([]);
  const stream = fixture.delta(listenerType);
  stream.send({ node, typeUrl: listenerType });
  const response = await stream.next();
  expect([response.typeUrl, response.resources, response.removedResources]).toEqual([listenerType, [], []]);
});

conform('X64 naming A keeps the legacy wildcard; only unsubscribing * ends it', async ({ start }) => {
  const fixture = await start([cluster('a'), cluster('b')]);
  const stream = fixture.delta(clusterType);
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  stream.send({ typeUrl: clusterType, resourceNamesSubscribe: ['a'] });
  expect(namesIn(await nextAcked(stream))).toEqual(['a']);
  fixture.set([cluster('a'), cluster('b', 2)]);
  expect(namesIn(await nextAcked(stream))).toEqual(['b']);
  stream.send({ typeUrl: clusterType, resourceNamesUnsubscribe: ['*'] });
  const { server } = fixture;
  const type = () => server.status()[0]?.types[0];
  await eventually(() => type()?.wildcard === false, 'the wildcard ends');
  fixture.set([cluster('a', 3), cluster('b', 3)]);
  expect(namesIn(await nextAcked(stream))).toEqual(['a']);
  stream.send({ typeUrl: clusterType, resourceNamesUnsubscribe: ['a'] });
  await eventually(() => type()?.subscribed.length === 0, 'nothing is subscribed');
  fixture.set([cluster('a', 4), cluster('b', 4)]);
  await stream.silence();
});

conform('X65 * is the wildcard; X66 subscribe comes before unsubscribe', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const stream = fixture.delta(clusterType);
  stream.send({ node, typeUrl: clusterType, resourceNamesSubscribe: ['*'], resourceNamesUnsubscribe: ['*'] });
  await stream.silence();
  stream.send({ typeUrl: clusterType, resourceNamesSubscribe: ['*'] });
  expect(namesIn(await stream.next())).toEqual(['a']);
});

conform('X67 for other types an empty first subscription asks for nothing', async ({ start }) => {
  const fixture = await start([endpoints('a')]);
  const stream = fixture.delta(endpointType);
  stream.send({ node, typeUrl: endpointType });
  await stream.silence();
});

conform('X69 re-subscribe is answered', async ({ start }) => {
  const fixture = await start([endpoints('a')]);
  const stream = fixture.delta(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  const first = await nextAcked(stream);
  stream.send({ typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  const again = await stream.next();
  expect(again.resources).toEqual(first.resources);
});

conformAds(
  'X70 current initial versions are spared, others re-sent; X71 what is gone is removed; M7 all current is silence',
  async ({ start }) => {
    const fixture = await start([endpoints('a'), endpoints('b')]);
    const first = fixture.delta(endpointType);
    const resourceNamesSubscribe = ['a', 'b', 'gone'];
    first.send({ node, typeUrl: endpointType, resourceNamesSubscribe });
    const { resources } = await first.next();
    const version = resources.find(({ name }) => name === 'a')?.version ?? '';
    const second = fixture.delta(endpointType);
    const initialResourceVersions = { a: version, b: 'older', gone: 'x' };
    second.send({ node, typeUrl: endpointType, resourceNamesSubscribe, initialResourceVersions });
    const response = await nextAcked(second);
    expect([namesIn(response), response.removedResources]).toEqual([['b'], ['gone']]);
    const third = fixture.delta(clusterType);
    third.send({ node, typeUrl: clusterType, initialResourceVersions: {} });
    await nextAcked(third);
    const fourth = fixture.delta(endpointType);
    const current = Object.fromEntries(resources.map((resource) => [resource.name, resource.version]));
    fourth.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a', 'b'], initialResourceVersions: current });
    await fourth.silence();
  },
);

conform('X71 M8 a cluster that went away meanwhile is removed within hold and grace', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const stream = fixture.delta(clusterType);
  stream.send({ node, typeUrl: clusterType, initialResourceVersions: { ghost: 'x' } });
  const first = await nextAcked(stream);
  expect([namesIn(first), first.removedResources]).toEqual([['a'], []]);
  expect((await stream.next()).removedResources).toEqual(['ghost']);
});

conform('X72 an unknown name is removed at once; X73 its subscription stays', async ({ start }) => {
  const fixture = await start([]);
  const stream = fixture.delta(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['later'] });
  expect((await nextAcked(stream)).removedResources).toEqual(['later']);
  fixture.set([endpoints('later')]);
  expect(namesIn(await nextAcked(stream))).toEqual(['later']);
  fixture.set([]);
  expect((await nextAcked(stream)).removedResources).toEqual(['later']);
});

conform(
  'X74 X77 after unsubscribe there is nothing about a name, and subscribing again re-sends it',
  async ({ start }) => {
    const fixture = await start([endpoints('a')]);
    const stream = fixture.delta(endpointType);
    stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
    await nextAcked(stream);
    stream.send({ typeUrl: endpointType, resourceNamesUnsubscribe: ['a', 'never'] });
    const { server } = fixture;
    await eventually(() => server.status()[0]?.types[0]?.subscribed.length === 0, 'nothing is subscribed');
    fixture.set([endpoints('a', 2)]);
    await stream.silence();
    stream.send({ typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
    expect(namesIn(await stream.next())).toEqual(['a']);
  },
);

conform(
  'X75 M9 under a wildcard, unsubscribing a name is answered with what stands there, told before or not; X76 superfluous ones are not',
  async ({ start }) => {
    const fixture = await start([cluster('a')]);
    const stream = fixture.delta(clusterType);
    stream.send({ node, typeUrl: clusterType, resourceNamesSubscribe: ['*', 'a', 'b'] });
    const first = await nextAcked(stream);
    expect([namesIn(first), first.removedResources]).toEqual([['a'], ['b']]);
    stream.send({ typeUrl: clusterType, resourceNamesUnsubscribe: ['a', 'b'] });
    const answer = await nextAcked(stream);
    expect([namesIn(answer), answer.removedResources]).toEqual([['a'], ['b']]);
    stream.send({ typeUrl: clusterType, resourceNamesUnsubscribe: ['a'] });
    await stream.silence();
  },
);

conform('X29 a subscription counts whatever the nonce; X78 a push holds only what changed', async ({ start }) => {
  const fixture = await start(Array.from({ length: 1000 }, (_, index) => endpoints(`e${index}`)));
  const stream = fixture.delta(endpointType);
  const all = Array.from({ length: 999 }, (_, index) => `e${index}`);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: all });
  const first = await nextAcked(stream);
  expect(first.resources).toHaveLength(999);
  stream.send({ typeUrl: endpointType, responseNonce: 'old', resourceNamesSubscribe: ['e999'] });
  expect(namesIn(await nextAcked(stream))).toEqual(['e999']);
  fixture.set(Array.from({ length: 1000 }, (_, index) => endpoints(`e${index}`, index === 7 ? 2 : 1)));
  expect(namesIn(await nextAcked(stream))).toEqual(['e7']);
});

conform('X21 one response in flight, then the newest state', async ({ start }) => {
  const fixture = await start([endpoints('a')]);
  const stream = fixture.delta(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  const first = await stream.next();
  for (let mark = 2; mark < 200; mark += 1) fixture.set([endpoints('a', mark % 100), endpoints('b', mark)]);
  await stream.silence();
  ack(stream, first);
  const second = await nextAcked(stream);
  expect(second.resources[0]?.version).toBe(endpoints('a', 99).version);
  await stream.silence();
});

conformAds('X44 RDS and SDS travel one resource per response', async ({ start }) => {
  const fixture = await start([route('r1'), route('r2'), secret('s1'), secret('s2')]);
  const stream = fixture.delta(routeType);
  stream.send({ node, typeUrl: routeType, resourceNamesSubscribe: ['r1', 'r2'] });
  expect(namesIn(await nextAcked(stream))).toEqual(['r1']);
  expect(namesIn(await nextAcked(stream))).toEqual(['r2']);
  stream.send({ typeUrl: secretType, resourceNamesSubscribe: ['s1', 's2'] });
  expect(namesIn(await nextAcked(stream))).toEqual(['s1']);
  expect(namesIn(await nextAcked(stream))).toEqual(['s2']);
});

conformAds('X4 an unknown type ends nothing', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const stream = fixture.delta(clusterType);
  stream.send({ node, typeUrl: 'type.googleapis.com/none.such.Thing' });
  stream.send({ typeUrl: clusterType });
  expect(namesIn(await stream.next())).toEqual(['a']);
});
