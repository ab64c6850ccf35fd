import { expect } from 'vitest';
import { frame, frameType } from '../../bench/support/http2-frames.ts';
import type { Certificates } from '../../bench/support/protocol.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import { pause, promise, timeUntil } from './hostile-promise.ts';
import { connectRaw, data, openCall, opening, type RawConnection, subscribe } from './hostile-raw.ts';
import { proxies, type Scene } from './hostile-scene.ts';

/** Below the cap of one address. */
const perAddress = 30;
const cap = 32;

/** 127.1.0.1 and on, so many connections from each. */
function addressOf(index: number): string {
  const host = Math.floor(index / perAddress) + 1;
  return `127.1.${host >> 8}.${host & 255}`;
}

/**
 * T9: connections that never speak HTTP/2, or say its first words and no more, are closed in time, and a good proxy connects meanwhile.
 * Of one address only so many are let in at all.
 */
export async function proveIdle(
  { port, load, account, connectProxies }: Scene,
  certificates: Certificates,
  { tcp, tls, deadline }: { readonly tcp: number; readonly tls: number; readonly deadline: number },
): Promise<void> {
  await connectProxies();
  const silent = Array.from({ length: tcp + tls }, (_, index) =>
    connectRaw(port, { from: addressOf(index), secure: index >= tcp }),
  );
  const [crowd, crowdedAt] = [Array.from({ length: cap + 8 }, () => connectRaw(port, { from: '127.2.0.1' })), 500];
  await Promise.all(silent.map(({ connected }) => connected));
  const speakers = silent.slice(tcp).filter((_, index) => index % 2 === 0);
  for (const { write } of speakers) void write(opening());
  // The first byte of a handshake, and no more.
  for (const { write } of silent.slice(0, tcp).filter((_, index) => index % 2 === 0)) void write(Buffer.of(0x16));
  const open = (some: readonly RawConnection[]) => some.filter(({ isOpen }) => isOpen()).length;
  await pause(crowdedAt);
  const kept = open(crowd);
  const { wall } = await load.ask('connect', {
    port,
    certificates,
    role: 'endpoints',
    count: 1,
    concurrency: 1,
    endpoints: ['probe'],
    routes: [],
  });
  const meanwhile = open(silent);
  const limit = deadline + 1_000;
  const times = await Promise.all(
    silent.map(({ closed }) => Promise.race([closed, pause(2 * limit).then(() => Number.POSITIVE_INFINITY)])),
  );
  const { good } = await account();
  const last = Math.max(...times);
  promise(
    'T9',
    [
      `${tcp} TCP and ${tls} TLS connections that never ask for anything: all closed after ${(last / 1_000).toFixed(1)} s (limit ${limit / 1_000} s)`,
      `while ${meanwhile} of them were open a good proxy had its endpoints in ${wall.toFixed(0)} ms`,
      `${proxies + 1 - good} of the streams from before lost`,
      `of ${crowd.length} from one address ${kept} were let in (cap ${cap})`,
    ].join('; '),
  );
  expect(last).toBeLessThanOrEqual(limit);
  expect(meanwhile).toBeGreaterThan((tcp + tls) * 0.9);
  expect(wall).toBeLessThan(1_000);
  expect(good).toBe(proxies + 1);
  expect(kept).toBe(cap);
}

/** A slow loris that speaks gRPC: every way of asking without ever asking. */
const lorises: Readonly<Record<string, (connection: RawConnection) => Promise<void>>> = {
  'headers without a message': async () => {},
  'half a prefix': ({ write }) => write(data(Buffer.of(0, 0, 0))),
  'a byte of a message at a time': async ({ write, isOpen }) => {
    const message = subscribe(clusterType, [], 'loris').subarray(0, -1);
    for (let at = 0; at < message.length && isOpen(); at += 1) {
      await write(data(message.subarray(at, at + 1)));
      await pause(100);
    }
  },
  'a byte of a frame at a time': async ({ socket, isOpen }) => {
    const bytes = data(subscribe(clusterType, [], 'loris')).subarray(0, -1);
    for (let at = 0; at < bytes.length && isOpen(); at += 1) {
      socket.write(bytes.subarray(at, at + 1));
      await pause(100);
    }
  },
  'pings and nothing else': async ({ write, isOpen }) => {
    while (isOpen()) {
      await write(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
      await pause(200);
    }
  },
};

/** T9 at the level of gRPC: the deadline is that of the first valid request, whatever else comes. */
export async function proveLoris({ port, account }: Scene, width: number, deadline: number): Promise<void> {
  const limit = deadline + 1_000;
  const seen: string[] = [];
  for (const [name, act] of Object.entries(lorises)) {
    const connections = Array.from({ length: width }, (_, index) => connectRaw(port, { from: addressOf(index) }));
    const times = await Promise.all(
      connections.map(async (connection) => {
        await connection.connected;
        await connection.write(Buffer.concat([opening(), openCall(1)]));
        void act(connection);
        return Promise.race([connection.closed, pause(2 * limit).then(() => Number.POSITIVE_INFINITY)]);
      }),
    );
    for (const { destroy } of connections) destroy();
    const last = Math.max(...times);
    seen.push(`${name} ${(last / 1_000).toFixed(1)} s`);
    expect(last, name).toBeLessThanOrEqual(limit);
  }
  expect((await account()).others).toBe(0);
  promise(
    'T9',
    `slow loris: ${width} connections of each kind, closed after: ${seen.join(', ')} (limit ${limit / 1_000} s)`,
  );
}

/** F19: a peer that has gone without a word is noticed by its silence after a ping. */
export async function proveDeadPeer({ port, account }: Scene, limit: number): Promise<void> {
  const width = 20;
  const connections = Array.from({ length: width }, () => connectRaw(port));
  for (const [index, connection] of connections.entries()) {
    await connection.connected;
    const ask = data(subscribe(endpointType, ['probe'], `dead-${index}`));
    await connection.write(Buffer.concat([opening(), openCall(1), ask]));
  }
  const there = await timeUntil(async () => (await account()).others === width, 5_000);
  expect(there, 'the streams are open').toBeDefined();
  // From here on nothing is said, and pings are not answered.
  const times = await Promise.all(
    connections.map(({ closed }) => Promise.race([closed, pause(2 * limit).then(() => Number.POSITIVE_INFINITY)])),
  );
  const last = Math.max(...times);
  const freed = await timeUntil(async () => (await account()).others === 0, 2_000);
  promise(
    'F19',
    `${width} peers that answer nothing any more: gone after ${(last / 1_000).toFixed(1)} s (limit ${limit / 1_000} s)`,
  );
  expect(last).toBeLessThanOrEqual(limit);
  expect(freed, 'their streams are freed').toBeDefined();
}
