import { expect } from 'vitest';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType, listenerType, routeType } from '../../src/xds/resource-types.ts';
import type { DeltaStream } from '../support/raw-xds-client.ts';
import { conformAds } from './conform.ts';
import { ack, type DeltaResponse, nextAcked } from './delta-words.ts';
import { cluster, endpoints, eventually, listener, node, route } from './xds-fixture.ts';

const short = (typeUrl: string) =>
  ({ [clusterType]: 'CDS', [endpointType]: 'EDS', [listenerType]: 'LDS', [routeType]: 'RDS' })[typeUrl] ?? typeUrl;
const told = (response: DeltaResponse) =>
  [
    short(response.typeUrl),
    ...response.resources.map(({ name }) => name).sort(),
    ...response.removedResources.map((name) => `-${name}`),
  ].join(' ');

/** A cluster whose endpoints are asked for under a name of their own. */
function clusterOf(name: string, edsName: string, mark = 1): Resource {
  const { value } = cluster(name, mark);
  return createResource({ typeUrl: clusterType, name, value, edsName });
}

async function asks(stream: DeltaStream, requests: readonly (readonly [string, readonly string[]])[]) {
  for (const [typeUrl, names] of requests) {
    stream.send({ node, typeUrl, resourceNamesSubscribe: [...names] });
    await nextAcked(stream);
  }
  await stream.silence(50);
}

conformAds('X95 X87 endpoints follow their cluster under the service name that it gives them', async ({ start }) => {
  const content = (mark: number) => [clusterOf('x', 'service-of-x', mark), endpoints('service-of-x'), endpoints('x')];
  const fixture = await start(content(1));
  const stream = fixture.client.delta();
  await asks(stream, [
    [clusterType, []],
    [endpointType, ['service-of-x']],
    [endpointType, ['x']],
  ]);
  fixture.set(content(2));
  expect([told(await nextAcked(stream)), told(await nextAcked(stream))]).toEqual(['CDS x', 'EDS service-of-x']);
  await stream.silence();
});

conformAds('section 5 point 2: only the route to the new cluster waits, the others do not', async ({ start }) => {
  const fixture = await start([cluster('x'), endpoints('x'), route('r1', 1, ['x']), route('r2', 1, ['x'])]);
  const stream = fixture.client.delta();
  await asks(stream, [
    [clusterType, []],
    [endpointType, ['x']],
    [routeType, ['r1']],
    [routeType, ['r2']],
  ]);
  const both = [cluster('x'), endpoints('x'), cluster('y'), endpoints('y')];
  fixture.set([...both, route('r1', 2, ['y']), route('r2', 2, ['x'])]);
  const clusters = await stream.next();
  expect([told(clusters), told(await nextAcked(stream))]).toEqual(['CDS y', 'RDS r2']);
  await stream.silence(100);
  ack(stream, clusters);
  expect(told(await nextAcked(stream))).toBe('RDS r1');
});

conformAds(
  'section 5 point 2: a listener to a new cluster waits, in a SotW set its older form stands',
  async ({ start }) => {
    const to = (cluster: string, mark: number): Resource => {
      const { value } = listener('l', mark);
      return createResource({
        typeUrl: listenerType,
        name: 'l',
        value,
        references: [{ typeUrl: clusterType, name: cluster }],
      });
    };
    const fixture = await start([cluster('x'), to('x', 1), listener('other')]);
    const stream = fixture.client.sotw();
    const marks: number[][] = [];
    const take = async (acknowledge = true) => {
      const response = await stream.next();
      const { typeUrl, nonce, versionInfo, resources } = response;
      if (acknowledge) stream.send({ typeUrl, responseNonce: nonce, versionInfo });
      if (typeUrl === listenerType) marks.push(resources.map(({ value }) => value.at(-1) ?? 0).sort());
      return response;
    };
    stream.send({ node, typeUrl: clusterType });
    await take();
    stream.send({ typeUrl: listenerType });
    await take();
    fixture.set([cluster('x'), cluster('y'), to('y', 3), listener('other', 2)]);
    const clusters = await take(false);
    expect(short(clusters.typeUrl)).toBe('CDS');
    // The other listener goes out at once, and l stands in the set as it was.
    await take();
    stream.send({ typeUrl: clusterType, responseNonce: clusters.nonce, versionInfo: clusters.versionInfo });
    await take();
    expect(marks).toEqual([
      [1, 1],
      [1, 2],
      [2, 3],
    ]);
  },
);

conformAds('X21 M10 after a pause at most two responses per type, and one EDS that X87 asks for', async ({ start }) => {
  const content = (mark: number) => [
    cluster('x', mark),
    endpoints('x', mark % 100),
    listener('l', mark),
    route('r', mark, ['x']),
  ];
  const fixture = await start(content(1));
  const stream = fixture.client.delta();
  await asks(stream, [
    [clusterType, []],
    [endpointType, ['x']],
    [listenerType, []],
    [routeType, ['r']],
  ]);
  for (let mark = 2; mark <= 99; mark += 1) fixture.set(content(mark));
  await eventually(() => stream.waiting() > 0, 'the first responses are on their way');
  for (let mark = 2; mark <= 99; mark += 1) fixture.set(content(mark));
  const counts = new Map<string, number>();
  const newest = new Map<string, string>();
  for (;;) {
    const response = await stream.next(400).catch(() => undefined);
    if (response === undefined) break;
    const type = short(response.typeUrl);
    counts.set(type, (counts.get(type) ?? 0) + 1);
    newest.set(type, response.resources[0]?.version ?? '');
    ack(stream, response);
  }
  expect(Object.fromEntries(newest)).toEqual(
    Object.fromEntries(content(99).map(({ typeUrl, version }) => [short(typeUrl), version])),
  );
  for (const [type, count] of counts) expect(count, type).toBeLessThanOrEqual(type === 'EDS' ? 3 : 2);
});
