import { expect, test } from 'vitest';
import { decode } from '../../src/proto/codec.ts';
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { encodeResponse } from '../../src/xds/encode-response.ts';
import { createResource, encodeCounter } from '../../src/xds/resource.ts';

const typeUrl = 'type.googleapis.com/t';
const resources = ['a', 'b'].map((name) => createResource({ typeUrl, name, value: Buffer.from(`value of ${name}`) }));
const plan = { typeUrl, nonce: 'n', version: '7', resources, removed: ['gone', 'too'] };

test('a joined delta response is the message that the schema describes', () => {
  const response = decode(DeltaDiscoveryResponseSchema, encodeResponse('delta', plan, 'me'));
  expect(response).toMatchObject({ typeUrl, nonce: 'n', systemVersionInfo: '7', removedResources: ['gone', 'too'] });
  expect(response.controlPlane?.identifier).toBe('me');
  expect(response.resources.map(({ name, version, resource }) => [name, version, resource?.typeUrl])).toEqual(
    resources.map(({ name, version }) => [name, version, typeUrl]),
  );
  expect(Buffer.from(response.resources[1]?.resource?.value ?? []).toString()).toBe('value of b');
});

test('a joined SotW response is the message that the schema describes', () => {
  const response = decode(DiscoveryResponseSchema, encodeResponse('sotw', plan, 'me'));
  expect(response).toMatchObject({ typeUrl, nonce: 'n', versionInfo: '7' });
  expect(response.controlPlane?.identifier).toBe('me');
  expect(response.resources.map(({ value }) => Buffer.from(value).toString())).toEqual(['value of a', 'value of b']);
});

test('a resource takes its wire form once', () => {
  encodeResponse('delta', plan, 'me');
  const before = encodeCounter.resources;
  for (let time = 0; time < 5; time += 1) encodeResponse('delta', plan, 'me');
  expect(encodeCounter.resources - before).toBe(0);
});
