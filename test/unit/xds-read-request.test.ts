import type { MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encode } from '../../src/proto/codec.ts';
import {
  DeltaDiscoveryRequestSchema,
  DiscoveryRequestSchema,
} from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { createRequestReader, readDelta, readRequest, readSotw } from '../../src/xds/read-request.ts';
import { defaultLimits, Violation } from '../../src/xds/request-limits.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const list = fc.array(text, { maxLength: 6 });

test('X81 X85 a delta request is read as its schema says, unknown fields aside', () => {
  const versions = fc.dictionary(text, text, { maxKeys: 4 });
  fc.assert(
    fc.property(text, text, list, list, versions, fc.option(text), (type, nonce, add, drop, initial, error) => {
      const bytes = encode(DeltaDiscoveryRequestSchema, {
        node: { id: 'n' },
        typeUrl: type,
        responseNonce: nonce,
        resourceNamesSubscribe: add,
        resourceNamesUnsubscribe: drop,
        initialResourceVersions: initial,
        ...(error === null ? {} : { errorDetail: { code: 13, message: error } }),
      });
      // A number, fixed numbers and a group that nobody knows.
      const unknown = Buffer.from([0xf8, 0x07, 0x96, 0x01, 0xfd, 0x07, 1, 2, 3, 4, 0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8]);
      const group = Buffer.from([0xfb, 0x07, 0x12, 0x01, 0x41, 0xfc, 0x07]);
      const incoming = readDelta(Buffer.concat([unknown, bytes, group]), defaultLimits);
      expect(incoming).toMatchObject({ typeUrl: type, nonce, names: add, unsubscribe: drop });
      expect(incoming.error).toBe(error ?? undefined);
      expect([...incoming.initialVersions].sort()).toEqual(Object.entries(initial).sort());
      expect(incoming.node).toEqual(Buffer.from([0x0a, 1, 0x6e]));
    }),
  );
});

test('a SotW request is read as its schema says', () => {
  fc.assert(
    fc.property(text, text, text, list, fc.option(text), (type, nonce, version, names, error) => {
      const bytes = encode(DiscoveryRequestSchema, {
        typeUrl: type,
        responseNonce: nonce,
        versionInfo: version,
        resourceNames: names,
        ...(error === null ? {} : { errorDetail: { code: 13, message: error } }),
      });
      const incoming = readSotw(bytes, defaultLimits);
      expect(incoming).toMatchObject({ typeUrl: type, nonce, version, names });
      expect(incoming.error).toBe(error ?? undefined);
    }),
  );
});

