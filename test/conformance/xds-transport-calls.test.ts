import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import type { CallHandler } from '../../src/xds/call.ts';
import { frameOf } from '../../src/xds/frame.ts';
import { callRaw } from '../support/raw-grpc.ts';
import { eventually } from './xds-fixture.ts';
import { echo, echoing, transports, useTransport } from './xds-transport-scene.ts';

const { serve, session } = useTransport();

describe.each(transports)('%s', (transport) => {
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

  test('T9 another method has the deadline of a stream, for who calls and for the first message, also on a confirmed connection', async () => {
    const firstRequest = 300;
    let hangs = false;
    const gone: string[] = [];
    const handler: CallHandler = async (call) => {
      if (hangs) await new Promise(() => {});
      call.confirm();
      call.listen({
        message: (bytes) => call.write(frameOf(bytes), () => {}),
        halfClosed: () => call.end(status.OK, ''),
        gone: (reason) => gone.push(reason),
      });
    };
    const fixture = await serve(handler, { transport, connection: { firstRequest } });
    const client = session(fixture);
    const spoken = callRaw(client, echo);
    spoken.send('x');
    await eventually(() => spoken.messages.length === 1, 'the echo');
    const none = { code: status.DEADLINE_EXCEEDED, message: 'no message came on this call' };
    expect(await callRaw(client, echo).ended).toMatchObject(none);
    expect(gone).toEqual([none.message]);
    hangs = true;
    const asked = callRaw(client, echo);
    asked.send('x');
    const message = `the handler of ${echo} has not asked for a message for ${firstRequest} ms`;
    expect(await asked.ended).toMatchObject({ code: status.DEADLINE_EXCEEDED, message });
    expect(fixture.events.filter(({ kind }) => kind === 'failed')).toMatchObject([{ error: { message } }]);
    spoken.send('y');
    await eventually(() => spoken.messages.length === 2, 'who has spoken has no deadline');
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

  test('X24 close tells every open call, also of other methods', async () => {
    const fixture = await serve(echoing, { transport });
    const call = callRaw(session(fixture), echo);
    call.send('x');
    await eventually(() => call.messages.length === 1, 'the echo');
    await fixture.server.close();
    expect(await call.ended).toMatchObject({ code: status.UNAVAILABLE });
  });
});

test('what an answer of http2 repeats of a request is cut, and the next call is answered', async () => {
  const fixture = await serve(echoing, { transport: 'http2' });
  const client = session(fixture);
  const long = '%'.repeat(24_000);
  const answers = [callRaw(client, `/${long}`), callRaw(client, echo, { 'grpc-timeout': long })];
  const [noMethod, noTimeout] = await Promise.all(answers.map(({ ended }) => ended));
  expect([noMethod?.code, noMethod?.message?.length]).toEqual([status.UNIMPLEMENTED, 4_000]);
  expect([noTimeout?.code, noTimeout?.message?.length]).toEqual([status.INVALID_ARGUMENT, 4_000]);
  expect((await callRaw(client, '/none/none').ended).code).toBe(status.UNIMPLEMENTED);
});
