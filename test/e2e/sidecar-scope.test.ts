import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, openTcp, readUntil } from '../support/mesh-client.ts';
import { selfSigned } from '../support/self-signed.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

const sockets = mkdtempSync(join(tmpdir(), 'weft-sidecar-'));
const ratingsSocket = join(sockets, 'ratings.sock');
const dbSocket = join(sockets, 'db.sock');

/** What the frontend may know; everybody else of the shop knows all. */
const frontend = (hosts: readonly string[], mode = 'REGISTRY_ONLY') => `---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: frontend, namespace: shop }
spec:
  workloadSelector: { labels: { app: frontend } }
  outboundTrafficPolicy: { mode: ${mode} }
  egress:
  - port: { number: 9080, protocol: HTTP, name: http }
    hosts: [./reviews.shop.svc.cluster.local, ./ratings.shop.svc.cluster.local]
  - port: { number: 5433, protocol: TCP, name: tcp }
    captureMode: NONE
    hosts: [./db.shop.svc.cluster.local]
  - port: { number: 8443, protocol: TLS, name: tls }
    hosts: [./vault.shop.svc.cluster.local, ./keys.shop.svc.cluster.local]
  - port: { number: 0, protocol: TCP, name: tcp }
    bind: unix://${dbSocket}
    hosts: [./db.shop.svc.cluster.local]
  - hosts: ${JSON.stringify(hosts)}
`;
/** Changes the listeners that lead to db: a connection ends when nobody says a word for so long. */
const silence = `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: db, namespace: shop }
spec: { host: db, trafficPolicy: { connectionPool: { tcp: { idleTimeout: 1s } } } }
`;
const known = ['./*', '~./secret.shop.svc.cluster.local', '~./later.shop.svc.cluster.local'];

/** The program of reviews is at another port than its callers name, that of ratings at a socket. */
const ingress = (pool: string) => `---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: reviews, namespace: shop }
spec:
  workloadSelector: { labels: { app: reviews } }
  ingress:
  - port: { number: 9080, protocol: HTTP, name: http }
    defaultEndpoint: 127.0.0.1:8080
    connectionPool: ${pool}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: ratings, namespace: shop }
spec:
  workloadSelector: { labels: { app: ratings } }
  ingress:
  - port: { number: 9080, protocol: HTTP, name: http }
    defaultEndpoint: unix://${ratingsSocket}
`;
const wide = '{ http: { maxRequestsPerConnection: 5 } }';

const stops: (() => void)[] = [];
let client: Member;
let outsider: Member;
let reviews: Member;
let program: Application;
let connections = 0;
/** Requests that wait at the program until they are let go. */
const held: (() => void)[] = [];

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml':
        ['reviews', 'ratings', 'secret'].map((name) => serviceYaml(name)).join('') +
        serviceYaml('db', '[{ name: tcp, port: 5432, targetPort: 9432 }]') +
        ['vault', 'keys'].map((name) => serviceYaml(name, '[{ name: tls, port: 443, targetPort: 9443 }]')).join(''),
      'frontend.yaml': frontend(known),
      'ingress.yaml': ingress(wide),
    },
  }),
  async (started) => {
    const addresses = ['reviews', 'ratings', 'secret', 'db', 'vault', 'keys'].map(() => started.nextAddress());
    const [at = '', rated = '', hidden = '', db = '', vault = '', keys = ''] = addresses;
    program = await startApplication({ address: at, port: 8080 }, 'reviews', async (request) => {
      if (request.url !== '/held') return;
      await new Promise<void>((resolve) => held.push(resolve));
    });
    program.server.on('connection', () => {
      connections += 1;
    });
    const secret = await startApplication({ address: hidden, port: 9080 }, 'secret');
    const rating = createHttpServer((_, response) => response.end('ratings\n'));
    await listening(rating, ratingsSocket);
    // It speaks first.
    const greeter = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end('220 db\n');
    });
    await new Promise<void>((resolve) => greeter.listen(9432, db, resolve));
    stops.push(
      () => void program.close(),
      () => void secret.close(),
      () => rating.close(),
      () => greeter.close(),
    );
    await Promise.all([listenTls(vault, 'vault'), listenTls(keys, 'keys')]);
    await Promise.all([
      started.join({ service: 'vault', address: vault, ports: [{ port: 9443, protocol: 'tls' }] }),
      started.join({ service: 'keys', address: keys, ports: [{ port: 9443, protocol: 'tls' }] }),
    ]);
    [reviews, , , , client, outsider] = await Promise.all([
      started.join({ service: 'reviews', address: at, ports: [{ port: 9080 }] }),
      started.join({ service: 'ratings', address: rated, ports: [{ port: 9080 }] }),
      started.join({ service: 'secret', address: hidden, ports: [{ port: 9080 }] }),
      started.join({ service: 'db', address: db, ports: [{ port: 9432, protocol: 'tcp' }] }),
      started.join({ service: 'frontend' }),
      started.join({ service: 'outsider' }),
    ]);
    await started.synced();
    for (const service of ['reviews_80', 'ratings_80', 'db_5432', 'vault_443', 'keys_443']) {
      const endpoints = () => client.stat(`cluster.out_shop_${service}.membership_total`);
      await eventually(`the client has the endpoints of ${service}`, async () => (await endpoints()) === 1);
    }
  },
);
afterAll(() => {
  for (const stop of stops) stop();
  rmSync(sockets, { recursive: true, force: true });
});

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  });
}

