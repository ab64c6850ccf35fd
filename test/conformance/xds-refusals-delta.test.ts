import { expect } from 'vitest';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import { conform } from './conform.ts';
import { ack, nack, namesIn, nextAcked } from './delta-words.ts';
import { cluster, endpoints, eventually, node } from './xds-fixture.ts';

conform(
  'X37 X38 X42 a refused resource is kept as an error, never sent again, and sent when it changes',
  async ({ start }) => {
    const fixture = await start([endpoints('a')]);
    const stream = fixture.delta(endpointType);
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
    expect(namesIn(await nextAcked(stream))).toEqual(['a']);
    await eventually(() => error() === undefined, 'the error is forgotten');
  },
);

conform('M4 a re-subscribed name whose newest content was refused gets what was good', async ({ start }) => {
  const fixture = await start([endpoints('a')]);
  const stream = fixture.delta(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  const good = await nextAcked(stream);
  fixture.set([endpoints('a', 2)]);
  nack(stream, await stream.next(), 'no');
  stream.send({ typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  expect((await nextAcked(stream)).resources).toEqual(good.resources);
  await stream.silence();
});

conform(
  'X44 E16 after a NACK that names nobody the resources come again one by one, and only the culprit is refused',
  async ({ start }) => {
    const fixture = await start(['a', 'b', 'c', 'd'].map((name) => endpoints(name)));
    const stream = fixture.delta(endpointType);
    stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a', 'b', 'c', 'd'] });
    nack(stream, await stream.next(), 'malformed IP address: not.an.ip');
    const seen: string[] = [];
    for (let index = 0; index < 4; index += 1) {
      const response = await stream.next();
      expect(response.resources).toHaveLength(1);
      seen.push(...namesIn(response));
      if (namesIn(response)[0] === 'c') nack(stream, response, 'malformed IP address: not.an.ip');
      else ack(stream, response);
    }
    expect(seen.sort()).toEqual(['a', 'b', 'c', 'd']);
    await stream.silence();
    expect(fixture.server.status()[0]?.types[0]?.error?.names).toEqual(['c']);
  },
);

conform('X44 E15 a NACK of CDS that lists its clusters refuses these alone', async ({ start }) => {
  const fixture = await start(['a', 'b', 'c'].map((name) => cluster(name)));
  const stream = fixture.delta(clusterType);
  stream.send({ node, typeUrl: clusterType });
  nack(stream, await stream.next(), 'goo.gle/debugstr Error adding/updating cluster(s) b: REASON, c: REASON');
  await stream.silence();
  fixture.set([cluster('a'), cluster('b', 2), cluster('c')]);
  expect(namesIn(await nextAcked(stream))).toEqual(['b']);
});

conform('M5 refused removals are owed once more, alone, and then no more', async ({ start }) => {
  const fixture = await start([endpoints('a'), endpoints('b'), endpoints('c')]);
  const stream = fixture.delta(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a', 'b', 'c'] });
  await nextAcked(stream);
  fixture.set([endpoints('b', 2), endpoints('c', 2)]);
  nack(stream, await stream.next(), 'who knows');
  expect(namesIn(await nextAcked(stream))).toHaveLength(1);
  expect(namesIn(await nextAcked(stream))).toHaveLength(1);
  const removals = await stream.next();
  expect([namesIn(removals), removals.removedResources]).toEqual([[], ['a']]);
  nack(stream, removals, 'no');
  await stream.silence();
});

conform('X43 a NACK text of 1 MiB is kept as 4 KiB', async ({ start }) => {
  const fixture = await start([endpoints('a')]);
  const stream = fixture.delta(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: ['a'] });
  nack(stream, await stream.next(), 'é'.repeat(512 * 1024));
  const { server } = fixture;
  await eventually(() => server.status()[0]?.types[0]?.error !== undefined, 'the NACK arrives');
  expect(Buffer.byteLength(server.status()[0]?.types[0]?.error?.message ?? '')).toBe(4096);
});
