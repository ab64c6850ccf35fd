import { constants } from 'node:http2';
import { deflateSync, gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/xds/call.ts';
import { frameOf } from '../../src/xds/frame.ts';
import { callRaw, framed } from '../support/raw-grpc.ts';
import { eventually } from './xds-fixture.ts';
import { echo, echoing, transports, useTransport } from './xds-transport-scene.ts';

const { serve, session } = useTransport();

describe.each(transports)('%s', (transport) => {
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

  test('T10 who takes nothing of a call that has ended is cut; where the call is reset as well there is nothing to take', async () => {
    const handler = (call: Call) =>
      call.listen({
        message: (bytes) => {
          call.write(frameOf(bytes), () => {});
          call.end(status.UNAVAILABLE, 'go');
        },
        halfClosed: () => {},
        gone: () => {},
      });
    const fixture = await serve(handler, { transport, connection: { slowReader: 300 } });
    const open = async () => {
      const opened = session(fixture, { settings: { initialWindowSize: 1_024 } });
      const call = callRaw(opened, echo, {}, { read: false });
      call.send(Buffer.alloc(100_000));
      await new Promise((resolve) => call.stream.on('response', resolve));
      return { opened, call };
    };
    const resetting = await open();
    resetting.call.stream.close(constants.NGHTTP2_CANCEL);
    // It is cut after the first would have been.
    const waiting = await open();
    await new Promise((resolve) => waiting.opened.on('close', resolve));
    expect(resetting.opened.destroyed).toBe(false);
    const peer = `127.0.0.1:${resetting.opened.socket.localPort}`;
    expect(fixture.events).toMatchObject([{ kind: 'refused', code: status.DEADLINE_EXCEEDED }]);
    expect(fixture.events).not.toMatchObject([{ peer }]);
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
