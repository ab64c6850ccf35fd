import { expect } from 'vitest';
import { clusterType } from '../../src/xds/resource-types.ts';
import { conformAds } from './conform.ts';
import { cluster, eventually, node } from './xds-fixture.ts';

conformAds('a response that is never answered is told once, with all that finds it', async ({ start }) => {
  const unanswered = 300;
  const fixture = await start([cluster('a')], { timing: { unanswered } });
  const { events, server } = fixture;
  const told = () => events.filter((event) => event.kind === 'unanswered');
  const sent = () => events.filter((event) => event.kind === 'sent');
  const [hangs, answers] = [fixture.client.delta(), fixture.client.sotw()];
  hangs.send({ node, typeUrl: clusterType });
  answers.send({ node: { id: 'another' }, typeUrl: clusterType });
  const [{ nonce }, own] = [await hangs.next(), await answers.next()];
  answers.send({ typeUrl: clusterType, responseNonce: own.nonce, versionInfo: own.versionInfo });
  const [stream] = server.status();
  expect(stream?.types[0]?.inFlightSince).toBeGreaterThan(0);

  await eventually(() => told().length > 0, 'it is told');
  const [first] = told();
  const [opened] = events.filter((event) => event.kind === 'opened');
  const [response] = sent().filter((event) => event.stream === stream?.id);
  expect(first).toEqual({
    kind: 'unanswered',
    stream: stream?.id,
    node: node.id,
    peer: opened?.peer,
    typeUrl: clusterType,
    version: response?.version,
    nonce,
    waited: first?.waited,
  });
  expect(first?.waited).toBeGreaterThanOrEqual(unanswered);
  // Once, however long it waits: it is looked at every 37 ms.
  await hangs.silence(unanswered);
  expect(told()).toHaveLength(1);

  hangs.send({ typeUrl: clusterType, responseNonce: nonce });
  await eventually(() => server.status().every(({ types }) => types[0]?.inFlightSince === undefined), 'the late ACK');
  fixture.set([cluster('a', 2)]);
  const second = await hangs.next();
  await eventually(() => told().length === 3, 'the next ones are told too, of both streams');
  expect(told().map((event) => event.nonce)).toContain(second.nonce);
  await server.close();
});
