import { connect } from 'node:http2';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { DescMessage } from '@bufbuild/protobuf';
import { expect } from 'vitest';
import { deltaPath } from '../../bench/support/discovery-bytes.ts';
import { grpcPrefixed } from '../../bench/support/http2-frames.ts';
import { decode } from '../../src/proto/codec.ts';
import { CodecError } from '../../src/proto/codec-error.ts';
import { MetricsService } from '../../src/proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { Identity } from '../../src/proto/gen/weft/v1/identity_pb.ts';
import { Membership } from '../../src/proto/gen/weft/v1/membership_pb.ts';
import { readNode } from '../../src/xds/read-node.ts';
import { readDelta, readSotw } from '../../src/xds/read-request.ts';
import { defaultLimits, Violation } from '../../src/xds/request-limits.ts';
import { Deframer } from '../../src/xds/transport-deframe.ts';
import { openGrpc } from './hostile-grpc.ts';
import { mutated, randomOf, wireCases } from './hostile-mutations.ts';
import { mebibytes, pause, promise, timeUntil, twice } from './hostile-promise.ts';
import { connectRaw, data, openCall, opening } from './hostile-raw.ts';
import type { Scene } from './hostile-scene.ts';

/** Decoders of the other services on the same port. */
const others: readonly DescMessage[] = [MetricsService, Membership, Identity].flatMap(({ methods }) =>
  methods.map(({ input }) => input),
);

/** What a decoder may throw: a refusal of its own. */
function refused(action: () => void): boolean {
  try {
    action();
    return false;
  } catch (error) {
    if (error instanceof Violation || error instanceof CodecError) return true;
    throw error;
  }
}

/** T7: mutated frames, cut at random, through every decoder in use, each time all of them. */
export function proveDecoders(count: number, seed: number): void {
  const random = randomOf(seed);
  const heap = (): number => {
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    return process.memoryUsage().heapUsed;
  };
  const tally = { deframed: 0, refused: 0, read: 0 };
  const step = (): void => {
    const message = mutated(random);
    const framed = grpcPrefixed(message);
    if (random() < 0.05) framed[Math.floor(random() * 5)] = Math.floor(random() * 256);
    const deframer = new Deframer(defaultReceiveLimit);
    for (let at = 0; at < framed.length; ) {
      const end = Math.min(framed.length, at + 1 + Math.floor(random() * framed.length));
      deframer.push(framed.subarray(at, end));
      at = end;
    }
    for (let next = deframer.next(); next !== undefined; next = deframer.next()) {
      const bytes = next;
      tally.deframed += 1;
      const readers = [
        () => readNode(readDelta(bytes, defaultLimits).node, defaultLimits, () => {}),
        () => readNode(readSotw(bytes, defaultLimits).node, defaultLimits, () => {}),
        ...others.map((schema) => () => decode(schema, bytes)),
      ];
      for (const reader of readers) tally[refused(reader) ? 'refused' : 'read'] += 1;
    }
  };
  for (let done = 0; done < 2_000; done += 1) step();
  const before = heap();
  for (let done = 0; done < count; done += 1) step();
  const after = heap();
  promise(
    'T7',
    `${count} mutated frames (seed ${seed}): ${tally.deframed} messages through ${2 + others.length} decoders, ${tally.refused} refused, ${tally.read} read, 0 other exceptions; heap ${mebibytes(before)} before, ${mebibytes(after)} after`,
  );
  expect(after).toBeLessThan(before * 1.1 + 2 ** 20);
}

const defaultReceiveLimit = 32 * 1024 * 1024;
/** Of one connection: beyond this the guard against floods closes it, rightly. */
const callsPerConnection = 40;

