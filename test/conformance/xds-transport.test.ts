import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import type { Call, CallHandler } from '../../src/xds/call.ts';
import { frameOf } from '../../src/xds/frame.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { callRaw, framed, http2Frame, http2Preface, requestFrame } from '../support/raw-grpc.ts';
import { cluster, eventually, type Fixture, type FixtureOptions, node, startFixture } from './xds-fixture.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const echo = '/test.Echo/Echo';
const adsPath = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

/** A server with one more method, which is whatever the test says. */
async function serve(handler: CallHandler, options: FixtureOptions = {}): Promise<Fixture> {
  const fixture = await startFixture([cluster('a')], { handlers: new Map([[echo, handler]]), ...options });
  cleanups.push(() => fixture.close());
  return fixture;
}

function session(fixture: Fixture): ClientHttp2Session {
  const opened = connect(`http://127.0.0.1:${fixture.server.port}`);
  opened.on('error', () => {});
  cleanups.push(() => opened.destroy());
  return opened;
}

function tcp(fixture: Fixture): Socket & { readonly closed: boolean } {
  const socket = connectTcp(fixture.server.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  cleanups.push(() => {
    socket.destroy();
  });
  return socket;
}

const closed = (socket: Socket) => new Promise<void>((resolve) => socket.on('close', () => resolve()));

/** Sends back what comes. */
const echoing: CallHandler = (call: Call) => {
  call.confirm();
  call.listen({
    message: (bytes) => call.write(frameOf(bytes), () => {}),
    halfClosed: () => call.end(status.OK, ''),
    gone: () => {},
  });
};

describe.each(['http2', 'grpc-js'] as const)('%s', (transport) => {
  test('X1 a method that is not there is UNIMPLEMENTED, in the headers alone; so are the unary ones', async () => {
    const fixture = await serve(echoing, { transport });
    const client = session(fixture);
    for (const path of [
      '/a.b.C/D',
      '/',
      '/envoy.service.cluster.v3.ClusterDiscoveryService/FetchClusters',
      '/envoy.service.route.v3.VirtualHostDiscoveryService/StreamVirtualHosts',
    ]) {
      const ended = await callRaw(client, path).ended;
      expect(ended).toMatchObject({ http: 200, code: status.UNIMPLEMENTED, trailersOnly: true });
    }
  });

  test('what is not gRPC is told so in HTTP', async () => {
    const fixture = await serve(echoing, { transport });
    const client = session(fixture);
    expect(await callRaw(client, echo, { 'content-type': 'application/json' }).ended).toMatchObject({ http: 415 });
    const good = callRaw(client, echo, {}, { endStream: true });
    expect(await good.ended).toMatchObject({ http: 200, code: status.OK });
  });

  test('messages are echoed in order whatever their size, also in pieces and with `te` left out', async () => {
    const fixture = await serve(echoing, { transport });
    const call = callRaw(session(fixture), echo, { te: [] });
    const sizes = [0, 1, 16_384, 70_000, 1_000_000, 5_000_000, 3];
    for (const size of sizes) call.send(Buffer.alloc(size, size % 251));
    const last = framed('in pieces');
    for (const byte of last.subarray(0, -1)) call.stream.write(Buffer.of(byte));
    call.stream.end(last.subarray(-1));
    expect(await call.ended).toMatchObject({ code: status.OK, reset: 0 });
    expect(call.messages.map(({ length }) => length)).toEqual([...sizes, 9]);
    expect(
      call.messages.every(
        (message, index) => index === 7 || message.equals(Buffer.alloc(message.length, message.length % 251)),
      ),
    ).toBe(true);
  });

  test('gzip and deflate are read, in their order; what is not known is UNIMPLEMENTED', async () => {
    const fixture = await serve(echoing, { transport });
    const client = session(fixture);
    for (const [name, deflate] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
    ] as const) {
      const call = callRaw(client, echo, { 'grpc-encoding': name });
      call.send(deflate('one'.repeat(10_000)), true);
      call.send('two');
      call.send(deflate('three'), true);
      call.stream.end();
      expect(await call.ended).toMatchObject({ code: status.OK });
      expect(call.messages.map(String)).toEqual(['one'.repeat(10_000), 'two', 'three']);
    }
    const odd = callRaw(client, echo, { 'grpc-encoding': 'snappy' });
    odd.send('x', true);
    expect(await odd.ended).toMatchObject({ code: status.UNIMPLEMENTED });
  });

  test('T7 X18 beyond the limit, before or after inflation: RESOURCE_EXHAUSTED, and the connection lives', async () => {
    const fixture = await serve(echoing, { transport, connection: { receiveLimit: 5 * 1024 * 1024 } });
    const client = session(fixture);
    const announced = callRaw(client, echo);
    announced.stream.write(framed(Buffer.alloc(5 * 1024 * 1024 + 1)).subarray(0, 5));
    expect(await announced.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    const bomb = callRaw(client, echo, { 'grpc-encoding': 'gzip' });
    bomb.send(gzipSync(Buffer.alloc(64 * 1024 * 1024)), true);
    expect(await bomb.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    const largest = callRaw(client, echo);
    largest.send(Buffer.alloc(5 * 1024 * 1024));
    largest.stream.end();
    expect(await largest.ended).toMatchObject({ code: status.OK });
  });

  test('a deadline of the caller ends the call, and tells the listener', async () => {
    const gone: string[] = [];
    const waiting: CallHandler = (call) =>
      call.listen({ message: () => {}, halfClosed: () => {}, gone: (reason) => gone.push(reason) });
    const fixture = await serve(waiting, { transport });
    expect(await callRaw(session(fixture), echo, { 'grpc-timeout': '50m' }).ended).toMatchObject({
      code: status.DEADLINE_EXCEEDED,
    });
    expect(gone).toHaveLength(1);
  });

  test('6.3 what a handler or listener throws, at once or later, ends its call only', async () => {
    const bug = () => {
      throw new Error('a bug');
    };
    const later = async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      bug();
    };
    const calm = { message: () => {}, halfClosed: () => {}, gone: () => {} };
    const handlers: readonly CallHandler[] = [
      bug,
      later,
      (call) => call.listen({ ...calm, message: bug }),
      (call) => call.listen({ ...calm, message: later }),
      (call) => call.listen({ ...calm, halfClosed: bug }),
      (call) => call.listen({ ...calm, message: (bytes) => call.write(frameOf(bytes), bug) }),
    ];
    let which: CallHandler = echoing;
    const fixture = await serve((call) => which(call), { transport });
    const client = session(fixture);
    const bystander = callRaw(client, echo);
    bystander.send('before');
    await eventually(() => bystander.messages.length === 1, 'the echo');
    for (const handler of handlers) {
      which = handler;
      const call = callRaw(client, echo);
      call.send('x');
      call.stream.end();
      expect(await call.ended).toMatchObject({ code: status.INTERNAL });
    }
    expect(fixture.events.filter(({ kind }) => kind === 'failed')).toHaveLength(handlers.length);
    bystander.send('after');
    bystander.stream.end();
    expect(await bystander.ended).toMatchObject({ code: status.OK });
    expect(bystander.messages).toHaveLength(2);
  });

  test('a paused call reads nothing more, and its client is held back', async () => {
    let received = 0;
    let paused: Call | undefined;
    const fixture = await serve(
      (call) => {
        paused = call;
        call.listen({
          message: (bytes) => {
            received += bytes.length;
            if (received === 1) call.pause();
          },
          halfClosed: () => call.end(status.ABORTED, `${received}`),
          gone: () => {},
        });
      },
      { transport },
    );
    const call = callRaw(session(fixture), echo);
    call.send('x');
    let sent = 0;
    const send = (): void => {
      if (sent === 100) call.stream.end();
      else
        call.stream.write(framed(Buffer.alloc(64 * 1024)), () => {
          sent += 1;
          send();
        });
    };
    send();
    await eventually(() => sent > 1, 'something has left the client');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([received, sent < 60]).toEqual([1, true]);
    paused?.resume();
    expect(await call.ended).toMatchObject({ code: status.ABORTED, message: `${1 + 100 * 64 * 1024}` });
  });

  test('a call that is cancelled while its caller is asked who it is tells the listener at once', async () => {
    const gone: string[] = [];
    let listen = () => {};
    const fixture = await serve(
      (call) => {
        listen = () => call.listen({ message: () => {}, halfClosed: () => {}, gone: (reason) => gone.push(reason) });
      },
      { transport },
    );
    const client = session(fixture);
    const call = callRaw(client, echo);
    const second = callRaw(client, '/none/none');
    await second.ended;
    call.stream.close(8);
    await call.ended;
    await callRaw(client, '/none/none').ended;
    await new Promise((resolve) => setTimeout(resolve, 20));
    listen();
    expect(gone).toHaveLength(1);
  });

  test('written is called when the message has left; a status follows what was written', async () => {
    let written = 0;
    const fixture = await serve(
      (call) => {
        for (let index = 0; index < 20; index += 1)
          call.write(frameOf(Buffer.alloc(100_000, index)), () => (written += 1));
        call.end(status.ABORTED, 'größer als 100 %');
        call.write(frameOf(Buffer.alloc(1)), () => (written += 100));
      },
      { transport },
    );
    const call = callRaw(session(fixture), echo, {}, { endStream: true });
    expect(await call.ended).toMatchObject({ code: status.ABORTED, message: 'größer als 100 %', reset: 0 });
    expect(call.messages.map((message) => message[0])).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(written).toBeLessThanOrEqual(20);
  });

  test('X24 close tells every open call, also of other methods', async () => {
    const fixture = await serve(echoing, { transport });
    const call = callRaw(session(fixture), echo);
    call.send('x');
    await eventually(() => call.messages.length === 1, 'the echo');
    await fixture.server.close();
    expect(await call.ended).toMatchObject({ code: status.UNAVAILABLE });
  });

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
  }
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

test('what is not HTTP/2 is closed at once', async () => {
  const fixture = await serve(echoing, { connection: { firstRequest: 60_000 } });
  const socket = tcp(fixture);
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await closed(socket);
});

test('X22 a stream that does not read delays no other of its connection', async () => {
  const big = Buffer.alloc(4 * 1024 * 1024);
  const fixture = await serve(
    (call) =>
      call.listen({
        message: (bytes) => call.write(frameOf(bytes.length === 1 ? big : bytes), () => {}),
        halfClosed: () => {},
        gone: () => {},
      }),
    { transport: 'http2' },
  );
  const client = session(fixture);
  const stuck = [1, 2, 3].map(() => callRaw(client, echo, {}, { read: false }));
  for (const call of stuck) call.send('x');
  await Promise.all(stuck.map(({ stream }) => new Promise((resolve) => stream.on('response', resolve))));
  const live = callRaw(client, echo);
  for (let index = 1; index <= 20; index += 1) {
    live.send(Buffer.alloc(1_000));
    await eventually(() => live.messages.length === index, 'the answer');
  }
});
