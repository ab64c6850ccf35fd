import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  cleanup,
  complaints,
  eventually,
  firstData,
  get,
  local,
  localPort,
  ports,
  quiet,
  seen,
  start,
  stop,
  tunnel,
  valueOf,
} from './live-mesh.ts';

beforeAll(start);
afterAll(stop);

const url = (path: string) => `http://reviews.shop:${ports.http}${path}`;

test('HTTP_PROXY and the local port reach the service with mutual TLS; the program hardly notices (R6, R8, R9, E22)', async () => {
  const headers = { Host: `reviews.shop:${ports.http}`, 'X-MixedCase': 'Kept', 'x-request-id': 'mine' };
  for (const answer of [
    await get(ports.proxy, url('/a?b=%41'), { headers }),
    await get(localPort(0), '/a?b=%41', { headers }),
  ]) {
    expect(answer).toMatchObject({ status: 200, message: 'Fine By Me', trailers: { 'x-trail': 'end' } });
    expect(answer.headers).toContain('X-CamelCase');
    const program = seen(answer);
    expect(program.url).toBe('/a?b=%41');
    expect(valueOf(program.headers, 'X-MixedCase')).toBe('Kept');
    expect(valueOf(program.headers, 'Host')).toBe(`reviews.shop:${ports.http}`);
    expect(valueOf(program.headers, 'x-request-id')).toBe('mine');
    const names = program.headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(names.filter((name) => /^x-(?!mixedcase|request-id)/.test(name)).sort()).toEqual([
      'x-forwarded-client-cert',
      'x-forwarded-proto',
    ]);
    expect(program.headers.join(' ')).toContain('URI=spiffe://demo.mesh/ns/shop/sa/frontend');
  }
});

test('route and destination headers in their order, a rewrite, and a percent sign (P13, P18)', async () => {
  const program = seen(await get(localPort(0), '/marked/x?q', { headers: { 'x-gone': '1', 'x-level': 'caller' } }));
  expect(program.url).toBe('/renamed/x?q');
  const values = program.headers.filter((_, index) => program.headers[index - 1]?.toLowerCase() === 'x-level');
  expect(values).toEqual(['destination']);
  expect(valueOf(program.headers, 'x-share')).toBe('100%');
  expect(program.headers).not.toContain('x-gone');
});

test('withoutHeaders: missing is not empty, also where the expression fits empty text (P12)', async () => {
  const url = async (headers: http.OutgoingHttpHeaders) => seen(await get(localPort(0), '/bare', { headers })).url;
  for (const headers of [{}, { 'x-part': 'b' }]) expect([headers, await url(headers)]).toEqual([headers, '/without']);
  for (const headers of [{ 'x-skip': '' }, { 'x-skip': '1' }, { 'x-part': '' }, { 'x-part': 'aa' }])
    expect([headers, await url(headers)]).toEqual([headers, '/bare']);
});

test('300 headers and 120 kB of them pass (R7)', async () => {
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`x-many-${index}`, 'v']));
  expect((await get(localPort(0), '/', { headers: many })).status).toBe(200);
  expect((await get(localPort(0), '/', { headers: { 'x-long': 'v'.repeat(120_000) } })).status).toBe(200);
});

test('a rule about paths refuses by name, whatever the spelling of the path (E34, P47)', async () => {
  for (const path of ['/secret', '/x/../secret', '/%73ecret']) expect((await get(localPort(0), path)).status).toBe(403);
  expect((await get(localPort(0), '/public')).status).toBe(200);
});

test('HTTP/2 stays HTTP/2 on a port declared http (R2)', async () => {
  const session = http2.connect(`http://${local}:${localPort(1)}`);
  cleanup.push(() => session.destroy());
  const stream = session.request({ ':path': '/two' }).setEncoding('utf8');
  let body = '';
  for await (const part of stream) body += part;
  expect(body).toBe('h2 /two');
});

test('a WebSocket and a tunnel (E23, E24, R11)', async () => {
  const headers = { Connection: 'Upgrade', Upgrade: 'websocket' };
  const request = http.request({ host: local, port: localPort(0), path: '/ws', headers, agent: false }).end();
  const [, socket] = (await once(request, 'upgrade')) as [http.IncomingMessage, net.Socket];
  quiet(socket).write('ping');
  expect(await firstData(socket)).toBe('ping');
  socket.destroy();
  const through = await tunnel(`reviews.shop:${ports.http}`);
  through.write(`GET /inside HTTP/1.1\r\nhost: reviews\r\nconnection: close\r\n\r\n`);
  expect(await firstData(through)).toContain('200 Fine By Me');
  through.destroy();
});

