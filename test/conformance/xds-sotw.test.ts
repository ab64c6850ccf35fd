import { expect } from 'vitest';
import { clusterType, endpointType, listenerType, routeType } from '../../src/xds/resource-types.ts';
import { conform, conformAds } from './conform.ts';
import { ack, namesIn, nextAcked } from './sotw-words.ts';
import { cluster, endpoints, listener, node, route } from './xds-fixture.ts';

conform(
  'X48 X51 the empty list is the wildcard and each response is the full set; X41 an ACK gets no response',
  async ({ start }) => {
    const fixture = await start([cluster('a'), cluster('b')]);
    const stream = fixture.sotw(clusterType);
    stream.send({ node, typeUrl: clusterType });
    const first = await nextAcked(stream);
    expect(namesIn(first)).toEqual(['a', 'b']);
    await stream.silence();
    fixture.set([cluster('a'), cluster('b', 2)]);
    const second = await nextAcked(stream);
    expect(namesIn(second)).toEqual(['a', 'b']);
    expect(second.versionInfo).not.toBe(first.versionInfo);
  },
);

conform('X48 X49 X56 M6 [] is all, [*,A] too, [A] is A, [] is then nothing', async ({ start }) => {
  const fixture = await start([cluster('a'), cluster('b')]);
  const stream = fixture.sotw(clusterType);
  stream.send({ node, typeUrl: clusterType });
  const all = await stream.next();
  ack(stream, all, ['*', 'a']);
  const starred = await stream.next();
  expect(namesIn(starred)).toEqual(['a', 'b']);
  ack(stream, starred, ['a']);
  const named = await stream.next();
  expect(namesIn(named)).toEqual(['a']);
  ack(stream, named, ['a', 'b']);
  const both = await stream.next();
  expect(namesIn(both)).toEqual(['a', 'b']);
  ack(stream, both, []);
  const none = await stream.next();
  expect(namesIn(none)).toEqual([]);
  ack(stream, none, []);
  fixture.set([cluster('a', 2)]);
  await stream.silence();
});

conform('X50 for other types an empty list is no interest, even first', async ({ start }) => {
  const fixture = await start([endpoints('a')]);
  const stream = fixture.sotw(endpointType);
  stream.send({ node, typeUrl: endpointType });
  await stream.silence();
});

conform(
  'X52 X58 X90 other types: only what changed; absence deletes nothing; an unknown name is empty, and pushed when it comes',
  async ({ start }) => {
    const fixture = await start([endpoints('a'), endpoints('b')]);
    const stream = fixture.sotw(endpointType);
    const wanted = ['a', 'b', 'later'];
    stream.send({ node, typeUrl: endpointType, resourceNames: wanted });
    // X90: an assignment without endpoints stands for the one that does not exist.
    expect(namesIn(await nextAcked(stream, wanted))).toEqual(['a', 'b', 'later']);
    fixture.set([endpoints('a', 2), endpoints('b')]);
    expect(namesIn(await nextAcked(stream, wanted))).toEqual(['a']);
    fixture.set([endpoints('a', 2)]);
    await stream.silence();
    fixture.set([endpoints('a', 2), endpoints('later')]);
    expect(namesIn(await nextAcked(stream, wanted))).toEqual(['later']);
  },
);

conform('X53 an empty mesh is answered; X54 removing the last listener sends an empty set', async ({ start }) => {
  const fixture = await start([]);
  const stream = fixture.sotw(listenerType);
  stream.send({ node, typeUrl: listenerType });
  expect(namesIn(await nextAcked(stream))).toEqual([]);
  fixture.set([listener('l')]);
  expect(namesIn(await nextAcked(stream))).toEqual(['l']);
  fixture.set([]);
  expect(namesIn(await nextAcked(stream))).toEqual([]);
});

