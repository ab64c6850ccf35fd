import { expect } from 'vitest';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { endpointType, routeType } from '../../src/xds/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { apiListener, assignmentOf, grpcCluster, routesTo, withGrpc } from './xds-grpc-scene.ts';

/** The resource with 100 KB that the client skips: field 15 is unknown to the type. */
function padded(resource: Resource): Resource {
  const bytes = 100_000;
  const header = Buffer.from([0x7a, (bytes & 0x7f) | 0x80, ((bytes >> 7) & 0x7f) | 0x80, bytes >> 14]);
  return createResource({ ...resource, value: Buffer.concat([resource.value, header, Buffer.alloc(bytes, 1)]) });
}

withGrpc('X19 5,000 routes and 6 MB of assignments reach a client that takes 4 MiB at once', async (scene) => {
  const [one, last] = [await scene.greeter('one'), await scene.greeter('last')];
  const names = Array.from({ length: 60 }, (_, index) => `c${index}`);
  const route = (index: number) => [`/Greeter/Call${index}`, names[index % 59] ?? ''] as const;
  const paths = Object.fromEntries([
    ...Array.from({ length: 4_999 }, (_, index) => route(index)),
    ['/Greeter/Last', 'c59'],
  ]);
  scene.server.set([
    apiListener('large'),
    routesTo('large', 'c0', { paths }),
    ...names.map((name) => grpcCluster(name)),
    ...names.map((name) => padded(assignmentOf(name, [[name === 'c59' ? last : one]]))),
  ]);
  const client = scene.client();
  expect(await client.call('large', { path: '/Greeter/Last', deadline: 40_000 })).toBe('last');
  expect(await client.call('large')).toBe('one');
  await eventually(
    'all endpoints are there',
    () => scene.server.status()[0]?.types.find(({ typeUrl }) => typeUrl === endpointType)?.held.length === 60,
  );
  const responses = scene.events.flatMap((event) => (event.kind === 'sent' ? [event] : []));
  expect(responses.filter(({ typeUrl }) => typeUrl === routeType)).toHaveLength(1);
  expect(Math.max(...responses.map(({ bytes }) => bytes))).toBeLessThan(4 * 1024 * 1024);
  // Each assignment once, whatever the number of requests: a request that names what is held already is answered with nothing.
  const sent = responses.flatMap(({ typeUrl, resources }) => (typeUrl === endpointType ? resources : []));
  expect(sent.length).toBeLessThanOrEqual(2 * names.length);
  expect(scene.server.status()[0]?.types.every(({ error }) => error === undefined)).toBe(true);
});
