import { connect } from 'node:http2';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { status } from '@grpc/grpc-js';
import { expect } from 'vitest';
import { deltaPath } from '../../bench/support/discovery-bytes.ts';
import { grpcPrefixed } from '../../bench/support/http2-frames.ts';
import { encode } from '../../src/proto/codec.ts';
import { NodeSchema } from '../../src/proto/gen/envoy/config/core/v3/base_pb.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import { openGrpc } from './hostile-grpc.ts';
import { mebibytes, pause, promise, twice } from './hostile-promise.ts';
import { subscribe } from './hostile-raw.ts';
import { proxies, type Scene } from './hostile-scene.ts';

const million = 1_000_000;

function names(from: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `n-${from + index}`);
}

/** Messages of one stream, in their order. */
type Bomb = () => readonly Uint8Array[];

function withNode(metadata: Readonly<Record<string, string>>, id = 'bomb'): Uint8Array {
  const request = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(encode(NodeSchema, { id, metadata }));
  return grpcPrefixed(request.tag(2, WireType.LengthDelimited).string(clusterType).finish());
}

const keys = (count: number, value: string) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, value]));

/** What a stream is refused for, and no other stream feels (T8). */
const bombs: Readonly<Record<string, Bomb>> = {
  'a million names in one request': () => [subscribe(endpointType, names(0, million), 'bomb')],
  'a million names in twenty requests': () =>
    Array.from({ length: 20 }, (_, index) =>
      subscribe(endpointType, names(index * 50_000, 50_000), index === 0 ? 'bomb' : undefined),
    ),
  'a name of 1 MiB': () => [subscribe(endpointType, ['x'.repeat(2 ** 20)], 'bomb')],
  'a type URL of 1 MiB': () => [subscribe('x'.repeat(2 ** 20), ['n'], 'bomb')],
  'a node id of 8 MiB': () => [withNode({}, 'x'.repeat(2 ** 23))],
  'node metadata of 8 MiB': () => [withNode({ big: 'x'.repeat(2 ** 23) })],
  'node metadata of 512 KiB': () => [withNode({ big: 'x'.repeat(2 ** 19) })],
  'node metadata of 10,000 keys': () => [withNode(keys(10_000, 'v'))],
  '65 types': () =>
    Array.from({ length: 65 }, (_, index) =>
      subscribe(`type.googleapis.com/none.T${index}`, ['n'], index === 0 ? 'bomb' : undefined),
    ),
};

/** T8: each bomb, so many times, beside the good proxies. */
export async function proveBombs(scene: Scene, rounds: number): Promise<void> {
  const { port, server, account, settle, connectProxies, watch } = scene;
  await connectProxies();
  const quiet = await watch(pause(2_000));
  const base = await settle();
  const answers = new Map<string, Set<string | undefined>>();
  const throwOne = async (name: string, messages: readonly Uint8Array[]): Promise<void> => {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    const stream = openGrpc(session, deltaPath);
    for (const message of messages) stream.send(message);
    const answer = await Promise.race([stream.ended, pause(10_000).then(() => 'nothing within 10 s')]);
    answers.set(name, (answers.get(name) ?? new Set()).add(answer));
    session.destroy();
  };
  // Made beforehand: the process that makes a million names is the one that counts the time.
  const made = Object.entries(bombs).map(([name, bomb]) => [name, bomb()] as const);
  const meanwhile = async (): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) for (const [name, messages] of made) await throwOne(name, messages);
  };
  const { p99, loopP99, lost } = await watch(meanwhile());
  const { peakRss } = await server.ask('memory', {});
  const after = await settle();
  const more = after.heap + after.external - base.heap - base.external;
  promise(
    'T8',
    [
      `${Object.keys(bombs).length} kinds of bombs, ${rounds} times each, each RESOURCE_EXHAUSTED on its stream`,
      `${lost} of ${proxies} others lost, p99 of a push to them ${p99.toFixed(0)} ms, in quiet ${quiet.p99.toFixed(0)} ms`,
      `event loop p99 ${loopP99.toFixed(0)} ms; ${mebibytes(more)} more afterwards, RSS at most ${mebibytes(peakRss)}`,
    ].join('; '),
  );
  const exhausted = String(status.RESOURCE_EXHAUSTED);
  const odd = [...answers].filter(([, seen]) => seen.size !== 1 || !seen.has(exhausted));
  expect(odd.map(([name, seen]) => `${name}: ${[...seen].join(', ')}`)).toEqual([]);
  expect(lost).toBe(0);
  expect((await account()).others).toBe(0);
  expect(more).toBeLessThan(16 * 2 ** 20);
  expect(p99).toBeLessThan(twice(quiet.p99));
}
