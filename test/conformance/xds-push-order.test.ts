import { expect } from 'vitest';
import { encode } from '../../src/proto/codec.ts';
import { VirtualHostSchema } from '../../src/proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  runtimeType,
  scopedRouteType,
  secretType,
  virtualHostType,
} from '../../src/xds/resource-types.ts';
import { conformAds } from './conform.ts';
import { node } from './xds-fixture.ts';

const order = [
  clusterType,
  endpointType,
  listenerType,
  routeType,
  scopedRouteType,
  virtualHostType,
  secretType,
  extensionType,
  runtimeType,
];
const wildcards = new Set([clusterType, listenerType]);
const made = (typeUrl: string, mark: number): Resource =>
  createResource({ typeUrl, name: 'a', value: encode(VirtualHostSchema, { name: 'a', domains: [`${mark}`] }) });

/** Numbers that look drawn at random and are always the same. */
function draws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

conformAds(
  'X86 X93 INV7 delta: 1,000 changes of whatever types travel in order, and none goes back',
  async ({ start }) => {
    const marks = new Map(order.map((typeUrl) => [typeUrl, 1]));
    const content = () => order.map((typeUrl) => made(typeUrl, marks.get(typeUrl) ?? 1));
    const fixture = await start(content());
    const stream = fixture.client.delta();
    for (const typeUrl of order.toReversed()) {
      const names = wildcards.has(typeUrl) ? [] : ['a'];
      stream.send({ node, typeUrl, resourceNamesSubscribe: names });
      const { nonce, typeUrl: answered } = await stream.next();
      expect(answered).toBe(typeUrl);
      stream.send({ typeUrl, responseNonce: nonce });
    }
    const random = draws(7);
    for (let change = 0; change < 1_000; change += 1) {
      const touched = order.filter(() => random() < 0.3);
      for (const typeUrl of touched) marks.set(typeUrl, (marks.get(typeUrl) ?? 1) + 1);
      // A type whose ACK is still on its way may rightly come later than another (X23).
      while (fixture.server.status()[0]?.types.some(({ inFlightSince }) => inFlightSince !== undefined) === true)
        await new Promise((resolve) => setImmediate(resolve));
      fixture.set(content());
      for (const typeUrl of touched) {
        const { nonce, typeUrl: came, resources } = await stream.next();
        expect([came, resources[0]?.version]).toEqual([typeUrl, made(typeUrl, marks.get(typeUrl) ?? 1).version]);
        stream.send({ typeUrl, responseNonce: nonce });
      }
    }
    await stream.silence();
  },
);

conformAds('X86 X93 SotW: one change of everything travels in order', async ({ start }) => {
  const types = order.filter((typeUrl) => typeUrl !== virtualHostType);
  const fixture = await start(types.map((typeUrl) => made(typeUrl, 1)));
  const stream = fixture.client.sotw();
  const names = (typeUrl: string) => (wildcards.has(typeUrl) ? [] : ['a']);
  for (const typeUrl of types.toReversed()) {
    stream.send({ node, typeUrl, resourceNames: names(typeUrl) });
    const { nonce, versionInfo } = await stream.next();
    stream.send({ typeUrl, responseNonce: nonce, versionInfo, resourceNames: names(typeUrl) });
  }
  await stream.silence();
  fixture.set(types.map((typeUrl) => made(typeUrl, 2)));
  const came: string[] = [];
  for (const _ of types) came.push((await stream.next()).typeUrl);
  expect(came).toEqual(types);
});
