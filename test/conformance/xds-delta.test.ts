import { afterEach, expect, test } from 'vitest';
import { clusterType, endpointType, listenerType, routeType, secretType } from '../../src/xds/resource-types.ts';
import type { DeltaStream } from '../support/raw-xds-client.ts';
import { cluster, endpoints, eventually, type Fixture, node, route, secret, startFixture } from './xds-fixture.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.close();
  fixture = undefined;
});

type Response = Awaited<ReturnType<DeltaStream['next']>>;
const names = (response: Response) => response.resources.map(({ name }) => name).sort();
const ack = (stream: DeltaStream, { typeUrl, nonce }: Response) => stream.send({ typeUrl, responseNonce: nonce });
const nack = (stream: DeltaStream, { typeUrl, nonce }: Response, message: string) =>
  stream.send({ typeUrl, responseNonce: nonce, errorDetail: { code: 13, message } });

async function nextAcked(stream: DeltaStream): Promise<Response> {
  const response = await stream.next();
  ack(stream, response);
  return response;
}

test('X63 an empty first subscription is the wildcard; X41 an ACK gets no response; X62 unchanged data, no push', async () => {
  fixture = await startFixture([cluster('a'), cluster('b')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType });
  expect(names(await nextAcked(stream))).toEqual(['a', 'b']);
  fixture.set([cluster('a'), cluster('b')]);
  await stream.silence();
});

test('X68 a wildcard without resources is answered empty', async () => {
  fixture = await startFixture([]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: listenerType });
  const response = await stream.next();
  expect([response.typeUrl, response.resources, response.removedResources]).toEqual([listenerType, [], []]);
});

