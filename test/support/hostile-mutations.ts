import { deflateSync, gzipSync } from 'node:zlib';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { grpcPrefixed } from '../../bench/support/http2-frames.ts';
import { encode } from '../../src/proto/codec.ts';
import { NodeSchema } from '../../src/proto/gen/envoy/config/core/v3/base_pb.ts';
import {
  DeltaDiscoveryRequestSchema,
  DiscoveryRequestSchema,
} from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';

/** Numbers from 0 below 1, the same for a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Metadata of structs in structs, so deep; made by hand, since no encoder goes there. */
function nestedNode(depth: number): Uint8Array {
  // Each level is a Value that holds a Struct with one field: lengths are known from the inside out.
  let struct: Uint8Array = new Uint8Array(0);
  const parts: Uint8Array[] = [];
  let length = struct.length;
  const header = (field: number, size: number) =>
    new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(size).finish();
  for (let level = 0; level < depth; level += 1) {
    const inValue = header(5, length);
    const inEntry = Buffer.concat([Buffer.of(0x0a, 1, 0x61), header(2, inValue.length + length)]);
    const inFields = header(1, inEntry.length + inValue.length + length);
    parts.push(Buffer.concat([inFields, inEntry, inValue]));
    length += inFields.length + inEntry.length + inValue.length;
  }
  struct = Buffer.concat(parts.reverse());
  const node = new BinaryWriter().tag(1, WireType.LengthDelimited).string('deep');
  return node.tag(3, WireType.LengthDelimited).bytes(struct).finish();
}

/** No node of the good proxies: theirs begin with `sidecar~`. */
const node = { id: 'mutant~1', metadata: { a: { b: [1, 'two', null] } }, clientFeatures: ['x'] };

/** Good requests of both variants: the ground that mutations stand on. */
const grounds: readonly Uint8Array[] = [
  encode(DeltaDiscoveryRequestSchema, { node, typeUrl: clusterType, initialResourceVersions: { a: '1', b: '2' } }),
  encode(DeltaDiscoveryRequestSchema, { node, typeUrl: endpointType, resourceNamesSubscribe: ['a', 'b', '*'] }),
  encode(DeltaDiscoveryRequestSchema, { typeUrl: endpointType, responseNonce: '17', errorDetail: { message: 'no' } }),
  encode(DiscoveryRequestSchema, { node, typeUrl: clusterType, versionInfo: '7', responseNonce: '9' }),
  encode(DiscoveryRequestSchema, { node, typeUrl: endpointType, resourceNames: ['a', 'b'] }),
];

/** Whole messages that are bad on purpose; each also made worse at random. */
const crafted: readonly Uint8Array[] = [
  withNode(nestedNode(10_000)),
  withNode(nestedNode(200)),
  withNode(encode(NodeSchema, { id: 'x'.repeat(1_025) })),
  encode(DeltaDiscoveryRequestSchema, { node, typeUrl: endpointType, resourceNamesSubscribe: ['n'.repeat(1_025)] }),
  encode(DeltaDiscoveryRequestSchema, { node, typeUrl: '', resourceNamesSubscribe: ['n'] }),
  // A group that opens 10,000 groups and closes none.
  Buffer.alloc(10_000, 0x0b),
  // A varint that never ends, a length beyond the end, field 0, a wire type that does not exist.
  Buffer.alloc(64, 0xff),
  Buffer.of(0x12, 0xff, 0xff, 0xff, 0xff, 0x0f),
  Buffer.of(0x00, 0x00),
  Buffer.of(0x0f, 0x01),
];

function withNode(bytes: Uint8Array): Uint8Array {
  const request = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(bytes);
  return request.tag(2, WireType.LengthDelimited).string(clusterType).finish();
}

/** A message made worse: flipped bits, a cut, bytes put in, a piece twice, or nothing. */
export function mutated(random: () => number): Uint8Array {
  const pick = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(random() * items.length)];
  // Deep ones cost a hundred times as much to read as others.
  const ground = (random() < 0.98 ? pick(grounds) : pick(crafted)) ?? new Uint8Array(0);
  const place = () => Math.floor(random() * (ground.length + 1));
  const [from, to] = [place(), place()].sort((one, other) => one - other);
  const kind = Math.floor(random() * 6);
  if (kind === 0) return ground.subarray(0, from);
  if (kind === 1) return Buffer.concat([ground.subarray(0, from), Buffer.alloc(1 + (place() % 12), 0xff)]);
  if (kind === 2) return Buffer.concat([ground.subarray(0, to), ground.subarray(from)]);
  if (kind === 3) return Buffer.concat([ground.subarray(0, from), ground.subarray(to)]);
  if (kind === 4 && random() < 0.1) return ground;
  const bytes = Buffer.from(ground);
  for (let flips = 1 + (place() % 8); flips > 0 && bytes.length > 0; flips -= 1) {
    const at = Math.floor(random() * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  }
  return bytes;
}

/** What a call brings over the wire, with headers of its own where it needs them. */
export interface WireCase {
  readonly bytes: readonly Uint8Array[];
  readonly headers?: Readonly<Record<string, string>>;
}

function prefixed(flag: number, length: number, message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** Beyond the largest message, of bytes that compress a thousandfold. */
const bombSize = 48 * 1024 * 1024;
const gzipBomb = gzipSync(Buffer.alloc(bombSize));
const deflateBomb = deflateSync(Buffer.alloc(bombSize));
const [good = new Uint8Array(0)] = grounds;
const packed = gzipSync(good);
const limit = 32 * 1024 * 1024;

/** Frames of gRPC that are wrong by themselves, whatever message they hold. */
export const wireCases: Readonly<Record<string, WireCase>> = {
  'no message': { bytes: [] },
  'a message of no bytes': { bytes: [prefixed(0, 0, Buffer.alloc(0))] },
  'a hundred messages of no bytes': { bytes: [Buffer.alloc(500)] },
  'half a prefix': { bytes: [Buffer.of(0, 0)] },
  'the limit and a byte': { bytes: [prefixed(0, limit + 1, good)] },
  'a length of 4 GiB': { bytes: [prefixed(0, 0xffffffff, good)] },
  'a length too large by one': { bytes: [prefixed(0, good.length + 1, good)] },
  'a length too small by one': { bytes: [prefixed(0, good.length - 1, good)] },
  'a flag of 255': { bytes: [prefixed(255, good.length, good)] },
  'compressed, but no way is named': { bytes: [prefixed(1, packed.length, packed)] },
  'an unknown way': { bytes: [prefixed(1, packed.length, packed)], headers: { 'grpc-encoding': 'snappy' } },
  'no gzip': { bytes: [prefixed(1, good.length, good)], headers: { 'grpc-encoding': 'gzip' } },
  'half a gzip': { bytes: [prefixed(1, 30, packed.subarray(0, 30))], headers: { 'grpc-encoding': 'gzip' } },
  'no deflate': { bytes: [prefixed(1, good.length, good)], headers: { 'grpc-encoding': 'deflate' } },
  'a gzip bomb': { bytes: [prefixed(1, gzipBomb.length, gzipBomb)], headers: { 'grpc-encoding': 'gzip' } },
  'a deflate bomb': { bytes: [prefixed(1, deflateBomb.length, deflateBomb)], headers: { 'grpc-encoding': 'deflate' } },
  'a timeout that is none': { bytes: [grpcPrefixed(good)], headers: { 'grpc-timeout': '-1s' } },
  'structs of depth 10,000': { bytes: [grpcPrefixed(withNode(nestedNode(10_000)))] },
};
