import { afterEach, expect, test } from 'vitest';
import { clusterType, endpointType, listenerType, routeType } from '../../src/xds/resource-types.ts';
import { type SotwStream, sotwName } from '../support/raw-xds-client.ts';
import { cluster, endpoints, eventually, type Fixture, listener, node, route, startFixture } from './xds-fixture.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.close();
  fixture = undefined;
});

type Response = Awaited<ReturnType<SotwStream['next']>>;
const names = (response: Response) => response.resources.map(sotwName).sort();
const ack = (stream: SotwStream, { typeUrl, nonce, versionInfo }: Response, resourceNames: string[] = []) =>
  stream.send({ typeUrl, responseNonce: nonce, versionInfo, resourceNames });
const nack = (stream: SotwStream, { typeUrl, nonce }: Response, message: string, resourceNames: string[] = []) =>
  stream.send({ typeUrl, responseNonce: nonce, resourceNames, errorDetail: { code: 13, message } });

async function nextAcked(stream: SotwStream, resourceNames: string[] = []): Promise<Response> {
  const response = await stream.next();
  ack(stream, response, resourceNames);
  return response;
}

test('X48 X51 the empty list is the wildcard and each response is the full set; X41 an ACK gets no response', async () => {
  fixture = await startFixture([cluster('a'), cluster('b')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: clusterType });
  const first = await nextAcked(stream);
  expect(names(first)).toEqual(['a', 'b']);
  await stream.silence();
  fixture.set([cluster('a'), cluster('b', 2)]);
  const second = await nextAcked(stream);
  expect(names(second)).toEqual(['a', 'b']);
  expect(second.versionInfo).not.toBe(first.versionInfo);
});

test('X48 X49 X56 M6 [] is all, [*,A] too, [A] is A, [] is then nothing', async () => {
  fixture = await startFixture([cluster('a'), cluster('b')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: clusterType });
  const all = await stream.next();
  ack(stream, all, ['*', 'a']);
  const starred = await stream.next();
  expect(names(starred)).toEqual(['a', 'b']);
  ack(stream, starred, ['a']);
  const named = await stream.next();
  expect(names(named)).toEqual(['a']);
  ack(stream, named, ['a', 'b']);
  const both = await stream.next();
  expect(names(both)).toEqual(['a', 'b']);
  ack(stream, both, []);
  const none = await stream.next();
  expect(names(none)).toEqual([]);
  ack(stream, none, []);
  fixture.set([cluster('a', 2)]);
  await stream.silence();
});

test('X50 for other types an empty list is no interest, even first', async () => {
  fixture = await startFixture([endpoints('a')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: endpointType });
  await stream.silence();
});

test('X52 X58 other types: only what changed; absence deletes nothing; an unknown name is pushed when it comes', async () => {
  fixture = await startFixture([endpoints('a'), endpoints('b')]);
  const stream = fixture.client.sotw();
  const wanted = ['a', 'b', 'later'];
  stream.send({ node, typeUrl: endpointType, resourceNames: wanted });
  expect(names(await nextAcked(stream, wanted))).toEqual(['a', 'b']);
  fixture.set([endpoints('a', 2), endpoints('b')]);
  expect(names(await nextAcked(stream, wanted))).toEqual(['a']);
  fixture.set([endpoints('a', 2)]);
  await stream.silence();
  fixture.set([endpoints('a', 2), endpoints('later')]);
  expect(names(await nextAcked(stream, wanted))).toEqual(['later']);
});

test('X53 an empty mesh is answered; X54 removing the last listener sends an empty set', async () => {
  fixture = await startFixture([]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: listenerType });
  expect(names(await nextAcked(stream))).toEqual([]);
  fixture.set([listener('l')]);
  expect(names(await nextAcked(stream))).toEqual(['l']);
  fixture.set([]);
  expect(names(await nextAcked(stream))).toEqual([]);
});

