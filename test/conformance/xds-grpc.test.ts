import { expect } from 'vitest';
import { clusterType, endpointType, listenerType, routeType } from '../../src/xds/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { apiListener, assignmentOf, grpcCluster, routesTo, service, withGrpc } from './xds-grpc-scene.ts';

withGrpc(
  'X5 X50 X90 a gRPC client calls through what it is served, and follows endpoints as they change',
  async (scene) => {
    const [one, two] = [await scene.greeter('one'), await scene.greeter('two')];
    scene.server.set(service('greeter', one));
    const client = scene.client(true);
    expect(await client.call('greeter')).toBe('one');
    scene.server.update({ set: [assignmentOf('greeter', [[two]])] });
    await eventually('the new endpoint answers', async () => (await client.call('greeter')) === 'two');
    scene.server.update({ set: [assignmentOf('greeter', [[one, two]])] });
    await eventually('both answer', async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => client.call('greeter')));
      return answers.includes('one') && answers.includes('two');
    });
    expect(client.requests().filter(({ node }) => node !== null)).toHaveLength(1);
    const [stream] = scene.server.status();
    expect(stream?.types.map(({ typeUrl }) => typeUrl)).toEqual([clusterType, endpointType, listenerType, routeType]);
    expect(stream?.types.map(({ error, wildcard }) => ({ error, wildcard }))).toEqual(
      Array.from({ length: 4 }, () => ({ error: undefined, wildcard: false })),
    );
  },
);

withGrpc(
  'X56 X57 named LDS and CDS: a name more brings all, a name less brings no trouble, and again brings it again',
  async (scene) => {
    const [one, two] = [await scene.greeter('one'), await scene.greeter('two')];
    scene.server.set([...service('a', one), ...service('b', two), ...service('c', two)]);
    const client = scene.client(true);
    const named = (typeUrl: string) =>
      scene.server.status()[0]?.types.find((type) => type.typeUrl === typeUrl)?.subscribed;
    expect(await client.call('a')).toBe('one');
    expect(named(listenerType)).toEqual(['a']);
    expect(await client.call('b')).toBe('two');
    expect([named(listenerType), named(clusterType)]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    const last = scene.events.findLast((event) => event.kind === 'sent' && event.typeUrl === listenerType);
    expect(last?.kind === 'sent' && last.resources.map(({ name }) => name)).toContain('b');
    expect(await client.call('a')).toBe('one');
    await client.close('b');
    await eventually('b is no longer asked for', () => named(listenerType)?.length === 1);
    expect(await client.call('a')).toBe('one');
    expect(await client.call('b')).toBe('two');
    expect(await client.call('a')).toBe('one');
  },
);

withGrpc(
  'X52 X54 X58 what is not there yet comes when it is made; what goes is gone, and comes back',
  async (scene) => {
    const one = await scene.greeter('one');
    scene.server.set([]);
    const client = scene.client();
    const early = client.call('later');
    await eventually('it asks', () => scene.server.status()[0]?.types[0]?.subscribed.includes('later'));
    scene.server.set(service('later', one));
    expect(await early).toBe('one');
    scene.server.set([]);
    await eventually('the service is gone', async () => {
      const failure = await client
        .call('later', { wait: false, deadline: 2_000 })
        .catch((error: Error) => error.message);
      return /does not exist|UNAVAILABLE/.test(failure);
    });
    // This client takes no notice of a listener that comes back as it was before it went.
    scene.server.set([...service('later', one).slice(1), apiListener('later', { mark: 'again' })]);
    expect(await client.call('later')).toBe('one');
  },
);

withGrpc('X14 X26 X34 a client whose server starts anew keeps calling, and follows the new one', async (scene) => {
  const [one, two] = [await scene.greeter('one'), await scene.greeter('two')];
  scene.server.set(service('greeter', one));
  const client = scene.client();
  expect(await client.call('greeter')).toBe('one');
  const server = await scene.restart();
  expect(await client.call('greeter')).toBe('one');
  server.set(service('greeter', one));
  await eventually('the client comes back', () => server.status()[0]?.types.length === 4, 20_000);
  expect(await client.call('greeter')).toBe('one');
  server.update({ set: [assignmentOf('greeter', [[two]])] });
  await eventually('the new endpoint answers', async () => (await client.call('greeter')) === 'two');
});

withGrpc('X91 X92 a route goes to a new cluster and the old one is deleted: every call is answered', async (scene) => {
  const [one, two] = [await scene.greeter('one'), await scene.greeter('two')];
  scene.server.set(service('greeter', one));
  const client = scene.client();
  const answers: string[] = [await client.call('greeter')];
  scene.server.set([
    apiListener('greeter'),
    routesTo('greeter', 'new'),
    grpcCluster('new'),
    assignmentOf('new', [[two]]),
  ]);
  await eventually('the new cluster answers', async () => {
    answers.push(await client.call('greeter', { wait: false }));
    return answers.at(-1) === 'two';
  });
  await eventually('the old cluster is not asked for', () => {
    const clusters = scene.server.status()[0]?.types.find(({ typeUrl }) => typeUrl === clusterType);
    return clusters?.subscribed.join() === 'new';
  });
  expect(await client.call('greeter', { wait: false })).toBe('two');
  expect(new Set(answers)).toEqual(new Set(['one', 'two']));
});

withGrpc(
  'X106 X107 a TTL reaches no client that does not know it: resources come bare, without a wrapper',
  async (scene) => {
    const one = await scene.greeter('one');
    scene.server.set([...service('greeter', one).slice(1), apiListener('greeter', { ttl: 60_000 })]);
    const client = scene.client(true);
    expect(await client.call('greeter')).toBe('one');
    // It names no feature for TTLs, and refuses an Any of any other type than that of the response.
    expect(scene.server.status()[0]?.node.clientFeatures).toEqual(['envoy.lb.does_not_support_overprovisioning']);
    expect(client.requests().filter((request) => request.error_detail !== null)).toEqual([]);
  },
);

withGrpc(
  'X110 nothing relies on the overprovisioning factor: a priority counts until none of its endpoints is left',
  async (scene) => {
    const [one, sick, two] = [await scene.greeter('one'), await scene.greeter('sick'), await scene.greeter('two')];
    const unhealthy = (port: number) => ({ port, health: 'UNHEALTHY' });
    const content = service('greeter', one).slice(0, 3);
    scene.server.set([...content, assignmentOf('greeter', [[one, unhealthy(sick)], [two]], 100)]);
    const client = scene.client();
    const answers = await Promise.all(Array.from({ length: 12 }, () => client.call('greeter')));
    expect(new Set(answers)).toEqual(new Set(['one']));
    scene.server.update({ set: [assignmentOf('greeter', [[unhealthy(one), unhealthy(sick)], [two]], 100)] });
    await eventually('the second priority answers', async () => (await client.call('greeter')) === 'two');
  },
);