/** TLS of the program itself: after the handshake its name. */
async function listenTls(address: string, name: string): Promise<void> {
  const { certificate, key } = selfSigned(name);
  const server = createTlsServer({ cert: certificate, key }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(`${name}\n`);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(9443, address, resolve));
  stops.push(() => server.close());
}

/** What the TLS server says to who asks for this name at the Sidecar's listener; empty: nobody took the connection. */
async function askTls(servername: string): Promise<string> {
  const socket = connectTls({ host: client.address, port: 8443, servername, rejectUnauthorized: false });
  return (await exchange(socket)).received;
}

const through = (member: Member, url: string): Promise<Answer> =>
  fetchOnce({ host: member.address, port: member.proxyPort, path: url });
const local = (service: string, path = '/') => ({ host: client.address, port: mesh().localPort(service, 80), path });
/** At the listener that the Sidecar asks for. */
const asked = (host: string): Promise<Answer> => fetchOnce({ host: client.address, port: 9080, headers: { host } });

test('P7: an ingress leads to another port of the program, and to a unix socket', async () => {
  expect(await fetchOnce(local('reviews'))).toMatchObject({ status: 200, body: 'reviews\n' });
  expect(await fetchOnce(local('ratings'))).toMatchObject({ status: 200, body: 'ratings\n' });
  expect(await through(client, 'http://reviews.shop/')).toMatchObject({ status: 200, body: 'reviews\n' });
});

