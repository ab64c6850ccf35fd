import { expect } from 'vitest';
import { clusterType, endpointType, routeType } from '../../src/xds/resource-types.ts';
import { sotwName } from '../support/raw-xds-client.ts';
import { conform } from './conform.ts';
import { ack, nack, namesIn, nextAcked } from './sotw-words.ts';
import { cluster, endpoints, eventually, node, route } from './xds-fixture.ts';

conform(
  'X38 M3 a refused cluster stands in the set with its last good version, and the refused set is not repeated',
  async ({ start }) => {
    const fixture = await start([cluster('a'), cluster('b')]);
    const stream = fixture.sotw(clusterType);
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
  },
);

conform(
  'E15 when nothing of a refused set was applied, the rest is sent again without the culprit',
  async ({ start }) => {
    const fixture = await start([cluster('a'), cluster('b'), cluster('c')]);
    const stream = fixture.sotw(clusterType);
    stream.send({ node, typeUrl: clusterType });
    const text =
      'goo.gle/debugonly  \nname: "b"\nx: 1\n: Proto constraint validation failed (ClusterValidationError.ConnectTimeout)';
    nack(stream, await stream.next(), text);
    expect(namesIn(await nextAcked(stream))).toEqual(['a', 'c']);
    await stream.silence();
  },
);

conform(
  'X39 a NACK may change names: they are applied and answered, and a repeated error counts once',
  async ({ start }) => {
    const fixture = await start([route('r1'), route('r2')]);
    const stream = fixture.sotw(routeType);
    stream.send({ node, typeUrl: routeType, resourceNames: ['r1'] });
    const bad = await stream.next();
    nack(stream, bad, 'missing ): (', ['r1', 'r2']);
    const other = await stream.next();
    expect(namesIn(other)).toEqual(['r2']);
    nack(stream, bad, 'missing ): (', ['r1', 'r2']);
    ack(stream, other, ['r1', 'r2']);
    await stream.silence();
    const { events } = fixture;
    expect(events.filter(({ kind }) => kind === 'nacked')).toHaveLength(1);
  },
);

conform('X45 the reply of an Envoy that stopped watching is not answered', async ({ start }) => {
  const fixture = await start([endpoints('a')]);
  const stream = fixture.sotw(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a'] });
  const first = await stream.next();
  stream.send({ typeUrl: endpointType, responseNonce: first.nonce, versionInfo: '', resourceNames: [] });
  await stream.silence();
  const { server } = fixture;
  await eventually(() => server.status()[0]?.types[0]?.inFlightSince === undefined, 'the flight ends');
});
