import { connect } from 'node:http2';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { status } from '@grpc/grpc-js';
import { expect } from 'vitest';
import { deltaPath } from '../../bench/support/discovery-bytes.ts';
import { grpcPrefixed } from '../../bench/support/http2-frames.ts';
import { defaultLimits } from '../../src/xds/request-limits.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { type GrpcStream, openGrpc } from './hostile-grpc.ts';
import { mebibytes, pause, promise, timeUntil, twice } from './hostile-promise.ts';
import { subscribe } from './hostile-raw.ts';
import { proxies, type Scene } from './hostile-scene.ts';

/** What a name counts for beside its bytes; the page of the library says so. */
const besides = 128;

/** How a stream names things, `count` at a time, and what each time counts for. */
interface Hoard {
  readonly count: number;
  readonly counts: number;
  /** The request number `index` of a stream. */
  readonly say: (index: number, node: string | undefined) => Uint8Array;
}

/** Each type may have 100,000 names. */
const typeOf = (index: number, count: number) =>
  `type.googleapis.com/hoard.T${Math.floor((index * count) / defaultLimits.names)}`;

function named(count: number, length: number): Hoard {
  const name = (number: number) => `${number}`.padStart(length, 'x');
  return {
    count,
    counts: count * (length + besides),
    say: (index, node) =>
      subscribe(
        typeOf(index, count),
        Array.from({ length: count }, (_, place) => name(index * count + place)),
        node,
      ),
  };
}

/** More names than one response tells of. */
const beforeClaims = 1_100;

/** The first request of each type says what the client holds of it. */
function claimed(count: number, length: number): Hoard {
  const text = 'v'.repeat(length);
  return {
    count,
    counts: count * (length + length + besides) + beforeClaims * (4 + besides),
    say(index, node) {
      const request = new BinaryWriter();
      if (node !== undefined)
        request
          .tag(1, WireType.LengthDelimited)
          .bytes(new BinaryWriter().tag(1, WireType.LengthDelimited).string(node).finish());
      request.tag(2, WireType.LengthDelimited).string(`type.googleapis.com/hoard.C${index}`);
      // These are told first that they do not exist, and what follows stays until that is acknowledged.
      for (let place = 0; place < beforeClaims; place += 1)
        request.tag(3, WireType.LengthDelimited).string(`${place}`.padStart(4, 'n'));
      for (let place = 0; place < count; place += 1) {
        const entry = new BinaryWriter().tag(1, WireType.LengthDelimited).string(`${place}`.padStart(length, 'x'));
        entry.tag(2, WireType.LengthDelimited).string(text);
        request.tag(5, WireType.LengthDelimited).bytes(entry.finish());
      }
      return grpcPrefixed(request.finish());
    },
  };
}

const hoards: Readonly<Record<string, Hoard>> = {
  'names of 7 bytes': named(20_000, 7),
  'names of 100 bytes': named(20_000, 100),
  'names of 1 KiB': named(10_000, 1_024),
  'versions of 1 KiB': claimed(10_000, 1_024),
};

/**
 * T8: what one stream can make the server keep by naming things is bounded, whatever it names, and goes with the stream. `limit`: the
 * scene's, in bytes.
 */
export async function proveHoards(scene: Scene, limit = defaultLimits.subscribedBytes): Promise<void> {
  const { port, account, settle, connectProxies, watch } = scene;
  await connectProxies();
  const quiet = await watch(pause(2_000));
  const base = await settle();
  const more = async (): Promise<number> => {
    const { heap, external } = await settle();
    return heap + external - base.heap - base.external;
  };
  const said: string[] = [];
  const kept: number[] = [];
  const odd: string[] = [];
  let worst = { p99: 0, loopP99: 0, lost: 0 };
  // Not while memory is looked at: the garbage collection for that holds the server itself.
  const feel = async (meanwhile: Promise<unknown>): Promise<void> => {
    const { p99, loopP99, lost } = await watch(meanwhile);
    worst = {
      p99: Math.max(worst.p99, p99),
      loopP99: Math.max(worst.loopP99, loopP99),
      lost: Math.max(worst.lost, lost),
    };
  };
  for (const [what, { count, counts, say }] of Object.entries(hoards)) {
    // What waits to be sent is memory of a session: Node refuses the headers of an answer beyond 10 MB of it.
    const session = connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 1_000 });
    session.on('error', () => {});
    const stream = openGrpc(session, deltaPath);
    const fitting = Math.floor(limit / counts);
    for (let index = 0; index < fitting; index += 1) stream.send(say(index, index === 0 ? 'hoarder' : undefined));
    stream.send(subscribe(clusterType, []));
    const full = Promise.race([answerOf(stream, clusterType), stream.ended.then(() => false), pause(30_000)]);
    await feel(full);
    if ((await full) !== true) odd.push(`${what}: not served what fits`);
    const held = await more();
    kept.push(held);
    said.push(`${fitting * count} ${what}: ${mebibytes(held)}`);
    stream.send(say(fitting, undefined));
    const answer = Promise.race([stream.ended, pause(10_000).then(() => 'nothing within 10 s')]);
    await feel(answer);
    if ((await answer) !== String(status.RESOURCE_EXHAUSTED)) odd.push(`${what}: ${await answer}`);
    session.destroy();
  }
  const { p99, loopP99, lost } = worst;
  let left = 0;
  const back = await timeUntil(async () => {
    left = await more();
    return left < 8 * 2 ** 20;
  }, 5_000);
  promise(
    'T8',
    [
      `one connection makes the server hold at most ${mebibytes(limit)} of names as they are counted, in memory ${said.join(', ')}; one request more is RESOURCE_EXHAUSTED`,
      `${mebibytes(left)} more afterwards`,
      `${lost} of ${proxies} others lost, p99 of a push to them ${p99.toFixed(0)} ms, in quiet ${quiet.p99.toFixed(0)} ms; event loop p99 ${loopP99.toFixed(0)} ms`,
    ].join('; '),
  );
  expect(odd).toEqual([]);
  expect(Math.max(...kept)).toBeLessThan(2 * limit);
  expect(back, 'memory is back').toBeDefined();
  expect(lost).toBe(0);
  expect((await account()).others).toBe(0);
  // These names are let in, within seconds as many as 280,000 services have: what that costs others is the garbage collection of what is kept.
  expect(p99).toBeLessThan(Math.max(twice(quiet.p99), 250));
}

/** Reads responses, and acknowledges none, until one is of this type. */
async function answerOf(stream: GrpcStream, typeUrl: string): Promise<true> {
  while (typeOfResponse(await stream.message()) !== typeUrl);
  return true;
}

function typeOfResponse(response: Uint8Array): string {
  const reader = new BinaryReader(response);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 4) return reader.string();
    reader.skip(type, field);
  }
  return '';
}