test('P8, P48: what is not imported is unknown: 502 for requests, 403 for tunnels, no cluster; others are not concerned', async () => {
  expect((await through(client, 'http://secret.shop/')).status).toBe(502);
  expect((await through(client, 'http://nowhere.test/')).status).toBe(502);
  const tunnel = await openTcp(client.address, client.proxyPort);
  tunnel.write('CONNECT secret.shop:80 HTTP/1.1\r\nhost: secret.shop:80\r\n\r\n');
  expect(await readUntil(tunnel, '\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /);
  tunnel.destroy();
  const names = async (member: Member) =>
    [...(await member.stats('^cluster\\.out_shop_[^.]*\\.membership_total$')).keys()]
      .map((name) => name.split('.')[1])
      .sort();
  expect(await names(client)).toEqual(
    ['db_5432', 'keys_443', 'ratings_80', 'reviews_80', 'vault_443'].map((name) => `out_shop_${name}`),
  );
  expect(await names(outsider)).toContain('out_shop_secret_80');
  expect(await through(outsider, 'http://secret.shop/')).toMatchObject({ status: 200, body: 'secret\n' });
});

test('P8: a listener leads to what it names, by host, to the only port of each; other hosts are refused there', async () => {
  expect(await asked('reviews')).toMatchObject({ status: 200, body: 'reviews\n' });
  expect(await asked('ratings.shop:9080')).toMatchObject({ status: 200, body: 'ratings\n' });
  expect((await asked('secret')).status).toBe(502);
  expect((await asked(`${client.address}:9080`)).status).toBe(502);
});

test('P8: TCP behind a port and behind a unix socket of the Sidecar reaches the one service that is named', async () => {
  expect(await exchange(await openTcp(client.address, 5433))).toMatchObject({ received: '220 db\n' });
  const socket = connect({ path: dbSocket, allowHalfOpen: true });
  expect(await exchange(socket)).toMatchObject({ received: '220 db\n' });
});

test('P8: behind a TLS listener the server name says which service is meant; others are closed', async () => {
  expect(await askTls('vault.shop.svc.cluster.local')).toBe('vault\n');
  expect(await askTls('keys')).toBe('keys\n');
  expect(await askTls('reviews')).toBe('');
});

test('a policy that changes its listeners leaves port and socket open', async () => {
  await mesh().apply({ 'db.yaml': silence });
  for (const open of [
    () => openTcp(client.address, 5433),
    async () => connect({ path: dbSocket, allowHalfOpen: true }),
  ]) {
    expect(await exchange(await open())).toMatchObject({ received: '220 db\n' });
  }
  await mesh().apply({ 'db.yaml': undefined });
  expect(await exchange(connect({ path: dbSocket, allowHalfOpen: true }))).toMatchObject({ received: '220 db\n' });
});

test('R13: a Sidecar says how many requests a connection to the program serves', async () => {
  const before = { requests: program.requests(), connections };
  for (let sent = 0; sent < 20; sent += 1) expect((await fetchOnce(local('reviews'))).status).toBe(200);
  expect(program.requests() - before.requests).toBe(20);
  // One connection may have been open before, and one may be begun early.
  expect(connections - before.connections).toBeGreaterThanOrEqual(3);
  expect(connections - before.connections).toBeLessThanOrEqual(6);
});

test('P26: connections to the program and requests that wait for one are bounded, the rest is refused at once', async () => {
  const pool = '{ tcp: { maxConnections: 2 }, http: { http1MaxPendingRequests: 3, maxRequestsPerConnection: 1 } }';
  await mesh().apply({ 'ingress.yaml': ingress(pool) });
  const overflow = () => reviews.stat('cluster.in_9080.upstream_rq_pending_overflow');
  const before = await overflow();
  const reached = program.requests();
  const answers: number[] = [];
  const calls = Array.from({ length: 12 }, async () => {
    const { status } = await fetchOnce({ ...local('reviews', '/held'), headers: { 'x-envoy-max-retries': '0' } });
    answers.push(status);
  });
  // Two at the program, three that wait; the others come back.
  await eventually('seven were refused', () => answers.length === 7);
  expect(answers).toEqual(Array.from({ length: 7 }, () => 503));
  expect(program.requests() - reached).toBe(2);
  expect((await overflow()) - before).toBeGreaterThanOrEqual(7);
  const letting = eventually('all are answered', () => {
    for (const go of held.splice(0)) go();
    return answers.length === 12;
  });
  await Promise.all([...calls, letting]);
  expect(answers.filter((status) => status === 200)).toHaveLength(5);
  expect(program.requests() - reached).toBe(5);
  await mesh().apply({ 'ingress.yaml': ingress(wide) });
});

test('a change of what is not imported touches no stream of those who do not import it', async () => {
  const updates = async (member: Member) =>
    [
      ...(
        await member.stats('^(cluster_manager\\.cds|http\\.out\\.rds\\..*|listener_manager\\.lds)\\.update_success$')
      ).values(),
    ].reduce((sum, each) => sum + each, 0);
  const before = { client: await updates(client), outsider: await updates(outsider) };
  await mesh().apply({ 'later.yaml': serviceYaml('later') });
  await eventually('the others know of it', async () => (await updates(outsider)) > before.outsider);
  expect(await updates(client)).toBe(before.client);
});

test('what is imported from now on is reached at once, over connections that stay', async () => {
  await mesh().apply({ 'frontend.yaml': frontend(['./*']) });
  await eventually('secret is reached', async () => (await through(client, 'http://secret.shop/')).status === 200);
  await mesh().apply({ 'frontend.yaml': frontend(known) });
  await eventually(
    'secret is unknown again',
    async () => (await through(client, 'http://secret.shop/')).status === 502,
  );
});
