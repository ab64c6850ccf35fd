import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { memoryStore } from '../support/memory-store.ts';
import { pipeline } from './pipeline.ts';
import { readScene } from './scene.ts';
import { staticBootstrap } from './static-bootstrap.ts';

/*
 * What translation makes, carrying traffic: two real Envoys, mutual TLS between them, wired without a control plane. It proves the
 * resources themselves; how they arrive is for the conformance and e2e tests.
 */
const local = '127.0.0.1';
const cleanup: (() => unknown)[] = [];
const ports = {
  http: 0,
  h2: 0,
  tcp: 0,
  closed: 0,
  open: 0,
  outside: 0,
  proxy: 0,
  localBase: 0,
  adminCaller: 0,
  adminServer: 0,
};
/** Whatever an Envoy wrote at level `error`. */
const complaints: string[] = [];
let scratch = '';

/** The local port of each of the service's ports, in their order. */
const localPort = (index: number) => ports.localBase + index;

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  const free = await new Promise<boolean>((done) => {
    server.once('error', () => done(false));
    server.listen(port, local, () => done(true));
  });
  if (free) await new Promise((done) => server.close(done));
  return free;
}

let next = 20_000 + Math.floor(Math.random() * 8_000);
/** A port that is free, as are those at the given distances from it. */
async function freePort(...distances: number[]): Promise<number> {
  for (;;) {
    const port = next;
    next += 5;
    const free = await Promise.all([0, ...distances].map((distance) => isFree(port + distance)));
    if (free.every(Boolean)) return port;
  }
}

async function listening<Server extends net.Server>(server: Server, port: number): Promise<Server> {
  server.listen(port, local);
  await once(server, 'listening');
  cleanup.push(() => server.close());
  return server;
}

async function startEnvoy(name: string, admin: number, bootstrap: object): Promise<ChildProcess> {
  const file = join(scratch, `${name}.json`);
  const socket = { socket_address: { address: local, port_value: admin } };
  await writeFile(file, JSON.stringify({ ...bootstrap, admin: { address: socket }, stats_flush_interval: '0.2s' }));
  const args = ['-c', file, '--disable-hot-restart', '--concurrency', '1', '-l', 'error'];
  const child = spawn(await envoyPath(), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.on('data', (text) => complaints.push(`${name}: ${text}`));
  cleanup.push(async () => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  });
  await eventually(async () => expect((await get(admin, '/ready')).status).toBe(200));
  return child;
}

async function eventually(check: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

interface Answer {
  readonly status: number;
  readonly message: string;
  readonly headers: readonly string[];
  readonly trailers: NodeJS.Dict<string>;
  readonly body: string;
}

function get(port: number, path: string, options: http.RequestOptions = {}): Promise<Answer> {
  return new Promise((done, fail) => {
    const request = http.request({ host: local, port, path, agent: false, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part) => {
        body += part;
      });
      response.on('error', fail).on('end', () => {
        const { statusCode: status = 0, statusMessage: message = '', rawHeaders: headers, trailers } = response;
        done({ status, message, headers, trailers, body });
      });
    });
    request.on('error', fail).end();
  });
}

/** What the program saw of a request. */
function seen(answer: Answer): { url: string; headers: readonly string[] } {
  return JSON.parse(answer.body);
}

function valueOf(headers: readonly string[], name: string): string | undefined {
  const index = headers.indexOf(name);
  return index < 0 ? undefined : headers[index + 1];
}

/** A tunnel through the sidecar's HTTP_PROXY port. */
function tunnel(target: string): Promise<net.Socket> {
  return new Promise((done, fail) => {
    const request = http.request({ host: local, port: ports.proxy, method: 'CONNECT', path: target, agent: false });
    request.on('connect', (response, socket, head) => {
      // What the server said first may have come along with the answer.
      if (head.length > 0) socket.unshift(head);
      if (response.statusCode === 200) done(quiet(socket));
      else fail(new Error(`status ${response.statusCode}`));
    });
    request.on('error', fail).end();
  });
}

/** A socket whose end, however it comes, is no failure of the test. */
function quiet<Socket extends Duplex>(socket: Socket): Socket {
  return socket.on('error', () => socket.destroy());
}

