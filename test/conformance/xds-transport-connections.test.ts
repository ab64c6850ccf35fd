import { constants } from 'node:http2';
import type { Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { encode } from '../../src/proto/codec.ts';
import { DeltaDiscoveryRequestSchema } from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { callRaw, http2Frame, http2Preface, requestFrame } from '../support/raw-grpc.ts';
import { eventually, node } from './xds-fixture.ts';
import { adsPath, closed, echo, echoing, transports, useTransport } from './xds-transport-scene.ts';

const { serve, session, tcp } = useTransport();

describe.each(transports)('%s', (transport) => {
  test('T9 so many connections of one address that nobody vouched for, and no more; a confirmed one does not count', async () => {
    const fixture = await serve(echoing, { transport, connection: { unauthenticatedPerAddress: 3 } });
    const good = fixture.client.delta();
    good.send({ node, typeUrl: clusterType });
    await good.next();
    const silent = [tcp(fixture), tcp(fixture), tcp(fixture)];
    await Promise.all(silent.map((socket) => new Promise((resolve) => socket.on('connect', resolve))));
    await closed(tcp(fixture));
    expect(silent.map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
    silent[0]?.destroy();
    for (let attempt = 0, echoed = false; !echoed; attempt += 1) {
      expect(attempt).toBeLessThan(100);
      const next = session(fixture);
      const gone = new Promise<false>((resolve) => next.on('close', () => resolve(false)));
      const call = callRaw(next, echo);
      call.send('x');
      echoed = await Promise.race([
        gone,
        new Promise<true>((resolve) => call.stream.on('response', () => resolve(true))),
      ]);
    }
  });

  test('T9 a connection whose calls are all refused is closed at its deadline', async () => {
    const fixture = await serve(echoing, {
      transport,
      connection: { firstRequest: 300 },
      authenticate: () => ({ refused: { code: status.UNAUTHENTICATED, message: 'no' } }),
    });
    const [refused, good] = [session(fixture), session(fixture)];
    const calls = [callRaw(refused, adsPath), callRaw(refused, '/none/none')];
    for (const { ended } of calls) expect((await ended).code).toBeGreaterThan(0);
    const call = callRaw(good, echo);
    call.send('x');
    await new Promise((resolve) => refused.on('close', resolve));
    expect(good.closed).toBe(false);
  });

  test('F4 T9 of too many connections of one node those go that have no stream, then the oldest, as a whole', async () => {
    const fixture = await serve(echoing, { transport, connection: { perNode: 2 } });
    const connected = async () => {
      const opened = session(fixture);
      const gone = new Promise<void>((resolve) => opened.on('close', () => resolve()));
      const call = callRaw(opened, adsPath);
      call.send(encode(DeltaDiscoveryRequestSchema, { node, typeUrl: clusterType }));
      await eventually(() => call.messages.length === 1, 'the clusters');
      return { opened, gone, call };
    };
    const oldest = await connected();
    const unused = await connected();
    unused.call.stream.end();
    await unused.call.ended;
    const third = await connected();
    await unused.gone;
    expect([oldest.opened.closed, third.opened.closed]).toEqual([false, false]);
    const newest = await connected();
    expect((await oldest.call.ended).code).toBe(status.RESOURCE_EXHAUSTED);
    await oldest.gone;
    expect([third.opened.closed, newest.opened.closed]).toEqual([false, false]);
  });

  test('T9 a connection without a call is told to go after a while, one with a call is not', async () => {
    const fixture = await serve(echoing, { transport, connection: { maxAge: 3_000 } });
    const [used, unused] = [session(fixture), session(fixture)];
    const calls = [callRaw(used, echo), callRaw(unused, echo)];
    const gone = new Promise((resolve) => unused.on('close', resolve));
    const goaway = new Promise((resolve) => unused.on('goaway', resolve));
    for (const call of calls) call.send('x');
    await eventually(() => calls.every(({ messages }) => messages.length === 1), 'the echoes');
    calls[1]?.stream.end();
    expect(await goaway).toBe(constants.NGHTTP2_NO_ERROR);
    await gone;
    expect(used.closed).toBe(false);
  });

  test('X15 a peer that does not answer pings is gone, one that does stays', async () => {
    const fixture = await serve(echoing, { transport, connection: { keepaliveTime: 100, keepaliveTimeout: 100 } });
    const call = callRaw(session(fixture), echo);
    call.send('x');
    const dead = tcp(fixture);
    dead.write(http2Preface);
    await closed(dead);
    call.send('y');
    await eventually(() => call.messages.length === 2, 'the other lives');
  });

  test('X16 frequent pings of a client are answered, every one', async () => {
    const fixture = await serve(echoing, { transport });
    const client = session(fixture);
    const call = callRaw(client, echo);
    let answered = 0;
    for (let index = 0; index < 200; index += 1)
      await new Promise<void>((resolve) => {
        client.ping(() => {
          answered += 1;
          resolve();
        });
      });
    call.send('x');
    await eventually(() => call.messages.length === 1, 'the stream stays');
    expect(answered).toBe(200);
  });
});

describe('floods on http2 end their connection, and nothing else (T11)', () => {
  async function flood(attack: (socket: Socket) => void): Promise<void> {
    const fixture = await serve(echoing, { transport: 'http2', connection: { firstRequest: 60_000 } });
    const bystander = callRaw(session(fixture), echo);
    bystander.send('before');
    await eventually(() => bystander.messages.length === 1, 'the echo');
    const socket = tcp(fixture);
    socket.write(http2Preface);
    const gone = closed(socket);
    attack(socket);
    await gone;
    bystander.send('after');
    await eventually(() => bystander.messages.length === 2, 'the bystander lives');
    const told = {
      node: undefined,
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      message: expect.stringMatching(words),
    };
    expect(fixture.events).toEqual([{ kind: 'refused', code: expect.any(Number), ...told }]);
  }
  /** Which of them comes first may be a matter of how much is read at once. */
  const words = /^the connection is cut: (more than \d+ (streams|resets|pings|settings) in a second$|HTTP\/2: )/;
  const repeated = (count: number, frame: (index: number) => Buffer) =>
    Buffer.concat(Array.from({ length: count }, (_, index) => frame(index)));
  const headers = (stream: number, flags: number) => requestFrame(stream, '/', flags);

  test('pings', () => flood((socket) => socket.write(repeated(5_000, () => http2Frame(6, 0, 0, Buffer.alloc(8))))));
  test('settings', () => flood((socket) => socket.write(repeated(5_000, () => http2Frame(4, 0, 0)))));
  test('rapid reset', () =>
    flood((socket) =>
      socket.write(
        repeated(5_000, (index) =>
          Buffer.concat([headers(2 * index + 1, 4), http2Frame(3, 0, 2 * index + 1, Buffer.from([0, 0, 0, 8]))]),
        ),
      ),
    ));
  test('streams', () => flood((socket) => socket.write(repeated(5_000, (index) => headers(2 * index + 1, 5)))));
  test('continuation', () =>
    flood((socket) =>
      socket.write(
        Buffer.concat([headers(1, 0), repeated(5_000, () => http2Frame(9, 0, 1, Buffer.from([0x40, 1, 97, 1, 98])))]),
      ),
    ));
  test('empty data', () =>
    flood((socket) =>
      socket.write(Buffer.concat([requestFrame(1, echo, 4), repeated(5_000, () => http2Frame(0, 0, 1))])),
    ));
});

test('X24 a connection that begins while the server stops is told to go, and its call refused', async () => {
  const fixture = await serve(echoing);
  const slow = callRaw(session(fixture, { settings: { initialWindowSize: 0 } }), echo, {}, { read: false });
  slow.send('this keeps the server from being closed at once');
  await new Promise((resolve) => slow.stream.on('response', resolve));
  const early = tcp(fixture);
  await new Promise((resolve) => early.on('connect', resolve));
  const stopped = fixture.server.close();
  const late = session(fixture, { createConnection: () => early });
  const goaway = new Promise((resolve) => late.on('goaway', (code, last) => resolve({ code, last })));
  const { reset } = await callRaw(late, echo).ended;
  expect([await goaway, reset]).toEqual([{ code: 0, last: 0 }, constants.NGHTTP2_REFUSED_STREAM]);
  await stopped;
});

test('what is not HTTP/2 is closed at once', async () => {
  const fixture = await serve(echoing, { connection: { firstRequest: 60_000 } });
  const socket = tcp(fixture);
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await closed(socket);
});
