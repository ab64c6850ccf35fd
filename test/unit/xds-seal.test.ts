import { expect, test } from 'vitest';
import { decode } from '../../src/proto/codec.ts';
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import type { Content } from '../../src/xds/plan.ts';
import { createResource, encodeCounter } from '../../src/xds/resource.ts';
import { createSeal } from '../../src/xds/seal.ts';

const typeUrl = 'type.googleapis.com/t';
const resources = ['a', 'b'].map((name) =>
  createResource({ typeUrl, name, value: Buffer.from(`value of ${name}`), ttl: 2_500 }),
);
const content: Content = { variant: 'delta', typeUrl, version: '7', resources, removed: ['gone', 'too'], ttl: 'none' };
const seal = createSeal('me', 35);
const messageOf = (said: Content, after = 0): Uint8Array => {
  const frame = Buffer.from(seal(said, after).frame());
  expect([frame[0], frame.readUInt32BE(1)]).toEqual([0, frame.length - 5]);
  return frame.subarray(5);
};

test('a joined delta response is the message that the schema describes', () => {
  const response = decode(DeltaDiscoveryResponseSchema, messageOf(content));
  expect(response).toMatchObject({ typeUrl, nonce: '10', systemVersionInfo: '7', removedResources: ['gone', 'too'] });
  expect(response.controlPlane?.identifier).toBe('me');
  expect(response.resources.map(({ name, version, resource }) => [name, version, resource?.typeUrl])).toEqual(
    resources.map(({ name, version }) => [name, version, typeUrl]),
  );
  expect(Buffer.from(response.resources[1]?.resource?.value ?? []).toString()).toBe('value of b');
});

test('a joined SotW response is the message that the schema describes', () => {
  const response = decode(DiscoveryResponseSchema, messageOf({ ...content, variant: 'sotw', removed: [] }));
  expect(response).toMatchObject({ typeUrl, versionInfo: '7' });
  expect(response.controlPlane?.identifier).toBe('me');
  expect(response.resources.map(({ value }) => Buffer.from(value).toString())).toEqual(['value of a', 'value of b']);
});

test('X106 X107 X108 a TTL stands in the delta resource, in SotW in a wrapper; a heartbeat has no content', () => {
  const [first] = decode(DeltaDiscoveryResponseSchema, messageOf({ ...content, ttl: 'with' })).resources;
  expect([first?.ttl?.seconds, first?.ttl?.nanos]).toEqual([2n, 500_000_000]);
  const [beat] = decode(DeltaDiscoveryResponseSchema, messageOf({ ...content, ttl: 'heartbeat' })).resources;
  expect([beat?.name, beat?.version, beat?.resource, beat?.ttl?.seconds]).toEqual([
    'a',
    resources[0]?.version,
    undefined,
    2n,
  ]);
  const [wrapped] = decode(
    DiscoveryResponseSchema,
    messageOf({ ...content, variant: 'sotw', removed: [], ttl: 'with' }),
  ).resources;
  expect(wrapped?.typeUrl).toBe('type.googleapis.com/envoy.service.discovery.v3.Resource');
});

test('a resource takes its wire form once', () => {
  messageOf(content);
  const before = encodeCounter.resources;
  for (let time = 0; time < 5; time += 1) messageOf({ ...content, version: `v${time}` });
  expect(encodeCounter.resources - before).toBe(0);
});

test('X25 equal content has one frame for all streams that have not had its nonce, and another for those that have', () => {
  const one = seal({ ...content, version: 'x' }, 0);
  const other = seal({ ...content, version: 'x', resources: [...resources] }, 0);
  expect(other.frame()).toBe(one.frame());
  const again = seal({ ...content, version: 'x' }, one.number);
  expect(again.number).toBeGreaterThan(one.number);
  expect(seal({ ...content, version: 'x' }, 0)).toBe(again);
});