test('a server that speaks first, by local port and by tunnel (R1)', async () => {
  const direct = quiet(net.connect(localPort(2), local));
  expect(await firstData(direct)).toBe('server first');
  direct.destroy();
  const through = await tunnel(`reviews.shop:${ports.tcp}`);
  expect(await firstData(through)).toBe('server first');
  through.destroy();
});

test('a caller that no rule allows hears nothing, not even from a server that speaks first (P39)', async () => {
  const direct = quiet(net.connect(localPort(3), local));
  const heard: string[] = [];
  direct.on('data', (part) => heard.push(String(part)));
  await once(direct, 'close');
  expect(heard).toEqual([]);
});

test('a DISABLE port whose rules allow identities alone closes plaintext and TLS, unheard (P34, P43)', async () => {
  for (const first of ['', 'hello', '\x16\x03\x01']) {
    const direct = quiet(net.connect(ports.plain + 10_000, local));
    direct.write(first);
    const heard: string[] = [];
    direct.on('data', (part) => heard.push(String(part)));
    // It may be a reset.
    await new Promise((closed) => direct.on('close', closed));
    expect(heard).toEqual([]);
  }
});

test('hosts that nobody knows pass, plain and as a tunnel (D18)', async () => {
  const outside = `${local}:${ports.outside}`;
  expect((await get(ports.proxy, `http://${outside}/`, { headers: { Host: outside } })).body).toBe('outside');
  const through = await tunnel(outside);
  through.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  expect(await firstData(through)).toContain('outside');
  through.destroy();
});

test('plaintext to a STRICT port is closed (P34)', async () => {
  await expect(get(ports.http + 10_000, '/')).rejects.toThrow(/ECONNRESET|socket hang up/);
});

test('a PERMISSIVE TCP port takes mesh callers, plaintext, silent plaintext, and hands foreign TLS on unread (P34)', async () => {
  const around = ports.open + 10_000;
  const mesh = quiet(net.connect(localPort(4), local));
  expect(await firstData(mesh)).toBe('server first');
  const silent = quiet(net.connect(around, local));
  const speaking = quiet(net.connect(around, local));
  speaking.write('hello');
  expect(await firstData(speaking)).toContain('server first');
  const foreign = tls.connect({ host: local, port: around, rejectUnauthorized: false });
  // The program's greeting is no TLS: that it arrives shows that nobody else answered.
  const [error] = await once(foreign, 'error').catch((reason: unknown) => [reason]);
  expect(error).toMatchObject({ code: expect.stringMatching(/EPROTO|ERR_SSL/) });
  expect(await firstData(silent)).toBe('server first');
  for (const socket of [mesh, silent, speaking, foreign]) socket.destroy();
});

test('both sides count who called whom, and Envoy complains about nothing (E32)', async () => {
  await get(localPort(0), '/counted');
  const reviews = `destination_cluster="out_shop_reviews_${ports.http}",peer_principal="spiffe://demo.mesh/ns/shop/sa/reviews"`;
  const frontend = `destination_cluster="in_${ports.http}",peer_principal="spiffe://demo.mesh/ns/shop/sa/frontend"`;
  await eventually(async () => {
    const caller = (await get(ports.adminCaller, '/stats/prometheus?filter=^weft')).body;
    expect(caller).toContain(
      `envoy_weft_requests_total{reporter="source",${reviews},destination_version="v1",response_code="200",response_flags="-",grpc_status=""}`,
    );
    expect(caller).toMatch(new RegExp(`weft_request_duration_sum.reporter="source",${reviews}. [1-9]`));
    const server = (await get(ports.adminServer, '/stats/prometheus?filter=^weft')).body;
    expect(server).toContain(`envoy_weft_requests_total{reporter="destination",${frontend}`);
    expect(server).toContain('envoy_weft_tcp_connections_total{reporter="destination"');
  });
  expect(complaints).toEqual([]);
});
