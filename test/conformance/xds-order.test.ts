import { expect } from 'vitest';
import { clusterType, endpointType, listenerType, routeType } from '../../src/xds/resource-types.ts';
import { type DeltaStream, sotwName } from '../support/raw-xds-client.ts';
import { conformAds, type Lab } from './conform.ts';
import { cluster, endpoints, type Fixture, listener, node, route } from './xds-fixture.ts';

type Response = Awaited<ReturnType<DeltaStream['next']>>;
const short = (typeUrl: string) =>
  ({ [clusterType]: 'CDS', [endpointType]: 'EDS', [listenerType]: 'LDS', [routeType]: 'RDS' })[typeUrl] ?? typeUrl;
const told = (response: Response) =>
  [
    short(response.typeUrl),
    ...response.resources.map(({ name }) => name),
    ...response.removedResources.map((name) => `-${name}`),
  ].join(' ');

async function nextAcked(stream: DeltaStream): Promise<string> {
  const response = await stream.next();
  stream.send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
  return told(response);
}

/** A client that holds cluster x with endpoints, a listener and a route to x. */
async function settled(start: Lab['start'], content: Parameters<Fixture['set']>[0]) {
  const fixture = await start(content);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  stream.send({ typeUrl: endpointType, resourceNamesSubscribe: ['x'] });
  await nextAcked(stream);
  stream.send({ typeUrl: listenerType });
  await nextAcked(stream);
  stream.send({ typeUrl: routeType, resourceNamesSubscribe: ['r'] });
  await nextAcked(stream);
  await stream.silence(50);
  return { stream, set: fixture.set };
}

const base = [cluster('x'), endpoints('x'), listener('l'), route('r', 1, ['x'])];

conformAds('X86 X93 one change of everything travels as CDS, EDS, LDS, RDS', async ({ start }) => {
  const { stream, set } = await settled(start, base);
  set([cluster('x', 2), endpoints('x', 2), listener('l', 2), route('r', 2, ['x'])]);
  const order = [await stream.next(), await stream.next(), await stream.next(), await stream.next()];
  expect(order.map(told)).toEqual(['CDS x', 'EDS x', 'LDS l', 'RDS r']);
});

conformAds('X87 E19 an EDS cluster that changes is followed by its endpoints, though unchanged', async ({ start }) => {
  const { stream, set } = await settled(start, base);
  set([cluster('x', 2), ...base.slice(1)]);
  expect([await nextAcked(stream), await nextAcked(stream)]).toEqual(['CDS x', 'EDS x']);
  await stream.silence();
});

conformAds('X89 an EDS ACK that crosses the CDS response does not count for the new cluster', async ({ start }) => {
  const { stream, set } = await settled(start, base);
  set([cluster('x'), endpoints('x', 2), ...base.slice(2)]);
  const before = await stream.next();
  set([cluster('x', 2), endpoints('x', 2), ...base.slice(2)]);
  expect(await nextAcked(stream)).toBe('CDS x');
  stream.send({ typeUrl: endpointType, responseNonce: before.nonce });
  expect(await nextAcked(stream)).toBe('EDS x');
  await stream.silence();
});

conformAds(
  'X91 X92 M11 a repointed route waits for its new cluster, and the old cluster for the route and the grace',
  async ({ start }) => {
    const { stream, set } = await settled(start, base);
    set([cluster('y'), endpoints('y'), listener('l'), route('r', 2, ['y'])]);
    const clusters = await stream.next();
    expect(told(clusters)).toBe('CDS y');
    stream.send({ typeUrl: endpointType, resourceNamesSubscribe: ['y'] });
    expect(await nextAcked(stream)).toBe('EDS y');
    await stream.silence(50);
    stream.send({ typeUrl: clusterType, responseNonce: clusters.nonce });
    const routes = await stream.next();
    expect(told(routes)).toBe('RDS r');
    await stream.silence(300);
    const switched = Date.now();
    stream.send({ typeUrl: routeType, responseNonce: routes.nonce });
    expect(await nextAcked(stream)).toBe('CDS -x');
    expect(Date.now() - switched).toBeGreaterThanOrEqual(190);
    expect(await nextAcked(stream)).toBe('EDS -x');
  },
);

conformAds(
  'section 5 point 3: a cluster that never warms holds its route until the deadline only',
  async ({ start }) => {
    const { stream, set } = await settled(start, base);
    set([...base.slice(0, 3), cluster('y'), route('r', 2, ['y'])]);
    expect(told(await stream.next())).toBe('CDS y');
    const held = Date.now();
    expect(await nextAcked(stream)).toBe('RDS r');
    expect(Date.now() - held).toBeGreaterThanOrEqual(350);
  },
);

conformAds('section 5 point 4: a NACKed route keeps the cluster that it still uses', async ({ start }) => {
  const { stream, set } = await settled(start, base);
  set([cluster('y'), listener('l'), route('r', 2, ['y'])]);
  expect(await nextAcked(stream)).toBe('CDS y');
  const routes = await stream.next();
  expect(told(routes)).toBe('RDS r');
  stream.send({ typeUrl: routeType, responseNonce: routes.nonce, errorDetail: { code: 13, message: 'missing ): (' } });
  await stream.silence(500);
});

conformAds(
  'X23 EDS is served while CDS is never acknowledged; X34 neither is a first LDS or RDS answer held',
  async ({ start }) => {
    const fixture = await start(base);
    const stream = fixture.client.delta();
    stream.send({ node, typeUrl: clusterType });
    expect(told(await stream.next())).toBe('CDS x');
    stream.send({ typeUrl: endpointType, resourceNamesSubscribe: ['x'] });
    expect(told(await stream.next())).toBe('EDS x');
    stream.send({ typeUrl: listenerType });
    expect(told(await stream.next())).toBe('LDS l');
    stream.send({ typeUrl: routeType, resourceNamesSubscribe: ['r'] });
    expect(told(await stream.next())).toBe('RDS r');
  },
);

conformAds(
  'X92 section 5 point 4: SotW, a removed cluster stays in the set until its routes have gone and the grace is over',
  async ({ start }) => {
    const fixture = await start(base);
    const stream = fixture.client.sotw();
    const ask = async (typeUrl: string, resourceNames: string[] = []) => {
      stream.send({ node, typeUrl, resourceNames });
      return take(resourceNames);
    };
    const take = async (resourceNames: string[] = []) => {
      const response = await stream.next();
      const { typeUrl, nonce, versionInfo } = response;
      stream.send({ typeUrl, responseNonce: nonce, versionInfo, resourceNames });
      return [short(typeUrl), ...response.resources.map(sotwName).sort()].join(' ');
    };
    await ask(clusterType);
    await ask(listenerType);
    await ask(routeType, ['r']);
    fixture.set([cluster('y'), listener('l'), route('r', 2, ['y'])]);
    expect(await take()).toBe('CDS x y');
    expect(await take(['r'])).toBe('RDS r');
    expect(await take()).toBe('CDS y');
  },
);
