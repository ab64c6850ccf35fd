import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { expect } from 'vitest';
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
export const local = '127.0.0.1';
export const cleanup: (() => unknown)[] = [];
export const ports = {
  http: 0,
  h2: 0,
  tcp: 0,
  closed: 0,
  open: 0,
  plain: 0,
  outside: 0,
  proxy: 0,
  localBase: 0,
  adminCaller: 0,
  adminServer: 0,
};
/** Whatever an Envoy wrote at level `error`. */
export const complaints: string[] = [];
let scratch = '';

/** The local port of each of the service's ports, in their order. */
export const localPort = (index: number) => ports.localBase + index;

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
    next += 10;
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

export async function eventually(check: () => Promise<unknown>): Promise<void> {
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

export function get(port: number, path: string, options: http.RequestOptions = {}): Promise<Answer> {
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
export function seen(answer: Answer): { url: string; headers: readonly string[] } {
  return JSON.parse(answer.body);
}

export function valueOf(headers: readonly string[], name: string): string | undefined {
  const index = headers.indexOf(name);
  return index < 0 ? undefined : headers[index + 1];
}

/** A tunnel through the sidecar's HTTP_PROXY port. */
export function tunnel(target: string): Promise<net.Socket> {
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
export function quiet<Socket extends Duplex>(socket: Socket): Socket {
  return socket.on('error', () => socket.destroy());
}

export async function firstData(socket: net.Socket): Promise<string> {
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
    ports: { ${ports.http}: http, ${ports.h2}: http, ${ports.tcp}: tcp, ${ports.closed}: tcp, ${ports.open}: tcp, ${ports.plain}: tcp }
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
  portLevelMtls: { ${ports.open}: { mode: PERMISSIVE }, ${ports.plain}: { mode: DISABLE } }
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
  - name: bare
    match: [{ port: ${ports.http}, uri: { prefix: /bare }, withoutHeaders: { x-skip: { regex: ".*" }, x-part: { regex: "a*" } } }]
    rewrite: { uri: /without }
    route: [{ destination: { host: reviews, port: { number: ${ports.http} } } }]
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
  await listening(greet(), ports.plain);
  await listening(
    net.createServer((socket) => quiet(socket).end('a secret')),
    ports.closed,
  );
  await listening(
    http.createServer((_, response) => response.end('outside')),
    ports.outside,
  );
}

/** Starts everything; `stop` ends it. */
export async function start(): Promise<void> {
  scratch = await mkdtemp(join(tmpdir(), 'weft-live-'));
  cleanup.push(() => rm(scratch, { recursive: true, force: true }));
  for (const name of ['http', 'h2', 'tcp', 'closed', 'open', 'plain'] as const) ports[name] = await freePort(10_000);
  ports.outside = await freePort();
  ports.proxy = await freePort();
  ports.localBase = await freePort(1, 2, 3, 4, 5);
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
}

export async function stop(): Promise<void> {
  for (const step of cleanup.reverse()) await step();
}