test('X64 naming A keeps the legacy wildcard; only unsubscribing * ends it', async () => {
  fixture = await startFixture([cluster('a'), cluster('b')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  stream.send({ typeUrl: clusterType, resourceNamesSubscribe: ['a'] });
  expect(names(await nextAcked(stream))).toEqual(['a']);
  fixture.set([cluster('a'), cluster('b', 2)]);
  expect(names(await nextAcked(stream))).toEqual(['b']);
  stream.send({ typeUrl: clusterType, resourceNamesUnsubscribe: ['*'] });
  const { server } = fixture;
  const type = () => server.status()[0]?.types[0];
  await eventually(() => type()?.wildcard === false, 'the wildcard ends');
  fixture.set([cluster('a', 3), cluster('b', 3)]);
  expect(names(await nextAcked(stream))).toEqual(['a']);
  stream.send({ typeUrl: clusterType, resourceNamesUnsubscribe: ['a'] });
  await eventually(() => type()?.subscribed.length === 0, 'nothing is subscribed');
  fixture.set([cluster('a', 4), cluster('b', 4)]);
  await stream.silence();
});

test('X65 * is the wildcard; X66 subscribe comes before unsubscribe', async () => {
  fixture = await startFixture([cluster('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType, resourceNamesSubscribe: ['*'], resourceNamesUnsubscribe: ['*'] });
  await stream.silence();
  stream.send({ typeUrl: clusterType, resourceNamesSubscribe: ['*'] });
  expect(names(await stream.next())).toEqual(['a']);
});

test('X67 for other types an empty first subscription asks for nothing', async () => {
  fixture = await startFixture([endpoints('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: endpointType });
  await stream.silence();
});

test('X69 re-subscribe is answered', async () => {
  fixture = await startFixture([endpoints('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  const first = await nextAcked(stream);
  stream.send({ typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  const again = await stream.next();
  expect(again.resources).toEqual(first.resources);
});

test('X70 current initial versions are spared, others re-sent; X71 what is gone is removed; M7 all current is silence', async () => {
  fixture = await startFixture([endpoints('a'), endpoints('b')]);
  const first = fixture.client.delta();
  const resourceNamesSubscribe = ['a', 'b', 'gone'];
  first.send({ node, typeUrl: endpointType, resourceNamesSubscribe });
  const { resources } = await first.next();
  const version = resources.find(({ name }) => name === 'a')?.version ?? '';
  const second = fixture.client.delta();
  const initialResourceVersions = { a: version, b: 'older', gone: 'x' };
  second.send({ node, typeUrl: endpointType, resourceNamesSubscribe, initialResourceVersions });
  const response = await nextAcked(second);
  expect([names(response), response.removedResources]).toEqual([['b'], ['gone']]);
  const third = fixture.client.delta();
  third.send({ node, typeUrl: clusterType, initialResourceVersions: {} });
  await nextAcked(third);
  const fourth = fixture.client.delta();
  const current = Object.fromEntries(resources.map((resource) => [resource.name, resource.version]));
  fourth.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a', 'b'], initialResourceVersions: current });
  await fourth.silence();
});

test('X71 M8 a cluster that went away meanwhile is removed within hold and grace', async () => {
  fixture = await startFixture([cluster('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType, initialResourceVersions: { ghost: 'x' } });
  const first = await nextAcked(stream);
  expect([names(first), first.removedResources]).toEqual([['a'], []]);
  expect((await stream.next()).removedResources).toEqual(['ghost']);
});

test('X72 an unknown name is removed at once; X73 its subscription stays', async () => {
  fixture = await startFixture([]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['later'] });
  expect((await nextAcked(stream)).removedResources).toEqual(['later']);
  fixture.set([endpoints('later')]);
  expect(names(await nextAcked(stream))).toEqual(['later']);
  fixture.set([]);
  expect((await nextAcked(stream)).removedResources).toEqual(['later']);
});

test('X74 X77 after unsubscribe there is nothing about a name, and subscribing again re-sends it', async () => {
  fixture = await startFixture([endpoints('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  await nextAcked(stream);
  stream.send({ typeUrl: endpointType, resourceNamesUnsubscribe: ['a', 'never'] });
  const { server } = fixture;
  await eventually(() => server.status()[0]?.types[0]?.subscribed.length === 0, 'nothing is subscribed');
  fixture.set([endpoints('a', 2)]);
  await stream.silence();
  stream.send({ typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  expect(names(await stream.next())).toEqual(['a']);
});

test('X75 under a wildcard, unsubscribing a name is answered with what stands there; X76 superfluous ones are not', async () => {
  fixture = await startFixture([cluster('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType, resourceNamesSubscribe: ['*', 'a', 'b'] });
  const first = await nextAcked(stream);
  expect([names(first), first.removedResources]).toEqual([['a'], ['b']]);
  stream.send({ typeUrl: clusterType, resourceNamesUnsubscribe: ['a', 'b'] });
  const answer = await nextAcked(stream);
  expect([names(answer), answer.removedResources]).toEqual([['a'], ['b']]);
  stream.send({ typeUrl: clusterType, resourceNamesUnsubscribe: ['a'] });
  await stream.silence();
});

test('X29 a subscription counts whatever the nonce; X78 a push holds only what changed', async () => {
  fixture = await startFixture(Array.from({ length: 1000 }, (_, index) => endpoints(`e${index}`)));
  const stream = fixture.client.delta();
  const all = Array.from({ length: 999 }, (_, index) => `e${index}`);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: all });
  const first = await nextAcked(stream);
  expect(first.resources).toHaveLength(999);
  stream.send({ typeUrl: endpointType, responseNonce: 'old', resourceNamesSubscribe: ['e999'] });
  expect(names(await nextAcked(stream))).toEqual(['e999']);
  fixture.set(Array.from({ length: 1000 }, (_, index) => endpoints(`e${index}`, index === 7 ? 2 : 1)));
  expect(names(await nextAcked(stream))).toEqual(['e7']);
});

test('X21 one response in flight, then the newest state', async () => {
  fixture = await startFixture([endpoints('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  const first = await stream.next();
  for (let mark = 2; mark < 200; mark += 1) fixture.set([endpoints('a', mark % 100), endpoints('b', mark)]);
  await stream.silence();
  ack(stream, first);
  const second = await nextAcked(stream);
  expect(second.resources[0]?.version).toBe(endpoints('a', 99).version);
  await stream.silence();
});

test('X37 X38 X42 a refused resource is kept as an error, never sent again, and sent when it changes', async () => {
  fixture = await startFixture([endpoints('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  await nextAcked(stream);
  fixture.set([endpoints('a', 2)]);
  nack(stream, await stream.next(), 'malformed IP address: x');
  await stream.silence();
  const { server, events } = fixture;
  const error = () => server.status()[0]?.types[0]?.error;
  expect(error()).toMatchObject({ names: ['a'], message: 'malformed IP address: x' });
  expect(events.find(({ kind }) => kind === 'nacked')).toMatchObject({ names: ['a'] });
  fixture.set([endpoints('a', 2), endpoints('unrelated')]);
  await stream.silence();
  fixture.set([endpoints('a', 3)]);
  expect(names(await nextAcked(stream))).toEqual(['a']);
  await eventually(() => error() === undefined, 'the error is forgotten');
});

test('M4 a re-subscribed name whose newest content was refused gets what was good', async () => {
  fixture = await startFixture([endpoints('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  const good = await nextAcked(stream);
  fixture.set([endpoints('a', 2)]);
  nack(stream, await stream.next(), 'no');
  stream.send({ typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  expect((await nextAcked(stream)).resources).toEqual(good.resources);
  await stream.silence();
});

test('X44 E16 after a NACK that names nobody the resources come again one by one, and only the culprit is refused', async () => {
  fixture = await startFixture(['a', 'b', 'c', 'd'].map((name) => endpoints(name)));
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a', 'b', 'c', 'd'] });
  nack(stream, await stream.next(), 'malformed IP address: not.an.ip');
  const seen: string[] = [];
  for (let index = 0; index < 4; index += 1) {
    const response = await stream.next();
    expect(response.resources).toHaveLength(1);
    seen.push(...names(response));
    if (names(response)[0] === 'c') nack(stream, response, 'malformed IP address: not.an.ip');
    else ack(stream, response);
  }
  expect(seen.sort()).toEqual(['a', 'b', 'c', 'd']);
  await stream.silence();
  expect(fixture.server.status()[0]?.types[0]?.error?.names).toEqual(['c']);
});

test('X44 E15 a NACK of CDS that lists its clusters refuses these alone', async () => {
  fixture = await startFixture(['a', 'b', 'c'].map((name) => cluster(name)));
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType });
  nack(stream, await stream.next(), 'goo.gle/debugstr Error adding/updating cluster(s) b: REASON, c: REASON');
  await stream.silence();
  fixture.set([cluster('a'), cluster('b', 2), cluster('c')]);
  expect(names(await nextAcked(stream))).toEqual(['b']);
});

test('M5 refused removals are owed once more, alone, and then no more', async () => {
  fixture = await startFixture([endpoints('a'), endpoints('b'), endpoints('c')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a', 'b', 'c'] });
  await nextAcked(stream);
  fixture.set([endpoints('b', 2), endpoints('c', 2)]);
  nack(stream, await stream.next(), 'who knows');
  expect(names(await nextAcked(stream))).toHaveLength(1);
  expect(names(await nextAcked(stream))).toHaveLength(1);
  const removals = await stream.next();
  expect([names(removals), removals.removedResources]).toEqual([[], ['a']]);
  nack(stream, removals, 'no');
  await stream.silence();
});

test('X44 RDS and SDS travel one resource per response', async () => {
  fixture = await startFixture([route('r1'), route('r2'), secret('s1'), secret('s2')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: routeType, resourceNamesSubscribe: ['r1', 'r2'] });
  expect(names(await nextAcked(stream))).toEqual(['r1']);
  expect(names(await nextAcked(stream))).toEqual(['r2']);
  stream.send({ typeUrl: secretType, resourceNamesSubscribe: ['s1', 's2'] });
  expect(names(await nextAcked(stream))).toEqual(['s1']);
  expect(names(await nextAcked(stream))).toEqual(['s2']);
});

test('X43 a NACK text of 1 MiB is kept as 4 KiB', async () => {
  fixture = await startFixture([endpoints('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  nack(stream, await stream.next(), 'é'.repeat(512 * 1024));
  const { server } = fixture;
  await eventually(() => server.status()[0]?.types[0]?.error !== undefined, 'the NACK arrives');
  expect(Buffer.byteLength(server.status()[0]?.types[0]?.error?.message ?? '')).toBe(4096);
});

test('X4 an unknown type ends nothing', async () => {
  fixture = await startFixture([cluster('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: 'type.googleapis.com/none.such.Thing' });
  stream.send({ typeUrl: clusterType });
  expect(names(await stream.next())).toEqual(['a']);
});

test('X18 a first request with 60,000 versions is read', async () => {
  fixture = await startFixture([cluster('a')]);
  const stream = fixture.client.delta();
  const initialResourceVersions = Object.fromEntries(
    Array.from({ length: 60_000 }, (_, index) => [
      `outbound|80||service-${index}.namespace.svc.cluster.local/${'x'.repeat(40)}`,
      `v${index}`,
    ]),
  );
  stream.send({ node, typeUrl: clusterType, initialResourceVersions });
  expect(names(await stream.next(10_000))).toEqual(['a']);
});