conform(
  'X55 X57 X60 newly added names are sent though unchanged; dropping one is silent, adding it again sends it',
  async ({ start }) => {
    const fixture = await start([endpoints('a'), endpoints('b')]);
    const stream = fixture.sotw(endpointType);
    stream.send({ node, typeUrl: endpointType, resourceNames: ['a'] });
    const first = await stream.next();
    ack(stream, first, ['a', 'b']);
    const second = await stream.next();
    expect(namesIn(second)).toEqual(['b']);
    ack(stream, second, ['a']);
    await stream.silence();
    ack(stream, second, ['a', 'b']);
    expect(namesIn(await nextAcked(stream, ['a', 'b']))).toEqual(['b']);
  },
);

conform('X27 X28 a stale request gets no response, but its names are kept', async ({ start }) => {
  const fixture = await start([endpoints('a'), endpoints('b')]);
  const stream = fixture.sotw(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a'] });
  const first = await stream.next();
  ack(stream, first, ['a']);
  fixture.set([endpoints('a', 2), endpoints('b')]);
  const second = await stream.next();
  ack(stream, first, ['a', 'b']);
  await stream.silence();
  ack(stream, second, ['a', 'b']);
  expect(namesIn(await nextAcked(stream, ['a', 'b']))).toEqual(['b']);
});

conform('X30 an empty nonce after a response is a race: its names count, now or after the ACK', async ({ start }) => {
  const fixture = await start([endpoints('a'), endpoints('b')]);
  const stream = fixture.sotw(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a'] });
  const first = await stream.next();
  stream.send({ typeUrl: endpointType, resourceNames: ['a', 'b'] });
  await stream.silence();
  ack(stream, first, ['a', 'b']);
  const second = await nextAcked(stream, ['a', 'b']);
  expect(namesIn(second)).toEqual(['b']);
});

conform(
  'X26 an old nonce in the first request of a stream is no obstacle; X33 neither is a garbage version',
  async ({ start }) => {
    const fixture = await start([cluster('a')]);
    const stream = fixture.sotw(clusterType);
    stream.send({ node, typeUrl: clusterType, responseNonce: 'of an earlier life', versionInfo: 'garbage' });
    expect(namesIn(await stream.next())).toEqual(['a']);
  },
);

conformAds(
  'X34 a returning wildcard with the current version is left alone; the first EDS request is always answered',
  async ({ start }) => {
    const fixture = await start([cluster('a'), endpoints('a')]);
    const stream = fixture.sotw(clusterType);
    stream.send({ node, typeUrl: clusterType });
    const { versionInfo } = await nextAcked(stream);
    const again = fixture.sotw(clusterType);
    again.send({ node, typeUrl: clusterType, versionInfo });
    await again.silence();
    again.send({ typeUrl: endpointType, versionInfo: 'x', resourceNames: ['a'] });
    const endpointsOfA = await nextAcked(again, ['a']);
    const third = fixture.sotw(endpointType);
    third.send({ node, typeUrl: endpointType, versionInfo: endpointsOfA.versionInfo, resourceNames: ['a'] });
    expect(namesIn(await third.next())).toEqual(['a']);
    fixture.set([cluster('a', 2), endpoints('a')]);
    expect(namesIn(await again.next())).toEqual(['a']);
  },
);

conform('X59 unknown names withhold nothing', async ({ start }) => {
  const fixture = await start([endpoints('a'), endpoints('never asked')]);
  const stream = fixture.sotw(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a', 'a', 'unknown'] });
  expect(namesIn(await stream.next())).toEqual(['a', 'unknown']);
});

conform('X59 one unknown route configuration withholds no other', async ({ start }) => {
  const fixture = await start([route('r')]);
  const stream = fixture.sotw(routeType);
  stream.send({ node, typeUrl: routeType, resourceNames: ['unknown', 'r'] });
  expect(namesIn(await nextAcked(stream, ['unknown', 'r']))).toEqual(['r']);
  await stream.silence();
  fixture.set([route('r'), route('unknown')]);
  expect(namesIn(await stream.next())).toEqual(['unknown']);
});