test('X55 X57 X60 newly added names are sent though unchanged; dropping one is silent, adding it again sends it', async () => {
  fixture = await startFixture([endpoints('a'), endpoints('b')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a'] });
  const first = await stream.next();
  ack(stream, first, ['a', 'b']);
  const second = await stream.next();
  expect(names(second)).toEqual(['b']);
  ack(stream, second, ['a']);
  await stream.silence();
  ack(stream, second, ['a', 'b']);
  expect(names(await nextAcked(stream, ['a', 'b']))).toEqual(['b']);
});

test('X27 X28 a stale request gets no response, but its names are kept', async () => {
  fixture = await startFixture([endpoints('a'), endpoints('b')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a'] });
  const first = await stream.next();
  ack(stream, first, ['a']);
  fixture.set([endpoints('a', 2), endpoints('b')]);
  const second = await stream.next();
  ack(stream, first, ['a', 'b']);
  await stream.silence();
  ack(stream, second, ['a', 'b']);
  expect(names(await nextAcked(stream, ['a', 'b']))).toEqual(['b']);
});

test('X30 an empty nonce after a response is a race: its names count, now or after the ACK', async () => {
  fixture = await startFixture([endpoints('a'), endpoints('b')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a'] });
  const first = await stream.next();
  stream.send({ typeUrl: endpointType, resourceNames: ['a', 'b'] });
  await stream.silence();
  ack(stream, first, ['a', 'b']);
  const second = await nextAcked(stream, ['a', 'b']);
  expect(names(second)).toEqual(['b']);
});

test('X26 an old nonce in the first request of a stream is no obstacle; X33 neither is a garbage version', async () => {
  fixture = await startFixture([cluster('a')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: clusterType, responseNonce: 'of an earlier life', versionInfo: 'garbage' });
  expect(names(await stream.next())).toEqual(['a']);
});

test('X34 a returning wildcard with the current version is left alone; the first EDS request is always answered', async () => {
  fixture = await startFixture([cluster('a'), endpoints('a')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: clusterType });
  const { versionInfo } = await nextAcked(stream);
  const again = fixture.client.sotw();
  again.send({ node, typeUrl: clusterType, versionInfo });
  await again.silence();
  again.send({ typeUrl: endpointType, versionInfo: 'x', resourceNames: ['a'] });
  const endpointsOfA = await nextAcked(again, ['a']);
  const third = fixture.client.sotw();
  third.send({ node, typeUrl: endpointType, versionInfo: endpointsOfA.versionInfo, resourceNames: ['a'] });
  expect(names(await third.next())).toEqual(['a']);
  fixture.set([cluster('a', 2), endpoints('a')]);
  expect(names(await again.next())).toEqual(['a']);
});

test('X38 M3 a refused cluster stands in the set with its last good version, and the refused set is not repeated', async () => {
  fixture = await startFixture([cluster('a'), cluster('b')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: clusterType });
  const good = await nextAcked(stream);
  fixture.set([cluster('a', 2), cluster('b', 2)]);
  nack(stream, await stream.next(), 'Error adding/updating cluster(s) b: REASON');
  await stream.silence();
  fixture.set([cluster('a', 3), cluster('b', 2)]);
  const third = await nextAcked(stream);
  expect(third.resources.find((any) => sotwName(any) === 'b')).toEqual(
    good.resources.find((any) => sotwName(any) === 'b'),
  );
  expect(Buffer.from(third.resources.find((any) => sotwName(any) === 'a')?.value ?? [])).toEqual(
    Buffer.from(cluster('a', 3).value),
  );
});

test('E15 when nothing of a refused set was applied, the rest is sent again without the culprit', async () => {
  fixture = await startFixture([cluster('a'), cluster('b'), cluster('c')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: clusterType });
  const text =
    'goo.gle/debugonly  \nname: "b"\nx: 1\n: Proto constraint validation failed (ClusterValidationError.ConnectTimeout)';
  nack(stream, await stream.next(), text);
  expect(names(await nextAcked(stream))).toEqual(['a', 'c']);
  await stream.silence();
});

test('X39 a NACK may change names: they are applied and answered, and a repeated error counts once', async () => {
  fixture = await startFixture([route('r1'), route('r2')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: routeType, resourceNames: ['r1'] });
  const bad = await stream.next();
  nack(stream, bad, 'missing ): (', ['r1', 'r2']);
  const other = await stream.next();
  expect(names(other)).toEqual(['r2']);
  nack(stream, bad, 'missing ): (', ['r1', 'r2']);
  ack(stream, other, ['r1', 'r2']);
  await stream.silence();
  const { events } = fixture;
  expect(events.filter(({ kind }) => kind === 'nacked')).toHaveLength(1);
});

test('X45 the reply of an Envoy that stopped watching is not answered', async () => {
  fixture = await startFixture([endpoints('a')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a'] });
  const first = await stream.next();
  stream.send({ typeUrl: endpointType, responseNonce: first.nonce, versionInfo: '', resourceNames: [] });
  await stream.silence();
  const { server } = fixture;
  await eventually(() => server.status()[0]?.types[0]?.inFlightSince === undefined, 'the flight ends');
});

test('X59 unknown names withhold nothing', async () => {
  fixture = await startFixture([endpoints('a'), endpoints('never asked')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a', 'a', 'unknown'] });
  expect(names(await stream.next())).toEqual(['a']);
});
