import { status } from '@grpc/grpc-js';
import { expect } from 'vitest';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import { connectH2 } from '../support/h2-stream.ts';
import { conformAds } from './conform.ts';
import { nextAcked } from './delta-words.ts';
import { cluster, eventually, node } from './xds-fixture.ts';

conformAds('X8 E4 T4 a refused call hears our words, before anything of it is read', async ({ start }) => {
  const message = 'WEFT0401 unknown token: create one with `weft token`';
  let opened = 0;
  const fixture = await start([cluster('a')], {
    authenticate: ({ headers, peer }) => {
      expect(peer).toMatch(/^127\.0\.0\.1:\d+$/);
      const ok = headers.get('authorization')?.[0] === 'Bearer good';
      return ok ? { ok: 'workload' } : { refused: { code: status.UNAUTHENTICATED, message } };
    },
    open: ({ principal }) => {
      opened += 1;
      const refused = { code: status.PERMISSION_DENIED, message: `${principal} may not be this node` };
      return { refused };
    },
  });
  const bad = fixture.client.delta({ authorization: 'Bearer bad' });
  bad.send({ node, typeUrl: clusterType });
  expect(await bad.closed).toEqual({ code: status.UNAUTHENTICATED, details: message });
  expect(opened).toBe(0);
  const good = fixture.client.sotw({ authorization: 'Bearer good' });
  good.send({ node, typeUrl: clusterType });
  expect(await good.closed).toEqual({ code: status.PERMISSION_DENIED, details: 'workload may not be this node' });
});

conformAds('X2 X5 X6 the first request must carry a node and each its type', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  for (const request of [{ typeUrl: clusterType }, { node: { id: '' }, typeUrl: clusterType }, { node }]) {
    const stream = fixture.client.delta();
    stream.send(request);
    expect((await stream.closed).code).toBe(status.INVALID_ARGUMENT);
  }
});

conformAds('X7 X12 identity is frozen at the first node; streams of one node are apart', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const [one, two] = [fixture.client.delta(), fixture.client.delta()];
  one.send({ node, typeUrl: clusterType });
  two.send({ node, typeUrl: clusterType });
  await nextAcked(one);
  await nextAcked(two);
  two.send({ node: { id: 'someone else' }, typeUrl: endpointType, resourceNamesSubscribe: ['e'] });
  await nextAcked(two);
  expect(fixture.server.status().map((stream) => stream.node.id)).toEqual([node.id, node.id]);
  one.halfClose();
  expect((await one.closed).code).toBe(status.OK);
  fixture.set([cluster('a', 2)]);
  expect((await nextAcked(two)).resources).toHaveLength(1);
});

conformAds('X9 before the first snapshot the answer is UNAVAILABLE, never empty', async ({ start }) => {
  const fixture = await start(undefined);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: clusterType });
  expect((await stream.closed).code).toBe(status.UNAVAILABLE);
});

conformAds('X11 half-close ends with OK, a cancel frees as well', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const [ended, cancelled] = [fixture.client.delta(), fixture.client.sotw()];
  for (const stream of [ended, cancelled]) {
    stream.send({ node, typeUrl: clusterType });
    await stream.next();
  }
  const { server, watchers, events } = fixture;
  expect([server.status().length, watchers()]).toEqual([2, 2]);
  ended.halfClose();
  cancelled.cancel();
  expect((await ended.closed).code).toBe(status.OK);
  await eventually(() => server.status().length + watchers() === 0, 'everything is freed');
  expect(events.filter(({ kind }) => kind === 'closed')).toHaveLength(2);
});

conformAds('a revoked principal: its streams end with a status and words, others live', async ({ start }) => {
  const fixture = await start([cluster('a')], {
    authenticate: ({ headers }) => ({ ok: headers.get('who')?.[0] ?? '' }),
  });
  const [mallory, alice] = [fixture.client.delta({ who: 'mallory' }), fixture.client.delta({ who: 'alice' })];
  for (const stream of [mallory, alice]) {
    stream.send({ node, typeUrl: clusterType });
    await nextAcked(stream);
  }
  const ended = fixture.server.closeStreams(
    ({ principal }) => principal === 'mallory',
    status.UNAUTHENTICATED,
    'revoked',
  );
  expect(ended).toBe(1);
  expect(await mallory.closed).toEqual({ code: status.UNAUTHENTICATED, details: 'revoked' });
  fixture.set([cluster('a', 2)]);
  expect((await nextAcked(alice)).resources).toHaveLength(1);
});

conformAds('X24 close ends streams with UNAVAILABLE and frees the port; a port in use is told', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  const { port } = fixture.server;
  await expect(start([], { port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await fixture.server.close();
  expect((await stream.closed).code).toBe(status.UNAVAILABLE);
  const successor = await start([], { port });
  expect(successor.server.port).toBe(port);
  await successor.close();
});

conformAds(
  'X17 a connection has an age: GOAWAY, a grace, then the stream ends and the client may come again',
  async ({ start }) => {
    const fixture = await start([cluster('a')], { connection: { maxAge: 300, maxAgeGrace: 100 } });
    const stream = fixture.client.delta();
    stream.send({ node, typeUrl: clusterType });
    await nextAcked(stream);
    expect((await stream.closed).code).not.toBe(status.OK);
    const { server } = fixture;
    await eventually(() => server.status().length === 0, 'the stream is freed');
    const again = fixture.client.delta();
    again.send({ node, typeUrl: clusterType });
    expect((await again.next()).resources).toHaveLength(1);
  },
);

conformAds('X24 a shutdown says GOAWAY, ends streams with UNAVAILABLE, and pushes nothing', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const h2 = connectH2(fixture.server.port);
  let goaway = false;
  h2.session.on('goaway', () => {
    goaway = true;
  });
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: clusterType });
  const { nonce, versionInfo } = await stream.next();
  stream.send({ typeUrl: clusterType, responseNonce: nonce, versionInfo });
  await h2.ping().catch(() => undefined);
  fixture.set([]);
  const closing = fixture.server.close();
  expect((await stream.closed).code).toBe(status.UNAVAILABLE);
  await closing;
  expect(goaway).toBe(true);
  expect(stream.waiting()).toBe(0);
  h2.close();
});
