import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { afterEach } from 'vitest';
import type { CallHandler } from '../../src/xds/call.ts';
import { frameOf } from '../../src/xds/frame.ts';
import { cluster, type Fixture, type FixtureOptions, startFixture } from './xds-fixture.ts';

/** What a transport is tried on: whatever it carries has nothing to do with discovery. */
export const echo = '/test.Echo/Echo';
export const adsPath = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
export const transports = ['http2', 'grpc-js'] as const;

/** Sends back what comes. */
export const echoing: CallHandler = (call) => {
  call.confirm();
  call.listen({
    message: (bytes) => call.write(frameOf(bytes), () => {}),
    halfClosed: () => call.end(status.OK, ''),
    gone: () => {},
  });
};

/** Servers and clients of a test file; every test's own are closed after it. */
export interface TransportScene {
  /** A server with one more method, `echo`, which is whatever the test says. */
  serve(handler: CallHandler, options?: FixtureOptions): Promise<Fixture>;
  /** A connection of HTTP/2; `options` are those of node:http2, over TLS where the server has credentials. */
  session(fixture: Fixture, options?: object): ClientHttp2Session;
  /** A connection that says nothing by itself. */
  tcp(fixture: Fixture): Socket;
}

/** For the top of a test file. */
export function useTransport(): TransportScene {
  const cleanups: (() => Promise<void> | void)[] = [];
  const secured = new WeakSet<Fixture>();
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  return {
    async serve(handler, options = {}) {
      const fixture = await startFixture([cluster('a')], { handlers: new Map([[echo, handler]]), ...options });
      if (typeof options.credentials === 'object') secured.add(fixture);
      cleanups.push(() => fixture.close());
      return fixture;
    },
    session(fixture, options = {}) {
      const scheme = secured.has(fixture) ? 'https' : 'http';
      const address = `${scheme}://127.0.0.1:${fixture.server.port}`;
      const opened = connect(address, { rejectUnauthorized: false, ...options });
      opened.on('error', () => {});
      cleanups.push(() => opened.destroy());
      return opened;
    },
    tcp(fixture) {
      const socket = connectTcp(fixture.server.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      cleanups.push(() => {
        socket.destroy();
      });
      return socket;
    },
  };
}

export const closed = (socket: Socket) => new Promise<void>((resolve) => socket.on('close', () => resolve()));
