import { connect, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { decode, encode } from '../../src/proto/codec.ts';
import {
  MetricsService,
  StreamMetricsMessageSchema,
} from '../../src/proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { LeaveRequestSchema, LeaveResponseSchema, Membership } from '../../src/proto/gen/weft/v1/membership_pb.ts';
import type { Call, CallHandler, CallListener } from '../../src/xds/call.ts';
import { createConnections } from '../../src/xds/connections.ts';
import { clientStreamHandler, unaryHandler } from '../../src/xds/handlers.ts';
import { servicePaths } from '../../src/xds/service-paths.ts';
import { RateGuard } from '../../src/xds/transport-rate.ts';
import { WriteTurn } from '../../src/xds/transport-write-turn.ts';
import { watchDescriptors } from '../../src/xds/watch-descriptors.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

describe('turns of the calls of one connection', () => {
  const writers = (log: string[]) => [0, 1, 2].map((name) => ({ writeSlice: () => log.push('abc'[name] ?? '') }));

  test('no more than the slice is on its way, and who asked first goes first', () => {
    const turn = new WriteTurn(100, (piece) => piece());
    const log: string[] = [];
    const [a, b, c] = writers(log);
    if (a === undefined || b === undefined || c === undefined) throw new Error('three');
    expect([turn.take(60, a), turn.take(40, b)]).toEqual([true, true]);
    expect([turn.take(100, b), turn.take(1, c), turn.take(1, a)]).toEqual([false, false, false]);
    turn.release(60);
    expect(log).toEqual([]);
    turn.release(40);
    expect(log).toEqual(['b']);
    turn.release(100);
    expect(log).toEqual(['b', 'c', 'a']);
  });

  test('a slice that is larger than the bound goes alone; who leaves lets the others go', () => {
    const turn = new WriteTurn(100, (piece) => piece());
    const log: string[] = [];
    const [a, b, c] = writers(log);
    if (a === undefined || b === undefined || c === undefined) throw new Error('three');
    expect(turn.take(1_000, a)).toBe(true);
    expect([turn.take(100, b), turn.take(50, c)]).toEqual([false, false]);
    turn.leave(b);
    expect(log).toEqual([]);
    turn.release(1_000);
    expect(log).toEqual(['c']);
  });
});

test('T11 a rate is counted by the second', () => {
  const guard = new RateGuard(2);
  expect([0, 1, 999, 1_000, 1_001, 1_002].map((now) => guard.exceeded(now))).toEqual([
    false,
    false,
    true,
    false,
    false,
    true,
  ]);
});

describe('connections', () => {
  async function open(clock = fakeClock(), unconfirmedPerAddress = 2) {
    const connections = createConnections({
      deadline: 10_000,
      unconfirmedPerAddress,
      clock,
      queue: { addPatient: (piece) => piece() },
    });
    const accepted: Socket[] = [];
    const port = await connections.listen('127.0.0.1', 0, (socket) => accepted.push(socket));
    cleanups.push(() => {
      connections.stopAccepting();
      connections.destroyAll();
    });
    const dial = async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      cleanups.push(() => socket.destroy());
      await new Promise((resolve) => socket.on('connect', resolve));
      return socket;
    };
    const peer = (index: number) => `${accepted[index]?.remoteAddress}:${accepted[index]?.remotePort}`;
    return { clock, connections, accepted, dial, peer };
  }

  test('T9 a connection with a call is given a moment more: its client hears of the deadline of the call; another is not', async () => {
    const { clock, connections, accepted, dial, peer } = await open();
    await Promise.all([dial(), dial()]);
    await eventually('both are accepted', () => accepted.length === 2);
    connections.called(peer(0));
    clock.advance(10_000);
    expect(accepted.map(({ destroyed }) => destroyed)).toEqual([false, true]);
    connections.called(peer(0));
    clock.advance(249);
    expect(accepted[0]?.destroyed).toBe(false);
    clock.advance(1);
    expect(accepted[0]?.destroyed).toBe(true);
  });

  test('T9 the deadline of a connection is put off once, however often it asks', async () => {
    const { clock, connections, accepted, dial, peer } = await open();
    await dial();
    await eventually('it is accepted', () => accepted.length === 1);
    clock.advance(9_000);
    connections.postpone(peer(0), 5_000);
    clock.advance(14_999);
    connections.postpone(peer(0), 5_000);
    expect(accepted[0]?.destroyed).toBe(false);
    clock.advance(1);
    expect(accepted[0]?.destroyed).toBe(true);
  });

  test('T9 a connection has its time until it is confirmed', async () => {
    const { clock, connections, accepted, dial, peer } = await open();
    const sockets = [await dial(), await dial()];
    await eventually('both are accepted', () => accepted.length === 2);
    connections.confirm(peer(0));
    clock.advance(9_999);
    expect(accepted.map(({ destroyed }) => destroyed)).toEqual([false, false]);
    clock.advance(1);
    expect(accepted.map(({ destroyed }) => destroyed)).toEqual([false, true]);
    await eventually('the client sees it', () => sockets[1]?.destroyed);
  });

  test('T9 the cap counts what is not confirmed, by address, and frees what has gone', async () => {
    const { connections, accepted, dial, peer } = await open();
    await dial();
    const second = await dial();
    const third = await dial();
    await eventually('one too many is closed', () => third.destroyed);
    expect(accepted).toHaveLength(2);
    connections.confirm(peer(0));
    connections.confirm(peer(0));
    await dial();
    await eventually('a confirmed one gave its place', () => accepted.length === 3);
    second.destroy();
    await eventually('and so did one that went', () => accepted[1]?.destroyed);
    await dial();
    await eventually('so there is room for one more', () => accepted.length === 4);
    connections.destroy(peer(3));
    expect(accepted[3]?.destroyed).toBe(true);
  });
});

