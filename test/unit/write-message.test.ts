import { create, type DescMessage, equals, type Message, toBinary } from '@bufbuild/protobuf';
import {
  AnySchema,
  BoolValueSchema,
  BytesValueSchema,
  DoubleValueSchema,
  FileDescriptorProtoSchema,
  FloatValueSchema,
  Int32ValueSchema,
  Int64ValueSchema,
  ListValueSchema,
  StringValueSchema,
  StructSchema,
  UInt32ValueSchema,
  UInt64ValueSchema,
  ValueSchema,
} from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode, encode } from '../../src/proto/codec.ts';
import { MetadataSchema } from '../../src/proto/gen/envoy/config/core/v3/base_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../src/proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { message } from '../../src/proto/message.ts';

/** What the library reads from our bytes is what was meant, and it writes the same bytes of it. */
function expectCanonical(schema: DescMessage, value: Message): void {
  const bytes = encode(schema, value);
  const read = decode(schema, bytes);
  expect(equals(schema, read, value)).toBe(true);
  expect(Buffer.from(toBinary(schema, read)).equals(bytes)).toBe(true);
}

test('scalars of every type, at their ends', () => {
  const values: readonly (readonly [DescMessage, readonly unknown[]])[] = [
    [BoolValueSchema, [true, false]],
    [Int32ValueSchema, [0, 1, 127, 128, -1, 2 ** 31 - 1, -(2 ** 31)]],
    [UInt32ValueSchema, [0, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455, 268_435_456, 2 ** 31, 2 ** 32 - 1]],
    [Int64ValueSchema, [0n, 1n, 2n ** 31n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]],
    [UInt64ValueSchema, [0n, 2n ** 53n + 1n, 2n ** 64n - 1n]],
    [FloatValueSchema, [0.5, -1, Number.POSITIVE_INFINITY]],
    [DoubleValueSchema, [0.1, -1e-7, Number.NEGATIVE_INFINITY, Number.MAX_VALUE]],
    [StringValueSchema, ['', 'a', 'ä', 'x'.repeat(40), `${'x'.repeat(39)}€`, '😀'.repeat(30_000)]],
    [BytesValueSchema, [new Uint8Array(0), new Uint8Array(200_000).fill(7)]],
  ];
  for (const [schema, all] of values)
    for (const value of all) expectCanonical(schema, create(schema, { value } as never));
});

test('what protobuf-es keeps in another way: structs, wrappers, oneofs, maps, optional fields, packed lists, fields of no name', () => {
  const json = { b: [1, 'two', null, { z: true, a: [] }], a: { k10: 1, k9: 2 }, c: false, d: '', e: 0 };
  expectCanonical(StructSchema, decode(StructSchema, encode(MetadataSchema, { filterMetadata: {} })));
  expectCanonical(MetadataSchema, message(MetadataSchema, { filterMetadata: { y: json, x: {} } }));
  expectCanonical(ValueSchema, message(ValueSchema, { kind: { case: 'nullValue', value: 0 } }));
  expectCanonical(
    ListValueSchema,
    message(ListValueSchema, {
      values: [
        { kind: { case: 'numberValue', value: 0 } },
        { kind: { case: 'structValue', value: message(StructSchema) } },
      ],
    }),
  );
  const location = { path: [1, 2, 300, 70_000], span: [0] };
  expectCanonical(
    FileDescriptorProtoSchema,
    create(FileDescriptorProtoSchema, { sourceCodeInfo: { location: [location] } }),
  );
  expectCanonical(
    FileDescriptorProtoSchema,
    create(FileDescriptorProtoSchema, { name: '', options: { deprecated: false } }),
  );
  const unknown = decode(
    AnySchema,
    Buffer.concat([encode(StringValueSchema, { value: 'x' }), Buffer.from([0x9a, 0x06, 1, 65, 0x98, 0x06, 5])]),
  );
  expect(unknown.$unknown).toHaveLength(2);
  expectCanonical(AnySchema, unknown);
});

test('equal content is equal bytes, whatever the order of keys', () => {
  // JavaScript puts keys that are numbers first, whoever writes them.
  const keys = fc.uniqueArray(
    fc.string().map((text) => `k${text}`),
    { minLength: 2, maxLength: 8 },
  );
  fc.assert(
    fc.property(keys, (names) => {
      const of = (all: readonly string[]) => ({
        filterMetadata: Object.fromEntries(all.map((name) => [name, Object.fromEntries(all.map((key) => [key, key]))])),
      });
      expect(encode(MetadataSchema, of(names))).toEqual(encode(MetadataSchema, of(names.toReversed())));
      expectCanonical(MetadataSchema, message(MetadataSchema, of(names)));
    }),
    { seed: 7, numRuns: 200 },
  );
});

test('a value of another kind than its field is refused, by the name of the field', () => {
  const wrong: readonly (readonly [object, string])[] = [
    [{ clusterName: 5 }, 'ClusterLoadAssignment.cluster_name'],
    [{ policy: { overprovisioningFactor: 1.5 } }, 'UInt32Value.value'],
    [{ policy: { overprovisioningFactor: -1 } }, 'UInt32Value.value'],
    [{ endpoints: [{ priority: 'high' }] }, 'LocalityLbEndpoints.priority'],
    [{ endpoints: [{ priority: {} }] }, 'LocalityLbEndpoints.priority'],
    [{ endpoints: [{ lbEndpoints: [{ healthStatus: 'DRAINING' }] }] }, 'LbEndpoint.health_status'],
  ];
  for (const [init, place] of wrong) expect(() => encode(ClusterLoadAssignmentSchema, init as never)).toThrow(place);
});
