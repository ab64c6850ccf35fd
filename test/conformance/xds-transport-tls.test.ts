import { X509Certificate } from 'node:crypto';
import type { ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { stillValid } from '../../src/xds/tls-source.ts';
import { callRaw } from '../support/raw-grpc.ts';
import { selfSigned } from '../support/self-signed.ts';
import { eventually } from './xds-fixture.ts';
import { echo, echoing, transports, useTransport } from './xds-transport-scene.ts';

const { serve, session } = useTransport();
const [first, second, client] = ['localhost', 'localhost', 'client'].map(selfSigned);

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

const secure = (opened: ClientHttp2Session): TLSSocket => opened.socket as TLSSocket;

test('T1 a certificate that was verified once is not handed on after its time', () => {
  const certificate = { raw: Buffer.from('der'), valid_to: 'Jan  1 00:00:00 2030 GMT' };
  const end = Date.UTC(2030, 0, 1);
  expect([stillValid(certificate, end), stillValid(certificate, end + 1)]).toEqual([certificate.raw, undefined]);
  expect(stillValid({ ...certificate, valid_to: 'never' }, end)).toBeUndefined();
});

test('F12 a connection whose certificate is not valid is told to go after its call; one with a valid one or none is not', async () => {
  const credentials = { ...source().source, clientAuthority: client?.certificate ?? '' };
  const fixture = await serve((call) => call.end(status.UNAUTHENTICATED, 'no'), { transport: 'http2', credentials });
  const opened = [
    session(fixture, { cert: second?.certificate, key: second?.key }),
    session(fixture, { cert: client?.certificate, key: client?.key }),
    session(fixture),
  ];
  const ended = await Promise.all(opened.map((each) => callRaw(each, echo).ended));
  // It is no reason to cut the call short.
  expect(ended).toMatchObject(opened.map(() => ({ code: status.UNAUTHENTICATED })));
  await eventually(() => opened[0]?.closed === true, 'it is told to go');
  expect(opened.map(({ closed }) => closed)).toEqual([true, false, false]);
});

describe.each(transports)('TLS on %s', (transport) => {
  test('X8 a client certificate is asked for, verified and handed on; one of somebody else counts as none', async () => {
    const certificates: (Uint8Array | undefined)[] = [];
    const credentials = { ...source().source, clientAuthority: client?.certificate ?? '' };
    const fixture = await serve(
      (call) => {
        certificates.push(call.certificate);
        call.end(status.OK, '');
      },
      { transport, credentials },
    );
    await callRaw(session(fixture, { cert: client?.certificate, key: client?.key }), echo).ended;
    await callRaw(session(fixture), echo).ended;
    await callRaw(session(fixture, { cert: second?.certificate, key: second?.key }), echo).ended;
    const raw = new X509Certificate(client?.certificate ?? '').raw;
    expect(certificates.map((found) => found && Buffer.from(found))).toEqual([raw, undefined, undefined]);
  });

  test('a handshake is resumed, and the certificate of the client with it', async () => {
    let seen: Uint8Array | undefined;
    const credentials = { ...source().source, clientAuthority: client?.certificate ?? '' };
    const fixture = await serve(
      (call) => {
        seen = call.certificate;
        call.end(status.OK, '');
      },
      { transport, credentials },
    );
    const pair = { cert: client?.certificate, key: client?.key };
    const opened = session(fixture, pair);
    const ticket = new Promise<Buffer>((resolve) => secure(opened).on('session', resolve));
    await callRaw(opened, echo).ended;
    const again = session(fixture, { ...pair, session: await ticket });
    await callRaw(again, echo).ended;
    expect(secure(again).isSessionReused()).toBe(true);
    expect(seen && Buffer.from(seen)).toEqual(new X509Certificate(client?.certificate ?? '').raw);
  });

  test('6.5 a certificate that cannot be used leaves the one before; the next good one is taken', async () => {
    const { change, source: credentials } = source();
    const fixture = await serve(echoing, { transport, credentials });
    const opened = session(fixture);
    const call = callRaw(opened, echo);
    call.send('before');
    change({ certificate: 'no certificate', key: 'no key' });
    const fingerprint = async () => {
      const probe = session(fixture);
      expect(await callRaw(probe, echo, {}, { endStream: true }).ended).toMatchObject({ code: status.OK });
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
    const fixture = await serve(echoing, {
      transport,
      credentials: source().source,
      connection: { firstRequest: 300 },
    });
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
    const call = callRaw(session(fixture), echo, {}, { endStream: true });
    expect(await call.ended).toMatchObject({ code: status.OK });
  });

  test('a handshake that fails is told, with OpenSSL’s words; who says nothing is no client', async () => {
    const fixture = await serve(echoing, {
      transport,
      credentials: source().source,
      connection: { firstRequest: 300 },
    });
    const { port } = fixture.server;
    const to = { port, host: '127.0.0.1' };
    const gone = async (socket: Socket) => {
      socket.on('error', () => {});
      socket.resume();
      const peer = new Promise((resolve) => {
        socket.on('connect', () => resolve(`127.0.0.1:${socket.localPort}`));
      });
      await new Promise((resolve) => socket.on('close', resolve));
      return peer;
    };
    const plain = (bytes: string | Buffer) => {
      const socket = connectTcp(to);
      if (bytes.length > 0) socket.write(bytes);
      return gone(socket);
    };
    const tls = (options: object) =>
      gone(connectTls({ ...to, ALPNProtocols: ['h2'], rejectUnauthorized: false, ...options }));
    const [, silent, ...peers] = [
      plain('').catch(() => {}),
      gone(
        connectTcp(to, function (this: Socket) {
          this.destroy();
        }),
      ),
      plain('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      plain('GET / HTTP/1.1\r\n\r\n'),
      plain(Buffer.of(0x16, 3, 1)),
      tls({ maxVersion: 'TLSv1.2' }),
      tls({ ALPNProtocols: ['http/1.1'] }),
      tls({ ALPNProtocols: undefined }),
      tls({ rejectUnauthorized: true }),
    ];
    const expected = [
      'wrong version number (the client does not speak TLS)',
      'http request (the client does not speak TLS)',
      // Two deadlines of one length: whichever is first.
      /it was not over in time|the connection ended before it was over/,
      'unsupported protocol (TLS 1.3 is needed)',
      'no application protocol (HTTP/2 is needed: "h2" in ALPN)',
      'no application protocol (HTTP/2 is needed: "h2" in ALPN)',
      'the connection ended before it was over',
    ];
    await silent;
    const known = await Promise.all(peers);
    await eventually(() => fixture.events.length >= expected.length, 'each is told');
    const told = new Map(fixture.events.map((event) => [event.kind === 'refused' ? event.peer : '', event]));
    expect(known.map((peer) => told.get(String(peer)))).toEqual(
      expected.map((words, index) => ({
        kind: 'refused',
        peer: known[index],
        node: undefined,
        code: status.UNAUTHENTICATED,
        message: typeof words === 'string' ? `TLS handshake: ${words}` : expect.stringMatching(words),
      })),
    );
    expect(fixture.events).toHaveLength(expected.length);
  });

  test('a large message goes slice by slice and arrives whole', async () => {
    const fixture = await serve(echoing, { transport, credentials: source().source });
    const call = callRaw(session(fixture), echo);
    const message = Buffer.alloc(3_000_001, 'weft');
    call.send(message);
    call.stream.end();
    expect(await call.ended).toMatchObject({ code: status.OK });
    expect(call.messages.map((found) => found.equals(message))).toEqual([true]);
  });
});

test('X17 at its age a connection says GOAWAY and takes no new call; what is open ends UNAVAILABLE after the grace', async () => {
  const fixture = await serve(echoing, {
    transport: 'http2',
    credentials: source().source,
    connection: { maxAge: 200, maxAgeGrace: 300 },
  });
  const opened = session(fixture);
  const goaway = new Promise<number>((resolve) => opened.on('goaway', resolve));
  const call = callRaw(opened, echo);
  call.send('before');
  expect(await goaway).toBe(0);
  call.send('within the grace');
  await eventually(() => call.messages.length === 2, 'the open call goes on');
  expect(await call.ended).toMatchObject({ code: status.UNAVAILABLE });
  await eventually(() => opened.destroyed, 'the connection has gone');
});
