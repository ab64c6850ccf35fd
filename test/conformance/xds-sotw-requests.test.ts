import { expect } from 'vitest';
import { createResource } from '../../src/xds/resource.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  secretType,
} from '../../src/xds/resource-types.ts';
import { sotwName } from '../support/raw-xds-client.ts';
import { conform, conformAds } from './conform.ts';
import { ack, namesIn, nextAcked, type SotwResponse } from './sotw-words.ts';
import { cluster, endpoints, eventually, listener, node, route, secret } from './xds-fixture.ts';

conform('X30 an empty nonce once everything is acknowledged: its names are answered at once', async ({ start }) => {
  const fixture = await start([endpoints('a'), endpoints('b')]);
  const stream = fixture.sotw(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a'] });
  await nextAcked(stream, ['a']);
  const { server } = fixture;
  await eventually(() => server.status()[0]?.types[0]?.ackedAt !== undefined, 'the ACK is noted');
  stream.send({ typeUrl: endpointType, resourceNames: ['a', 'b'] });
  expect(namesIn(await nextAcked(stream, ['a', 'b']))).toEqual(['b']);
  await stream.silence();
});

conformAds('X34 the first request of RDS, EDS, SDS, ECDS is answered whatever version it claims', async ({ start }) => {
  const extension = createResource({ ...secret('x'), typeUrl: extensionType });
  const fixture = await start([route('x'), endpoints('x'), secret('x'), extension]);
  const versions = new Map<string, string>();
  for (const round of ['first', 'again']) {
    const stream = fixture.client.sotw();
    for (const typeUrl of [endpointType, routeType, secretType, extensionType]) {
      stream.send({ node, typeUrl, resourceNames: ['x'], versionInfo: versions.get(typeUrl) ?? '' });
      const response = await nextAcked(stream, ['x']);
      expect([round, response.typeUrl, namesIn(response)]).toEqual([round, typeUrl, ['x']]);
      versions.set(typeUrl, response.versionInfo);
    }
    await stream.silence();
  }
});

conform('X34 X48 a returning client that names its clusters is answered, current version or not', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const first = fixture.sotw(clusterType);
  first.send({ node, typeUrl: clusterType, resourceNames: ['a'] });
  const { versionInfo } = await nextAcked(first, ['a']);
  const second = fixture.sotw(clusterType);
  second.send({ node, typeUrl: clusterType, resourceNames: ['a'], versionInfo });
  expect(namesIn(await nextAcked(second, ['a']))).toEqual(['a']);
});

conform('X49 * beside a name, dropped later, leaves the name; nothing leaves nothing', async ({ start }) => {
  const fixture = await start([listener('a'), listener('b')]);
  const stream = fixture.sotw(listenerType);
  stream.send({ node, typeUrl: listenerType, resourceNames: ['*', 'a'] });
  const all = await stream.next();
  expect(namesIn(all)).toEqual(['a', 'b']);
  ack(stream, all, ['a']);
  const one = await stream.next();
  expect(namesIn(one)).toEqual(['a']);
  ack(stream, one, []);
  expect(namesIn(await nextAcked(stream, []))).toEqual([]);
  fixture.set([listener('a', 2), listener('b', 2), listener('c')]);
  await stream.silence();
});

conform('X56 X57 named clusters: B comes and goes, and comes again though unchanged', async ({ start }) => {
  const fixture = await start([cluster('a'), cluster('b')]);
  const stream = fixture.sotw(clusterType);
  stream.send({ node, typeUrl: clusterType, resourceNames: ['a'] });
  let last: SotwResponse = await stream.next();
  for (const wanted of [['a', 'b'], ['a'], ['a', 'b']]) {
    ack(stream, last, wanted);
    last = await stream.next();
    expect(namesIn(last)).toEqual(wanted);
  }
  ack(stream, last, ['a', 'b']);
  await stream.silence();
});

conformAds('X94 SotW: what changes between the first LDS and RDS requests reaches the client', async ({ start }) => {
  const content = (mark: number) => [cluster('x'), listener('l', mark), route('r', mark, ['x'])];
  const fixture = await start(content(1));
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  stream.send({ typeUrl: listenerType });
  const listeners = await stream.next();
  fixture.set(content(2));
  stream.send({ typeUrl: routeType, resourceNames: ['r'] });
  const routes = await nextAcked(stream, ['r']);
  const bytes = (response: SotwResponse) => response.resources.map(({ value }) => Buffer.from(value).toString('hex'));
  expect(bytes(routes)).toEqual([Buffer.from(route('r', 2, ['x']).value).toString('hex')]);
  ack(stream, listeners);
  expect(bytes(await nextAcked(stream))).toEqual([Buffer.from(listener('l', 2).value).toString('hex')]);
  await stream.silence();
});

conformAds(
  'X87 X89 SotW: endpoints follow their changed cluster, also where an EDS ACK crosses it',
  async ({ start }) => {
    const fixture = await start([cluster('x'), cluster('y'), endpoints('x'), endpoints('y')]);
    const stream = fixture.client.sotw();
    stream.send({ node, typeUrl: clusterType });
    await nextAcked(stream);
    stream.send({ typeUrl: endpointType, resourceNames: ['x', 'y'] });
    await nextAcked(stream, ['x', 'y']);
    fixture.set([cluster('x'), cluster('y'), endpoints('x', 2), endpoints('y')]);
    const crossing = await stream.next();
    expect([crossing.typeUrl, namesIn(crossing)]).toEqual([endpointType, ['x']]);
    fixture.set([cluster('x', 2), cluster('y'), endpoints('x', 2), endpoints('y')]);
    const clusters = await nextAcked(stream);
    expect([clusters.typeUrl, clusters.resources.map(sotwName).sort()]).toEqual([clusterType, ['x', 'y']]);
    ack(stream, crossing, ['x', 'y']);
    const again = await nextAcked(stream, ['x', 'y']);
    expect([again.typeUrl, namesIn(again)]).toEqual([endpointType, ['x']]);
    await stream.silence();
  },
);