/** T7 over the wire, against a server of its own process: messages, frames of gRPC and frames of HTTP/2 that are wrong. */
export async function proveWire(scene: Scene, counts: { readonly calls: number; readonly connections: number }) {
  const { port, account, settle, connectProxies, watch } = scene;
  const random = randomOf(7);
  await connectProxies();
  const statuses = new Map<string, number>();
  const answer = async (session: ReturnType<typeof connect>, bytes: readonly Uint8Array[], headers = {}) => {
    const stream = openGrpc(session, deltaPath, headers);
    for (const part of bytes) stream.send(part);
    stream.halfClose();
    const status = await Promise.race([stream.ended, pause(10_000).then(() => 'nothing within 10 s')]);
    statuses.set(status ?? 'reset', (statuses.get(status ?? 'reset') ?? 0) + 1);
    return status;
  };
  const visit = async (act: (session: ReturnType<typeof connect>) => Promise<unknown>): Promise<void> => {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    await act(session);
    session.destroy();
  };
  const messages = (count: number) =>
    visit((session) =>
      Promise.all(Array.from({ length: count }, () => answer(session, [grpcPrefixed(mutated(random))]))),
    );
  const cases = async (): Promise<void> => {
    for (const [name, { bytes, headers }] of Object.entries(wireCases))
      await visit(async (session) => {
        const status = await answer(session, bytes, headers);
        expect(status, name).not.toBe('nothing within 10 s');
      });
  };
  const rawFrames = async (): Promise<void> => {
    const bytes = Buffer.concat([opening([4, 65_535]), openCall(1), data(grpcPrefixed(mutated(random))), openCall(3)]);
    for (let flips = 1 + Math.floor(random() * 6); flips > 0; flips -= 1) {
      // The preface stays: without it nothing is HTTP/2, which T9 is about.
      const at = 24 + Math.floor(random() * (bytes.length - 24));
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    }
    const connection = connectRaw(port);
    await connection.connected;
    await connection.write(bytes);
    await Promise.race([connection.closed, pause(5)]);
    connection.destroy();
  };
  const all = async (calls: number, connections: number): Promise<void> => {
    await cases();
    for (let done = 0; done < calls; done += callsPerConnection)
      await messages(Math.min(callsPerConnection, calls - done));
    for (let done = 0; done < connections; done += 10) await Promise.all(Array.from({ length: 10 }, rawFrames));
  };
  await all(200, 50);
  const before = await settle();
  statuses.clear();
  const quiet = await watch(pause(1_000));
  const { lost, p99 } = await watch(all(counts.calls, counts.connections));
  // After some wrong frames nghttp2 reads no more, and Node does not say so: such a connection goes with its deadline, or, where it has
  // asked for something, with the keepalive.
  const memory = async () => {
    const { heap, external } = await settle();
    return heap + external;
  };
  const allowed = (before.heap + before.external) * 1.1 + 2 ** 20;
  let after = 0;
  const back = await timeUntil(async () => {
    after = await memory();
    return after < allowed && (await account()).others === 0;
  }, 45_000);
  const byStatus = [...statuses].sort().map(([status, times]) => `${status}: ${times}`);
  promise(
    'T7',
    [
      `over the wire ${counts.calls} calls with a mutated message, ${Object.keys(wireCases).length} wrong frames of gRPC, ${counts.connections} connections with mutated frames of HTTP/2: 0 exits`,
      `${lost} streams of others lost, p99 of a push to them ${p99.toFixed(0)} ms, in quiet ${quiet.p99.toFixed(0)} ms; status codes ${byStatus.join(', ')}`,
      `heap and external ${mebibytes(before.heap + before.external)} before, ${mebibytes(after)} ${((back ?? 45_000) / 1_000).toFixed(1)} s after`,
    ].join('; '),
  );
  const { failures, others: left } = await account();
  expect(failures, 'a bug of ours was met').toEqual([]);
  expect(lost).toBe(0);
  expect(p99).toBeLessThan(twice(quiet.p99));
  expect(left).toBe(0);
  expect(after).toBeLessThan(allowed);
}
