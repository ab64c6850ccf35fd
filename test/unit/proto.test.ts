import { type DescMessage, equals, type Message } from '@bufbuild/protobuf';
import { AnySchema, StringValueSchema, StructSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromCanonicalJson, toCanonicalJson, toEnvoyJson } from '../../src/proto/canonical-json.ts';
import { decode, decodeAny, encode, pack, packed, typeUrl } from '../../src/proto/codec.ts';
import { CodecError } from '../../src/proto/codec-error.ts';
import { contentHash } from '../../src/proto/content-hash.ts';
import { described } from '../../src/proto/descriptors.ts';
import { BootstrapSchema } from '../../src/proto/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import {
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  ClusterSchema,
} from '../../src/proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../src/proto/gen/envoy/config/listener/v3/listener_pb.ts';
import { HttpConnectionManagerSchema } from '../../src/proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { UpstreamTlsContextSchema } from '../../src/proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { DeltaDiscoveryRequestSchema } from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { message } from '../../src/proto/message.ts';
import { registry, schemaOf } from '../../src/proto/registry.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';

function failureOf(schema: DescMessage, json: unknown): CodecError {
  try {
    fromCanonicalJson(schema, json);
  } catch (error) {
    if (error instanceof CodecError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('canonical JSON is read strictly (X101, 7.3)', () => {
  test.each<[string, DescMessage, unknown, string, RegExp]>([
    ['misspelt field', ClusterSchema, { name: 'a', conectTimeout: '5s' }, 'conectTimeout', /unknown field/],
    ['misspelt field of null', ClusterSchema, { nmae: null }, 'nmae', /unknown field/],
    [
      'misspelt field in a list',
      ListenerSchema,
      { filterChains: [{}, { filters: [{ name: 'a', tpedConfig: {} }] }] },
      'filterChains[1].filters[0].tpedConfig',
      /unknown field/,
    ],
    ['unknown enum name', ClusterSchema, { lbPolicy: 'ROUND_ROBBIN' }, 'lbPolicy', /ROUND_ROBBIN/],
    [
      'unknown enum name in an Any',
      ClusterSchema,
      {
        transportSocket: {
          typedConfig: { '@type': TLS, commonTlsContext: { tlsParams: { tlsMinimumProtocolVersion: 'TLSv1_4' } } },
        },
      },
      'transportSocket.typedConfig.commonTlsContext.tlsParams.tlsMinimumProtocolVersion',
      /TLSv1_4/,
    ],
    [
      'misspelt @type',
      ClusterSchema,
      { transportSocket: { name: 'tls', typedConfig: { '@type': `${TLS}t`, sni: 'a' } } },
      'transportSocket.typedConfig.@type',
      /unknown type/,
    ],
    ['no @type', AnySchema, { sni: 'a' }, '@type', /missing/],
    [
      'misspelt field in a map value',
      ClusterSchema,
      { typedExtensionProtocolOptions: { http: { '@type': TLS, snii: 'a' } } },
      'typedExtensionProtocolOptions[http].snii',
      /unknown field/,
    ],
    ['a duration without unit', ClusterSchema, { connectTimeout: '5' }, 'connectTimeout', /Duration/],
    ['two of a oneof', ClusterSchema, { type: 'STATIC', clusterType: { name: 'x' } }, '', /oneof/],
    ['a message where a list belongs', ListenerSchema, { filterChains: {} }, 'filterChains', /Array/],
    ['no object', ClusterSchema, [], '', /object|Array|array/],
  ])('%s', (_, schema, json, path, reason) => {
    const failure = failureOf(schema, json);
    expect(failure.path).toBe(path);
    expect(failure.message).toMatch(reason);
    expect(failure.message).toContain(schema.typeName);
  });

  test('plain JSON is a Struct, whatever its names', () => {
    const json = { string_value: 'kept', nested: { list: [1, 'two', null, { deep: true }] } };
    const cluster = fromCanonicalJson(ClusterSchema, { metadata: { filterMetadata: { weft: json } } });
    expect(cluster.metadata?.filterMetadata.weft).toEqual(json);
    const again = decode(ClusterSchema, encode(ClusterSchema, cluster));
    expect(toCanonicalJson(again)).toEqual({ metadata: { filterMetadata: { weft: json } } });
    expect(toCanonicalJson(fromCanonicalJson(StructSchema, json))).toEqual(json);
  });

  test('durations are text, wrappers are bare values', () => {
    const json = { connectTimeout: '5s', perConnectionBufferLimitBytes: 0, maxRequestsPerConnection: 7 };
    const cluster = fromCanonicalJson(ClusterSchema, json);
    expect(cluster.connectTimeout).toMatchObject({ seconds: 5n, nanos: 0 });
    expect(toCanonicalJson(decode(ClusterSchema, encode(ClusterSchema, cluster)))).toEqual(json);
  });

  test('names of the .proto files are read, and printed for Envoy', () => {
    const json = { name: 'a', connect_timeout: '0.250s', lb_policy: 'LEAST_REQUEST' };
    const cluster = fromCanonicalJson(ClusterSchema, json);
    expect(toEnvoyJson(cluster)).toEqual(json);
    expect(toCanonicalJson(cluster)).toEqual({ name: 'a', connectTimeout: '0.250s', lbPolicy: 'LEAST_REQUEST' });
  });

  test('an Any of non-empty input is never empty, and comes back whole', () => {
    const json = { transportSocket: { name: 'tls', typedConfig: { '@type': TLS, sni: 'reviews' } } };
    const cluster = fromCanonicalJson(ClusterSchema, json);
    const socket = cluster.transportSocket?.configType;
    expect(socket?.case === 'typedConfig' && socket.value.value.length).toBeGreaterThan(0);
    expect(toCanonicalJson(cluster)).toEqual(json);
    const wrapped = { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: 'x' };
    expect(toCanonicalJson(fromCanonicalJson(AnySchema, wrapped))).toEqual(wrapped);
  });

  test('an Any of unknown type is not printed as less than it is', () => {
    const unknown = message(AnySchema, { typeUrl: 'type.googleapis.com/weft.Nothing', value: new Uint8Array([8, 1]) });
    expect(() => toCanonicalJson(unknown)).toThrow(CodecError);
    expect(() => decodeAny(unknown)).toThrow(/unknown message type/);
  });

  test('a field that the schema does not know is refused, not left out, at any depth', () => {
    // Field 2000, a varint of 7.
    const unknown = [0x80, 0x7d, 0x07];
    const cluster = decode(ClusterSchema, new Uint8Array([0x0a, 1, 0x61, ...unknown]));
    const inMetadata = decode(ClusterSchema, new Uint8Array([0xca, 0x01, unknown.length, ...unknown]));
    const any = message(AnySchema, { typeUrl: TLS, value: new Uint8Array(unknown) });
    const inAny = message(ClusterSchema, { transportSocket: { configType: { case: 'typedConfig', value: any } } });
    for (const print of [toCanonicalJson, toEnvoyJson]) {
      expect(() => print(cluster)).toThrow(/envoy.config.cluster.v3.Cluster: unknown field number 2000/);
      expect(() => print(inMetadata)).toThrow(/envoy.config.core.v3.Metadata at metadata: unknown field number 2000/);
      expect(() => print(inAny)).toThrow(
        /UpstreamTlsContext at transportSocket.typedConfig: unknown field number 2000/,
      );
      expect(() => print(any)).toThrow(CodecError);
      expect(() => print(message(AnySchema, { typeUrl: 'weft.Nothing' }))).toThrow(CodecError);
    }
  });
});

describe('bytes do not depend on the order of map keys (X32)', () => {
  const keys = fc.uniqueArray(fc.oneof(fc.string(), fc.constantFrom('10', '9', '1', '__proto__', 'é', '\u{1F600}')), {
    maxLength: 8,
  });

  test('maps of text, of Structs, and in packed Anys', () => {
    fc.assert(
      fc.property(keys, fc.infiniteStream(fc.nat()), (names, random) => {
        const shuffled = names
          .map((name) => [name, random.next().value] as const)
          .sort((left, right) => left[1] - right[1])
          .map(([name]) => name);
        expect(hashOf(shuffled)).toBe(hashOf(names));
      }),
    );
  });

  function hashOf(names: readonly string[]): string {
    const object = Object.fromEntries(names.map((name) => [name, `value of ${name}`]));
    const struct = Object.fromEntries(names.map((name) => [name, { list: [object] }]));
    const inner = message(ClusterSchema, { metadata: { filterMetadata: struct } });
    const request = encode(DeltaDiscoveryRequestSchema, {
      initialResourceVersions: object,
      node: { id: 'a', metadata: struct },
    });
    const outer = encode(ClusterSchema, {
      typedExtensionProtocolOptions: Object.fromEntries(names.map((name) => [name, pack(ClusterSchema, inner)])),
    });
    const read = fromCanonicalJson(ClusterSchema, {
      transportSocket: {
        typedConfig: { '@type': typeUrl(ClusterSchema), metadata: { filterMetadata: struct } },
      },
    });
    return [request, outer, encode(ClusterSchema, read)].map(contentHash).join();
  }

  test('an Any of an Any is sorted to the bottom', () => {
    const nested = (metadata: object) => ({
      typedConfig: {
        '@type': typeUrl(ClusterSchema),
        transportSocket: { typedConfig: { '@type': typeUrl(ClusterSchema), metadata: { filterMetadata: metadata } } },
      },
    });
    const left = fromCanonicalJson(ClusterSchema, { transportSocket: nested({ a: { x: 1, y: 2 }, b: {} }) });
    const right = fromCanonicalJson(ClusterSchema, { transportSocket: nested({ b: {}, a: { y: 2, x: 1 } }) });
    expect(encode(ClusterSchema, left)).toEqual(encode(ClusterSchema, right));
  });

  test('encoding changes nothing in its input, and loses nothing', () => {
    const cluster = message(ClusterSchema, { name: 'a', metadata: { filterMetadata: { b: { z: 1, y: 2 }, a: {} } } });
    const bytes = encode(ClusterSchema, cluster);
    expect(Object.keys(cluster.metadata?.filterMetadata ?? {})).toEqual(['b', 'a']);
    expect(equals(ClusterSchema, decode(ClusterSchema, bytes), cluster)).toBe(true);
    expect(encode(ClusterSchema, Object.freeze(cluster))).toEqual(bytes);
  });
});

describe('messages', () => {
  test('unknown fields survive decode and encode, at every depth', () => {
    // Field 2000 (varint 7) stands in the cluster and in its metadata, which has a map that must be sorted (field 25).
    const unknown = [0x80, 0x7d, 0x07];
    const map = [0x0a, 0x05, 0x0a, 0x01, 0x62, 0x12, 0x00, 0x0a, 0x05, 0x0a, 0x01, 0x61, 0x12, 0x00];
    const bytes = new Uint8Array([
      0x0a,
      1,
      0x78,
      0xca,
      0x01,
      map.length + unknown.length,
      ...map,
      ...unknown,
      ...unknown,
    ]);
    const again = encode(ClusterSchema, decode(ClusterSchema, bytes));
    const cluster = decode(ClusterSchema, again);
    expect(again.length).toBe(bytes.length);
    expect(Object.keys(cluster.metadata?.filterMetadata ?? {})).toEqual(['a', 'b']);
    expect([cluster.$unknown?.[0]?.no, cluster.metadata?.$unknown?.[0]?.no]).toEqual([2000, 2000]);
  });

  test('an unknown name does not compile, and throws when the compiler was avoided', () => {
    // @ts-expect-error a field that does not exist
    expect(() => message(ClusterSchema, { nmae: 'a' })).toThrow(/nmae: unknown field/);
    // @ts-expect-error a nested field that does not exist
    expect(() => encode(ClusterSchema, { metadata: { filterMetdata: {} } })).toThrow(/metadata.filterMetdata/);
    // @ts-expect-error a oneof case that does not exist
    expect(() => pack(ClusterSchema, { clusterDiscoveryType: { case: 'tpye', value: 1 } })).toThrow(/tpye/);
    // @ts-expect-error an enum name that does not exist
    expect(Cluster_LbPolicy.ROUND_ROBBIN).toBeUndefined();
    // @ts-expect-error an enum is not given by its text
    expect(() => encode(ClusterSchema, { lbPolicy: 'ROUND_ROBIN' })).toThrow(CodecError);
    const smuggled: object = { filterChains: [{ filters: [{ nmae: 'a' }] }] };
    expect(() => message(ListenerSchema, smuggled)).toThrow(/filterChains\[0\].filters\[0\].nmae/);
  });

  test('pack and decodeAny are each other’s opposite, an empty message included', () => {
    const packed = pack(UpstreamTlsContextSchema, { sni: 'a' });
    expect(packed.typeUrl).toBe(TLS);
    expect(decodeAny(packed)).toMatchObject({ $typeName: UpstreamTlsContextSchema.typeName, sni: 'a' });
    expect(pack(UpstreamTlsContextSchema)).toMatchObject({ typeUrl: TLS, value: new Uint8Array() });
    expect(decodeAny(pack(StringValueSchema, { value: 'x' }))).toMatchObject({ value: 'x' });
  });

  test('bytes that are no message throw with the type', () => {
    expect(() => decode(ClusterSchema, new Uint8Array([0x0a, 0xff]))).toThrow(/envoy\.config\.cluster\.v3\.Cluster/);
    expect(() => schemaOf('type.googleapis.com/weft.Nothing')).toThrow(/weft.Nothing: unknown message type/);
  });

  test('a message of the wrong type is refused', () => {
    const listener: Message = message(ListenerSchema, { name: 'a' });
    // @ts-expect-error a Listener is not a Cluster
    expect(() => encode(ClusterSchema, listener)).toThrow(CodecError);
  });

  test('golden bytes', () => {
    const bytes = encode(ClusterSchema, {
      name: 'out/reviews',
      clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
      connectTimeout: { seconds: 5n, nanos: 0 },
    });
    expect(Buffer.from(bytes).toString('hex')).toBe('0a0b6f75742f726576696577731003220208 05'.replace(' ', ''));
    expect(contentHash(bytes)).toHaveLength(16);
    expect(contentHash(bytes)).toBe(contentHash(Uint8Array.from(bytes)));
  });
});

test('every file of the descriptor set is in the registry, and empty messages of all types round-trip', () => {
  const files = [...described.files];
  for (const file of files)
    for (const type of file.messages) {
      expect(registry.getMessage(type.typeName)).toBe(type);
      expect(decode(type, encode(type, message(type)))).toMatchObject({ $typeName: type.typeName });
    }
  expect(files.length).toBeGreaterThan(150);
  expect([BootstrapSchema, HttpConnectionManagerSchema].map((schema) => schemaOf(typeUrl(schema)))).toHaveLength(2);
});

test('texts are written as TextEncoder would, and what was packed is known without decoding it', () => {
  const texts = ['', 'shop', 'Größe', '價格', '😀', 'a'.repeat(5_000), '\u0000'];
  for (const text of texts) {
    const bytes = new TextEncoder().encode(text);
    const name = Buffer.from(encode(ClusterSchema, { name: text }));
    expect(name.subarray(name.length - bytes.length).equals(Buffer.from(bytes))).toBe(true);
    expect(decode(ClusterSchema, name).name).toBe(text);
  }
  const any = pack(ClusterSchema, { name: 'a' });
  expect(packed(any)).toEqual(decodeAny(any));
  expect(packed(message(AnySchema, { typeUrl: any.typeUrl, value: any.value }))).toBeUndefined();
});
