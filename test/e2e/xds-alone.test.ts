import { describe, expect, test } from 'vitest';
import type { Resource } from '../../src/xds/resource.ts';
import { endpointType, listenerType, routeType } from '../../src/xds/resource-types.ts';
import { type FixtureOptions, startFixture } from '../conformance/xds-fixture.ts';
import { startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { startLoad } from '../support/load.ts';
import { variants } from '../support/member.ts';
import {
  alone,
  assignment,
  edsCluster,
  httpListener,
  routes,
  startFaultyWay,
  startPlainEnvoy,
} from '../support/plain-envoy.ts';
import { stoppedAfterEach } from '../support/stopped-after-each.ts';
import { nextAddress } from '../support/test-mesh.ts';
import { expectAllAnswered, isLong, promise, times } from '../support/xds-callers.ts';

const running = stoppedAfterEach();

async function serve(resources: readonly Resource[], options: FixtureOptions = {}) {
  const fixture = await startFixture(resources, options);
  running.push(fixture.close);
  return fixture;
}

async function run(options: Parameters<typeof startPlainEnvoy>[0]) {
  const envoy = await startPlainEnvoy(options);
  running.push(envoy.kill);
  return envoy;
}

/** The proxy's port of a listener; what it is told is beside the point. */
const port = 15_001;

describe.each(variants)('%s', (variant) => {
  test('X53 X68 with nothing to configure Envoy is LIVE at once: an empty set is an answer', async () => {
    const { server, events } = await serve([]);
    const envoy = await run({ xdsPort: server.port, variant });
    await eventually('the stream opens', () => events.some(({ kind }) => kind === 'opened'), 10_000, 2);
    const opened = performance.now();
    // Without the two answers it would wait for ever (E5).
    await eventually('Envoy is live', () => envoy.admin.ready(), 5_000, 5);
    const took = Math.round(performance.now() - opened);
    promise('X53 X68', `${variant}: live ${took} ms after its stream opened`);
    expect(took).toBeLessThan(1_000);
  });

  test('X90 a cluster without endpoints, and one that nobody has assigned any, hold no start up', async () => {
    const bind = nextAddress();
    const { server, events } = await serve([
      edsCluster('empty'),
      assignment('empty'),
      edsCluster('unassigned'),
      httpListener('front', bind, port),
      routes('front', 'empty'),
    ]);
    const envoy = await run({ xdsPort: server.port, variant });
    await eventually('the stream opens', () => events.some(({ kind }) => kind === 'opened'), 10_000, 2);
    const opened = performance.now();
    await eventually('Envoy is live', () => envoy.admin.ready(), 20_000, 5);
    const took = Math.round(performance.now() - opened);
    promise('X90', `${variant}: live ${took} ms after its stream opened`);
    expect(took).toBeLessThan(1_000);
    expect(await envoy.stat('cluster.unassigned.init_fetch_timeout')).toBe(0);
  });

  test('X13 X17 X24 connections grow old, and instances are closed one after another: 0 failed, nothing is configured anew', {
    timeout: times(120_000, 400_000),
  }, async () => {
    const [address, bind] = [nextAddress(), nextAddress()];
    const application = await startApplication({ address, port: 9_080 }, 'old');
    running.push(application.close);
    const age = { maxAge: times(1_500, 5_000), maxAgeGrace: times(300, 1_000) };
    const content = [
      edsCluster('c'),
      assignment('c', { address, port: 9_080 }),
      routes('front', 'c'),
      httpListener('front', bind, port),
    ];
    const first = await serve(content, { connection: age, identifier: 'first' });
    const { server, events } = first;
    const envoy = await run({ xdsPort: server.port, variant });
    await eventually('Envoy is live', () => envoy.admin.ready());
    const shown = () => envoy.admin.get('/stats?type=All&filter=^control_plane.identifier$');
    expect(await shown()).toContain('first');
    const load = startLoad({ host: bind, port }, 200);
    const rounds = times(3, 30);
    const opened = () => events.filter(({ kind }) => kind === 'opened').length;
    const goal = opened() + rounds;
    await eventually(`${rounds} new streams`, () => opened() >= goal, times(30_000, 600_000));
    await load.more(100);
    const instances = [first];
    for (const identifier of ['second', 'third']) {
      await instances.at(-1)?.close();
      const next = await serve(content, { connection: age, port: server.port, identifier });
      instances.push(next);
      const isThere = () => next.events.some(({ kind }) => kind === 'opened');
      await eventually(`a stream to the ${identifier}`, isThere, 20_000);
      // In delta nothing is sent that would say so: it holds all.
      if (variant === 'sotw')
        await eventually(`Envoy is served by the ${identifier}`, async () => (await shown()).includes(identifier));
      await load.more(50);
    }
    const report = await load.stop();
    const sent = `${report.sent} sent, ${report.sent - report.succeeded} failed`;
    promise('X17', `${variant}: ${opened()} streams, then ${instances.length - 1} instances more, ${sent}`);
    expectAllAnswered([report], 'old');
    // A stream that comes back holds all; whole sets are asked anew for what may be warming (X34).
    const [begun] = events.flatMap((event) => (event.kind === 'opened' ? [event.stream] : []));
    const again = instances.flatMap((instance) =>
      instance.events.flatMap((event) =>
        event.kind === 'sent' && (instance !== first || event.stream !== begun) ? [event.typeUrl] : [],
      ),
    );
    const asked = variant === 'delta' ? [] : [endpointType, routeType];
    expect([...new Set(again)].sort()).toEqual(asked.sort());
    const changes = await envoy.admin.stats('(listener|cluster)_(added|modified|removed)$|update_rejected');
    expect(Object.fromEntries([...changes].filter(([, value]) => value > 0))).toEqual({
      'cluster_manager.cluster_added': 2,
      'listener_manager.listener_added': 1,
    });
  });

  test('X1 X20 an Envoy that does not aggregate has a stream for each of its clusters, on one connection', {
    timeout: times(60_000, 120_000),
  }, async () => {
    const names = Array.from({ length: times(400, 1_000) }, (_, index) => `c${index}`);
    const endpoint = { address: '127.0.0.1', port: 9 };
    const clusters = names.map((name) => edsCluster(name, alone(variant)));
    const { server, set, events } = await serve([...clusters, ...names.map((name) => assignment(name, endpoint))]);
    const dynamic = { cds_config: alone(variant), lds_config: alone(variant) };
    const envoy = await run({ xdsPort: server.port, variant, more: { bootstrap: { dynamic_resources: dynamic } } });
    await eventually('Envoy is live', () => envoy.admin.ready(), 60_000, 10);
    const streams = server.status();
    const asked = streams.filter(({ types }) => types.some(({ typeUrl }) => typeUrl === endpointType));
    expect(asked).toHaveLength(names.length);
    expect(new Set(streams.map(({ peer }) => peer)).size).toBe(1);
    expect(events.filter(({ kind }) => kind === 'refused')).toEqual([]);
    const members = await envoy.admin.stats('^cluster\\.c[0-9]+\\.membership_total$');
    expect([...members.values()]).toEqual(names.map(() => 1));
    // What Envoy itself takes to make the clusters comes before.
    const opened = asked.map(({ openedAt }) => openedAt);
    const took = Math.max(...opened) - Math.min(...opened);
    const began = performance.now();
    set([...clusters, ...names.map((name) => assignment(name, { ...endpoint, port: 10 }))]);
    const updates = () => envoy.admin.stats('^cluster\\.c[0-9]+\\.update_success$');
    await eventually('all have the change', async () => [...(await updates()).values()].every((count) => count === 2));
    const change = Math.round(performance.now() - began);
    promise(
      'X20',
      `${variant}: ${asked.length} streams of endpoints let in within ${took} ms, changed after ${change} ms`,
    );
    // Beside other tests it is Envoy that takes its time.
    if (isLong) expect(took).toBeLessThan(5_000);
    const given = await envoy.admin.stats('^cluster\\.c[0-9]+\\.init_fetch_timeout$');
    expect([...given.values()].filter((count) => count > 0)).toEqual([]);
  });

  test('X15 a connection on which nothing arrives any more is noticed on both sides', {
    timeout: times(120_000, 200_000),
  }, async () => {
    const { server } = await serve([], isLong ? {} : { connection: { keepaliveTime: 1_000, keepaliveTimeout: 500 } });
    const way = await startFaultyWay(server.port);
    running.push(way.close);
    const keepalive = isLong ? {} : { keepalive: { interval: '1s', timeout: '0.5s' } };
    const envoy = await run({ xdsPort: way.port, variant, ...keepalive });
    await eventually('Envoy is live', () => envoy.admin.ready());
    const [first] = server.status();
    way.swallow(true);
    const began = performance.now();
    const noticed = async (what: string, look: () => Promise<boolean> | boolean) => {
      await eventually(what, look, times(5_000, 60_000));
      return Math.round(performance.now() - began);
    };
    const took = await Promise.all([
      // It may be connected again a moment later, to where nothing arrives either.
      noticed('Envoy notices', async () => (await envoy.stat('cluster.xds.http2.keepalive_timeout')) > 0),
      noticed('the server notices', () => server.status().every(({ id }) => id !== first?.id)),
    ]);
    promise('X15', `${variant}: Envoy noticed after ${took[0]} ms, the server after ${took[1]} ms`);
    way.swallow(false);
    await eventually('they find each other again', () => server.status().length === 1);
    await eventually('and Envoy knows', async () => (await envoy.stat('control_plane.connected_state')) === 1);
  });
});

// Whole sets have no word for what does not exist; in delta Envoy hears at once that there is none, and does not wait.
test('X46 a listener that still warms is acknowledged: whether it acts is known from Envoy alone', async () => {
  const { server, set } = await serve([]);
  const envoy = await run({ xdsPort: server.port, variant: 'sotw' });
  // Listeners that come before are part of Envoy's own start.
  await eventually('Envoy is live', () => envoy.admin.ready());
  set([
    edsCluster('c'),
    assignment('c'),
    routes('front', 'c'),
    httpListener('front', nextAddress(), port, 'nobody-has-this-key'),
  ]);
  const type = () => server.status()[0]?.types.find(({ typeUrl }) => typeUrl === listenerType);
  await eventually('the listener is acknowledged', () => type()?.held.length === 1 && type()?.owed === 0);
  await eventually('nothing is in flight', () => type()?.inFlightSince === undefined);
  expect(type()?.error).toBeUndefined();
  expect(await envoy.stat('listener_manager.total_listeners_warming')).toBe(1);
  expect(await envoy.stat('listener_manager.total_listeners_active')).toBe(0);
  const dumps = await envoy.admin.configDump('dynamic_listeners');
  expect(dumps.map((dump) => Object.keys(dump as object))).toEqual([['@type', 'name', 'warming_state']]);
});
