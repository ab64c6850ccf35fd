import { X509Certificate } from 'node:crypto';
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import type { CallHandler } from '../../src/xds/call.ts';
import { frameOf } from '../../src/xds/frame.ts';
import { stillValid } from '../../src/xds/tls-source.ts';
import { callRaw } from '../support/raw-grpc.ts';
import { selfSigned } from '../support/self-signed.ts';
import { cluster, eventually, type Fixture, type FixtureOptions, startFixture } from './xds-fixture.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const [first, second, client] = ['localhost', 'localhost', 'client'].map(selfSigned);
const path = '/test.Echo/Echo';

function source() {
  let current = first;
  const watchers = new Set<() => void>();
  return {
    change(next: typeof first) {
      current = next;
      for (const watcher of watchers) watcher();
    },
    source: {
      get: () => ({ certificateChain: current?.certificate ?? '', privateKey: current?.key ?? '' }),
      watch: (onChange: () => void) => {
        watchers.add(onChange);
        return () => watchers.delete(onChange);
      },
    },
  };
}

const echoing: CallHandler = (call) => {
  call.confirm();
  call.listen({
    message: (bytes) => call.write(frameOf(bytes), () => {}),
    halfClosed: () => call.end(status.OK, ''),
    gone: () => {},
  });
};

async function serve(options: FixtureOptions, handler: CallHandler = echoing): Promise<Fixture> {
  const fixture = await startFixture([cluster('a')], { handlers: new Map([[path, handler]]), ...options });
  cleanups.push(() => fixture.close());
  return fixture;
}

function session(fixture: Fixture, options: object = {}): ClientHttp2Session {
  const opened = connect(`https://127.0.0.1:${fixture.server.port}`, { rejectUnauthorized: false, ...options });
  opened.on('error', () => {});
  cleanups.push(() => opened.destroy());
  return opened;
}

const secure = (opened: ClientHttp2Session): TLSSocket => opened.socket as TLSSocket;

test('T1 a certificate that was verified once is not handed on after its time', () => {
  const certificate = { raw: Buffer.from('der'), valid_to: 'Jan  1 00:00:00 2030 GMT' };
  const end = Date.UTC(2030, 0, 1);
  expect([stillValid(certificate, end), stillValid(certificate, end + 1)]).toEqual([certificate.raw, undefined]);
  expect(stillValid({ ...certificate, valid_to: 'never' }, end)).toBeUndefined();
});

describe.each(['http2', 'grpc-js'] as const)('TLS on %s', (transport) => {
  test('X8 a client certificate is asked for, verified and handed on; one of somebody else counts as none', async () => {
    const certificates: (Uint8Array | undefined)[] = [];
    const credentials = { ...source().source, clientAuthority: client?.certificate ?? '' };
    const fixture = await serve({ transport, credentials }, (call) => {
      certificates.push(call.certificate);
      call.end(status.OK, '');
    });
    await callRaw(session(fixture, { cert: client?.certificate, key: client?.key }), path).ended;
    await callRaw(session(fixture), path).ended;
    await callRaw(session(fixture, { cert: second?.certificate, key: second?.key }), path).ended;
    const raw = new X509Certificate(client?.certificate ?? '').raw;
    expect(certificates.map((found) => found && Buffer.from(found))).toEqual([raw, undefined, undefined]);
  });

  test('a handshake is resumed, and the certificate of the client with it', async () => {
    let seen: Uint8Array | undefined;
    const credentials = { ...source().source, clientAuthority: client?.certificate ?? '' };
    const fixture = await serve({ transport, credentials }, (call) => {
      seen = call.certificate;
      call.end(status.OK, '');
    });
    const pair = { cert: client?.certificate, key: client?.key };
    const opened = session(fixture, pair);
    const ticket = new Promise<Buffer>((resolve) => secure(opened).on('session', resolve));
    await callRaw(opened, path).ended;
    const again = session(fixture, { ...pair, session: await ticket });
    await callRaw(again, path).ended;
    expect(secure(again).isSessionReused()).toBe(true);
    expect(seen && Buffer.from(seen)).toEqual(new X509Certificate(client?.certificate ?? '').raw);
  });

  test('6.5 a certificate that cannot be used leaves the one before; the next good one is taken', async () => {
    const { change, source: credentials } = source();
    const fixture = await serve({ transport, credentials });
    const opened = session(fixture);
    const call = callRaw(opened, path);
    call.send('before');
    change({ certificate: 'no certificate', key: 'no key' });
    const fingerprint = async () => {
      const probe = session(fixture);
      expect(await callRaw(probe, path, {}, { endStream: true }).ended).toMatchObject({ code: status.OK });
      return secure(probe).getPeerCertificate().fingerprint256;
    };
    const of = (pair: typeof first) => new X509Certificate(pair?.certificate ?? '').fingerprint256;
    expect(await fingerprint()).toBe(of(first));
    expect(fixture.events.filter(({ kind }) => kind === 'failed')).toHaveLength(1);
    change(second);
    expect(await fingerprint()).toBe(of(second));
    call.send('after');
    await eventually(() => call.messages.length === 2, 'the open stream lives on');
  });

  test('T9 who does not speak TLS, or not HTTP/2 over it, is closed', async () => {
    const fixture = await serve({ transport, credentials: source().source, connection: { firstRequest: 300 } });
    const { port } = fixture.server;
    const plain = connectTcp(port, '127.0.0.1');
    plain.on('error', () => {});
    plain.resume();
    plain.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await new Promise((resolve) => plain.on('close', resolve));
    for (const ALPNProtocols of [undefined, ['http/1.1'], ['h2']]) {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols });
      socket.on('error', () => {});
      socket.resume();
      await new Promise((resolve) => socket.on('close', resolve));
    }
    const call = callRaw(session(fixture), path, {}, { endStream: true });
    expect(await call.ended).toMatchObject({ code: status.OK });
  });

  test('a large message goes slice by slice and arrives whole', async () => {
    const fixture = await serve({ transport, credentials: source().source });
    const call = callRaw(session(fixture), path);
    const message = Buffer.alloc(3_000_001, 'weft');
    call.send(message);
    call.stream.end();
    expect(await call.ended).toMatchObject({ code: status.OK });
    expect(call.messages.map((found) => found.equals(message))).toEqual([true]);
  });
});

test('X17 at its age a connection says GOAWAY and takes no new call; what is open ends UNAVAILABLE after the grace', async () => {
  const fixture = await serve({
    transport: 'http2',
    credentials: source().source,
    connection: { maxAge: 200, maxAgeGrace: 300 },
  });
  const opened = session(fixture);
  const goaway = new Promise<number>((resolve) => opened.on('goaway', resolve));
  const call = callRaw(opened, path);
  call.send('before');
  expect(await goaway).toBe(0);
  call.send('within the grace');
  await eventually(() => call.messages.length === 2, 'the open call goes on');
  expect(await call.ended).toMatchObject({ code: status.UNAVAILABLE });
  await eventually(() => opened.destroyed, 'the connection has gone');
});