test('a process without file descriptors is told of, once a second until there are some again', async () => {
  const clock = fakeClock();
  const told: string[] = [];
  let code: string | undefined = 'EMFILE';
  let tried = 0;
  const unwatch = watchDescriptors(
    clock,
    (error) => told.push(String(error)),
    async () => {
      tried += 1;
      if (code !== undefined) throw Object.assign(new Error(code), { code });
      return { close: async () => {} };
    },
  );
  const pass = async () => {
    clock.advance(1_000);
    // What it says and when it looks again is a matter of promises.
    await new Promise(setImmediate);
  };
  await pass();
  await pass();
  code = 'EACCES';
  await pass();
  code = undefined;
  await pass();
  unwatch();
  await pass();
  expect(tried).toBe(4);
  expect(told).toEqual(
    Array(2).fill('Error: connections are closed as they come: no file descriptor is left (EMFILE)'),
  );
});

/** A call as a handler sees it; what becomes of it can be read. */
function fakeCall() {
  const written: Uint8Array[] = [];
  const ends: (readonly [status, string])[] = [];
  let listener: CallListener | undefined;
  let confirmed = false;
  const call: Call = {
    path: '',
    peer: '192.0.2.1:1',
    headers: new Map(),
    certificate: undefined,
    listen: (given) => {
      listener = given;
    },
    pause: () => {},
    resume: () => {},
    confirm: () => {
      confirmed = true;
    },
    write: (frame) => written.push(frame.subarray(5)),
    end: (code, message) => ends.push([code, message]),
  };
  return { call, written, ends, listener: () => listener, confirmed: () => confirmed };
}

const refused = { refused: { code: status.PERMISSION_DENIED, message: 'no' } };