async function firstData(socket: net.Socket): Promise<string> {
  const [data] = await once(socket, 'data');
  return String(data);
}

const policies = () => `
show: { proxy: frontend-1.shop, resources: [] }
localPorts: ${ports.localBase}
proxies:
  frontend-1.shop: { capture: { proxy: ${ports.proxy}, ports: true } }
  reviews-1.shop:
    address: 127.0.0.1
    labels: { version: v1 }
    ports: { ${ports.http}: http, ${ports.h2}: http, ${ports.tcp}: tcp, ${ports.closed}: tcp, ${ports.open}: tcp }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: reviews, namespace: shop }
spec:
  selector: { matchLabels: { app: reviews } }
  portLevelMtls: { ${ports.open}: { mode: PERMISSIVE } }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: secrets, namespace: shop }
spec:
  selector: { matchLabels: { app: reviews } }
  action: DENY
  rules:
  - to: [{ operation: { paths: ["/secret*"], ports: ["${ports.http}"] } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: callers, namespace: shop }
spec:
  selector: { matchLabels: { app: reviews } }
  rules:
  - from: [{ source: { principals: ["demo.mesh/ns/shop/sa/frontend"] } }]
    to: [{ operation: { notPorts: ["${ports.closed}"] } }]
  - to: [{ operation: { ports: ["${ports.open}"] } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [reviews]
  http:
  - name: marked
    match: [{ port: ${ports.http}, uri: { prefix: /marked } }]
    rewrite: { uri: /renamed }
    headers: { request: { set: { x-level: route, x-share: "100%%" }, remove: [x-gone] } }
    route:
    - destination: { host: reviews, port: { number: ${ports.http} } }
      headers: { request: { set: { x-level: destination } } }
  - name: rest
    route: [{ destination: { host: reviews } }]
`;

async function startApplications(): Promise<void> {
  const echo = http.createServer({ maxHeaderSize: 256 * 1024 }, (request, response) => {
    const body = JSON.stringify({ url: request.url, headers: request.rawHeaders });
    response.writeHead(200, 'Fine By Me', { 'X-CamelCase': 'yes', Trailer: 'X-Trail' });
    response.write(body);
    response.addTrailers({ 'X-Trail': 'end' });
    response.end();
  });
  echo.on('upgrade', (_, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    quiet(socket).pipe(socket);
  });
  const h2 = http2.createServer((request, response) => response.end(`h2 ${request.url}`));
  const greet = () =>
    net.createServer((socket) => {
      quiet(socket).write('server first');
      socket.pipe(socket);
    });
  await listening(echo, ports.http);
  await listening(h2, ports.h2);
  await listening(greet(), ports.tcp);
  await listening(greet(), ports.open);
  await listening(
    net.createServer((socket) => quiet(socket).end('a secret')),
    ports.closed,
  );
  await listening(
    http.createServer((_, response) => response.end('outside')),
    ports.outside,
  );
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'weft-live-'));
  cleanup.push(() => rm(scratch, { recursive: true, force: true }));
  for (const name of ['http', 'h2', 'tcp', 'closed', 'open'] as const) ports[name] = await freePort(10_000);
  ports.outside = await freePort();
  ports.proxy = await freePort();
  ports.localBase = await freePort(1, 2, 3, 4);
  ports.adminCaller = await freePort();
  ports.adminServer = await freePort();
  await startApplications();
  const authority = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain: 'demo.mesh' });
  cleanup.push(() => authority.dispose());
  const secretsOf = (serviceAccount: string) => {
    const svid = authority.issue({ trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount });
    const bundle = authority.bundle.get().roots;
    return { certificateChain: svid.certificateChain, privateKey: svid.privateKey.expose(), bundle };
  };
  const scene = readScene(policies());
  const reviews: Proxy = readScene(policies().replace('proxy: frontend-1.shop', 'proxy: reviews-1.shop')).proxy;
  const server = pipeline({ mesh: scene.mesh, proxy: reviews }, secretsOf('reviews'));
  const caller = pipeline(scene, secretsOf('frontend'));
  await startEnvoy('server', ports.adminServer, staticBootstrap(server.resources));
  await startEnvoy('caller', ports.adminCaller, staticBootstrap(caller.resources));
});

afterAll(async () => {
  for (const step of cleanup.reverse()) await step();
});

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