test('T7 bytes that are no message end the stream with INVALID_ARGUMENT, and nothing else is ever thrown', () => {
  for (const bytes of [
    [0x0a, 5, 1],
    [0x80],
    [0x02, 1],
    [0x0f],
    [0xfc, 0x07],
    [0xfb, 0x07],
    [0x09, 1],
    Array(11).fill(0xff),
  ])
    expect(() => readDelta(Buffer.from(bytes), defaultLimits)).toThrow(Violation);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      for (const read of [readDelta, readSotw]) {
        try {
          read(bytes, defaultLimits);
        } catch (error) {
          expect(error).toBeInstanceOf(Violation);
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test('T7 ten thousand nested groups are passed over without a stack', () => {
  const deep = Buffer.concat([Buffer.alloc(10_000, 0x0b), Buffer.alloc(10_000, 0x0c)]);
  expect(readDelta(deep, defaultLimits).names).toEqual([]);
});

test('T8 limits hold while a request is read', () => {
  const limits = { ...defaultLimits, names: 2, nameBytes: 4 };
  const request = (names: readonly string[]) =>
    encode(DeltaDiscoveryRequestSchema, { typeUrl: 't', resourceNamesSubscribe: [...names] });
  expect(readDelta(request(['a', 'bbbb']), limits).names).toEqual(['a', 'bbbb']);
  expect(() => readDelta(request(['a', 'b', 'c']), limits)).toThrow('more than 2 names');
  expect(() => readDelta(request(['abcde']), limits)).toThrow('longer than 4 bytes');
});

test('T8 what a stream keeps of its client is short: type URLs and versions too', () => {
  const limits = { ...defaultLimits, nameBytes: 4 };
  const long = 'abcde';
  const words = (what: string) => `${what} is longer than 4 bytes`;
  const delta = (fields: MessageInitShape<typeof DeltaDiscoveryRequestSchema>) =>
    readDelta(encode(DeltaDiscoveryRequestSchema, fields), limits);
  const sotw = (fields: MessageInitShape<typeof DiscoveryRequestSchema>) =>
    readSotw(encode(DiscoveryRequestSchema, fields), limits);
  expect(() => delta({ typeUrl: long })).toThrow(words('type_url'));
  expect(() => delta({ initialResourceVersions: { a: long } })).toThrow(words('the version of a resource'));
  expect(() => sotw({ typeUrl: long })).toThrow(words('type_url'));
  expect(() => sotw({ versionInfo: long })).toThrow(words('version_info'));
});

test('X2 X3 on a stream of one type nothing means that type, and another is a violation', () => {
  const read = (typeUrl: string, ownType: string | undefined) =>
    readRequest(encode(DeltaDiscoveryRequestSchema, { typeUrl }), { variant: 'delta', ownType }, defaultLimits).typeUrl;
  expect([read('', 'a'), read('a', 'a'), read('b', undefined), read('', undefined)]).toEqual(['a', 'a', 'b', '']);
  expect(() => read('b', 'a')).toThrow('this service serves a alone');
});

test('a long list of names in the same bytes is the same list, wherever it stands in a request', () => {
  const names = Array.from({ length: 100 }, (_, index) => `service-${index}.demo.mesh`);
  const first = readDelta(encode(DeltaDiscoveryRequestSchema, { resourceNamesSubscribe: names }), defaultLimits);
  const again = encode(DeltaDiscoveryRequestSchema, {
    typeUrl: 't',
    resourceNamesSubscribe: names,
    responseNonce: 'n',
  });
  const second = readDelta(again, defaultLimits);
  expect(first.names).toEqual(names);
  expect(second.names).toBe(first.names);
  expect(second).toMatchObject({ typeUrl: 't', nonce: 'n' });
  const other = readDelta(
    encode(DeltaDiscoveryRequestSchema, { resourceNamesSubscribe: names.with(50, 'service-xx.demo.mesh') }),
    defaultLimits,
  );
  expect(other.names[50]).toBe('service-xx.demo.mesh');
  // Protobuf allows the fields of a list to stand apart.
  const part = (from: number, to: number) =>
    encode(DeltaDiscoveryRequestSchema, { resourceNamesSubscribe: names.slice(from, to) });
  const apart = Buffer.concat([
    part(0, 60),
    encode(DeltaDiscoveryRequestSchema, { responseNonce: 'n' }),
    part(60, 100),
  ]);
  expect(readDelta(apart, defaultLimits)).toMatchObject({ names, nonce: 'n' });
});

test('T8 of long lists only as many are remembered as are a megabyte together', () => {
  const request = (prefix: string) =>
    encode(DeltaDiscoveryRequestSchema, {
      resourceNamesSubscribe: Array.from({ length: 24_000 }, (_, index) => `${prefix}-service-${10_000 + index}`),
    });
  const bytes = ['a', 'b', 'c'].map(request);
  const read = (index: number) => readDelta(bytes[index] ?? new Uint8Array(), defaultLimits).names;
  const [a, b] = [read(0), read(1)];
  expect([read(0), read(1)]).toEqual([a, b]);
  expect(read(0)).toBe(a);
  read(2);
  expect(read(0)).toBe(a);
  const again = read(1);
  expect(again).not.toBe(b);
  expect(again).toEqual(b);
});

test('what acknowledges a shared frame is read once, for all streams of one kind', () => {
  const read = createRequestReader(defaultLimits);
  const delta = { variant: 'delta', ownType: undefined } as const;
  const bytes = encode(DeltaDiscoveryRequestSchema, { typeUrl: 'type', responseNonce: 'n.1' });
  const incoming = read(bytes, delta);
  expect(incoming).toMatchObject({ typeUrl: 'type', nonce: 'n.1', error: undefined, names: [] });
  expect(read(Buffer.from(bytes), delta)).toBe(incoming);
  expect(read(bytes, { variant: 'delta', ownType: 'type' })).not.toBe(incoming);
  expect(read(encode(DeltaDiscoveryRequestSchema, { typeUrl: 'type', responseNonce: 'n.2' }), delta).nonce).toBe('n.2');
});

test('a request with a node, without a nonce or with many names is read each time, and what was read does not change with its bytes', () => {
  const read = createRequestReader(defaultLimits);
  const delta = { variant: 'delta', ownType: undefined } as const;
  for (const request of [
    { typeUrl: 'type', responseNonce: 'n.1', node: { id: 'one' } },
    { typeUrl: 'type' },
    { typeUrl: 'type', responseNonce: 'n.1', resourceNamesSubscribe: ['x'.repeat(600)] },
  ]) {
    const bytes = encode(DeltaDiscoveryRequestSchema, request);
    expect(read(Buffer.from(bytes), delta)).not.toBe(read(Buffer.from(bytes), delta));
  }
  const bytes = Buffer.from(encode(DeltaDiscoveryRequestSchema, { typeUrl: 'type', responseNonce: 'n.1' }));
  const first = read(bytes, delta);
  bytes.fill('2', bytes.length - 1);
  expect(read(bytes, delta)).not.toBe(first);
});