describe('handlers of other methods', () => {
  const leave = (
    serve: Partial<Parameters<typeof unaryHandler<typeof LeaveRequestSchema, typeof LeaveResponseSchema, string>>[1]>,
  ) =>
    unaryHandler(Membership.method.leave, {
      authenticate: () => ({ ok: 'caller' }),
      answer: ({ nodeId }, caller) => ({ ok: { callersPending: nodeId.length + caller.length } }),
      ...serve,
    });
  async function started([, handler]: readonly [string, CallHandler]) {
    const fake = fakeCall();
    await handler(fake.call);
    return fake;
  }

  test('a unary method has its path, takes one message, answers and ends', async () => {
    const entry = leave({});
    expect(entry[0]).toBe('/weft.v1.Membership/Leave');
    const { listener, written, ends, confirmed } = await started(entry);
    expect(confirmed()).toBe(false);
    await listener()?.message(encode(LeaveRequestSchema, { nodeId: 'n' }));
    expect(confirmed()).toBe(true);
    expect(written.map((bytes) => decode(LeaveResponseSchema, bytes).callersPending)).toEqual([7]);
    expect(ends).toEqual([[status.OK, '']]);
  });

  test('T9 who is refused is not read, and its connection not confirmed', async () => {
    const { listener, ends, confirmed } = await started(leave({ authenticate: async () => refused }));
    expect([ends, listener(), confirmed()]).toEqual([[[status.PERMISSION_DENIED, 'no']], undefined, false]);
  });

  test('bytes that are no message, none at all, two of them, a refusal as answer', async () => {
    const garbled = await started(leave({}));
    garbled.listener()?.message(Buffer.from([0xff]));
    expect([garbled.ends[0]?.[0], garbled.confirmed()]).toEqual([status.INVALID_ARGUMENT, false]);
    const none = await started(leave({}));
    none.listener()?.halfClosed();
    expect(none.ends[0]?.[0]).toBe(status.INTERNAL);
    const two = await started(leave({ answer: () => new Promise(() => {}) }));
    two.listener()?.message(Buffer.alloc(0));
    two.listener()?.message(Buffer.alloc(0));
    expect(two.ends[0]?.[0]).toBe(status.INTERNAL);
    const no = await started(leave({ answer: () => refused }));
    await no.listener()?.message(Buffer.alloc(0));
    expect([no.ends, no.written]).toEqual([[[status.PERMISSION_DENIED, 'no']], []]);
  });

  test('a stream of messages is answered at its end, or ended by a refusal', async () => {
    const seen: string[] = [];
    const entry = clientStreamHandler(MetricsService.method.streamMetrics, {
      authenticate: () => ({ ok: 'caller' }),
      open: (caller) => ({
        message: ({ identifier }) => {
          seen.push(`${caller} ${identifier?.node?.id}`);
          return identifier?.node?.id === 'bad' ? refused : undefined;
        },
        end: () => ({ ok: {} }),
      }),
    });
    const message = (id: string) => encode(StreamMetricsMessageSchema, { identifier: { node: { id } } });
    const good = await started(entry);
    good.listener()?.message(message('one'));
    good.listener()?.halfClosed();
    expect([good.ends, good.written.length, good.confirmed()]).toEqual([[[status.OK, '']], 1, true]);
    const bad = await started(entry);
    bad.listener()?.message(message('bad'));
    expect([bad.ends, bad.confirmed()]).toEqual([[[status.PERMISSION_DENIED, 'no']], false]);
    expect(seen).toEqual(['caller one', 'caller bad']);
  });
});

test('X1 the paths: one aggregated service and eight of one type in both variants, virtual hosts in delta', () => {
  const kinds = [...servicePaths.values()];
  expect(kinds.filter(({ ownType }) => ownType === undefined).map(({ variant }) => variant)).toEqual(['sotw', 'delta']);
  expect(new Set(kinds.map(({ ownType }) => ownType)).size).toBe(10);
  expect([...servicePaths.keys()].filter((path) => path.includes('VirtualHost'))).toEqual([
    '/envoy.service.route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts',
  ]);
  expect(servicePaths.size).toBe(19);
});
