import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode, encode } from '../../src/proto/codec.ts';
import { NodeSchema } from '../../src/proto/gen/envoy/config/core/v3/base_pb.ts';
import { readNode } from '../../src/xds/read-node.ts';
import { defaultLimits, type RequestLimits, Violation } from '../../src/xds/request-limits.ts';

const limits: RequestLimits = { ...defaultLimits, nodeId: 4, nodeBytes: 200, metadataBytes: 60, metadataKeys: 3 };

/** The violation, or what was read; and what was named. */
function reading(bytes: Uint8Array | undefined, under = limits) {
  const named: string[] = [];
  try {
    return { node: readNode(bytes, under, (id) => named.push(id)), named };
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { code: error.code, message: error.message, named };
  }
}

const metadataOf = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v']));

test('X6 a node is read as its schema says, and its id is told', () => {
  const node = { id: 'n', cluster: 'c', metadata: { a: { b: [1, 'two', null] } }, clientFeatures: ['x'] };
  const bytes = encode(NodeSchema, node);
  expect(reading(bytes)).toEqual({ node: decode(NodeSchema, bytes), named: ['n'] });
});

test.each([
  [undefined, status.INVALID_ARGUMENT, 'the first request of a stream must carry node.id', []],
  [
    encode(NodeSchema, { cluster: 'c' }),
    status.INVALID_ARGUMENT,
    'the first request of a stream must carry node.id',
    [],
  ],
  [encode(NodeSchema, { id: 'abcde' }), status.RESOURCE_EXHAUSTED, 'node.id is longer than 4 bytes', []],
  [
    encode(NodeSchema, { id: 'ab', cluster: 'x'.repeat(200) }),
    status.RESOURCE_EXHAUSTED,
    'the node is larger than 200 bytes',
    [],
  ],
  [
    encode(NodeSchema, { id: 'ab', metadata: metadataOf(4) }),
    status.RESOURCE_EXHAUSTED,
    'node.metadata has more than 3 keys',
    ['ab'],
  ],
  [
    encode(NodeSchema, { id: 'ab', metadata: { long: 'v'.repeat(60) } }),
    status.RESOURCE_EXHAUSTED,
    'node.metadata is larger than 60 bytes',
    ['ab'],
  ],
  [
    encode(NodeSchema, { id: 'ab', metadata: { deep: metadataOf(6) } }),
    status.RESOURCE_EXHAUSTED,
    'node.metadata is larger than 60 bytes',
    ['ab'],
  ],
])('T8 node %#: %s', (bytes, code, message, named) => {
  expect(reading(bytes)).toEqual({ code, message, named });
});

test('T8 metadata that comes in pieces is as large as all of them', () => {
  const piece = (count: number) => encode(NodeSchema, { metadata: metadataOf(count) });
  const bytes = Buffer.concat([encode(NodeSchema, { id: 'ab' }), piece(2), piece(2)]);
  expect(reading(bytes).message).toBe('node.metadata has more than 3 keys');
});

test('T8 limits come before the reading: what is too large need not be readable', () => {
  // Four entries of a map whose content is no message.
  const entries = Buffer.concat(Array.from({ length: 4 }, () => Buffer.of(0x0a, 2, 0xff, 0xff)));
  const bytes = Buffer.concat([encode(NodeSchema, { id: 'ab' }), Buffer.of(0x1a, entries.length), entries]);
  expect(reading(bytes).message).toBe('node.metadata has more than 3 keys');
  expect(reading(bytes, { ...limits, metadataKeys: 4 })).toMatchObject({
    code: status.INVALID_ARGUMENT,
    named: ['ab'],
  });
});

test('T7 bytes that are no node are INVALID_ARGUMENT, and nothing else is ever thrown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const { code } = reading(bytes);
      if (code !== undefined) expect([status.INVALID_ARGUMENT, status.RESOURCE_EXHAUSTED]).toContain(code);
    }),
    { numRuns: 2_000 },
  );
});
