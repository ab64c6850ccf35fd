import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { credentials } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { parseToken } from '../../src/ca/token.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import { type Member, startMember } from '../support/member.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';
import { mutualTlsYaml, nextAddress, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

const isLong = process.env.WEFT_LONG === '1';

const mesh = useTestMesh(() => ({
  policies: {
    'mesh.yaml': mutualTlsYaml('STRICT'),
    'shop.yaml': serviceYaml('reviews') + serviceYaml('catalog'),
  },
}));

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A server of TLS with the certificate of a workload of this mesh, and how many requests came to it. */
async function impostor(service: string, host: string) {
  const { certificateChain: cert, privateKey } = await mesh().certificate(service);
  const server: Http2SecureServer = createSecureServer(
    { cert, key: privateKey.expose(), allowHTTP1: true, ALPNProtocols: ['h2', 'http/1.1', 'weft'] },
    (_request, response) => {
      seen.requests += 1;
      response.end('mine');
    },
  );
  const seen = { requests: 0, handshakes: 0, established: 0 };
  server.on('connection', () => {
    seen.handshakes += 1;
  });
  server.on('secureConnection', () => {
    seen.established += 1;
  });
  server.on('sessionError', () => undefined);
  server.on('tlsClientError', () => undefined);
  server.listen(0, host);
  await once(server, 'listening');
  stops.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, seen };
}

/** Says what a sidecar would, on a stream that stays open; how it was refused, or undefined. */
async function register(id: string, service: string, bearer: string, weft: object) {
  const { xdsPort, rootPem } = mesh().controlPlane();
  const raw = connectRawClient(xdsPort, credentials.createSsl(Buffer.from(rootPem)));
  stops.push(() => raw.close());
  const stream = raw.delta({ authorization: `Bearer ${bearer}` });
  const node = { id, metadata: { weft: { service, namespace: 'shop', ...JSON.parse(JSON.stringify(weft)) } } };
  stream.send({ node, typeUrl: clusterType });
  return stream.next(10_000).then(
    () => undefined,
    () => stream.closed,
  );
}

test('T2 30 foreign addresses, ports and services are refused, each is written down, and no endpoint changes; at a stolen address nobody is served', async () => {
  const client = await mesh().join({ service: 'frontend' });
  const { tokens, audit } = mesh().controlPlane().values;
  const made = async (more: { cidrs?: readonly string[]; ports?: readonly number[] }) => {
    const { secret } = await tokens.create({ services: ['catalog'], namespace: 'shop', ...more });
    return parseToken(secret.expose()).bearer.expose();
  };
  const [narrow, wide] = [await made({ ports: [9080] }), await made({ cidrs: ['0.0.0.0/0', '::/0'], ports: [9080] })];
  const port = { name: 'http', port: 9080, inbound: 19_080, protocol: 'http' };
  const at = (address: string) => ({ address, ports: [port] });
  const declared = (change: object) => ({ ports: [{ ...port, ...change }] });
  const forbidden: readonly (readonly [string, object, string?])[] = [
    ...['10.0.0.8', '192.168.1.1', '8.8.8.8', 'fd00::1', '127.0.0.2', '127.0.0.9', '127.1.1.1', '::1'].map(
      (address) => [narrow, at(address)] as const,
    ),
    ...['169.254.169.254', '::ffff:169.254.169.254', '0.0.0.0', '::', '224.0.0.1', '239.1.1.1', '255.255.255.255'].map(
      (address) => [wide, at(address)] as const,
    ),
    ...['fe80::1', 'ff02::1', 'reviews.shop', '127.0.0.1:15012', '', '2130706433'].map(
      (address) => [wide, at(address)] as const,
    ),
    ...[{ port: 0 }, { port: 80 }, { port: 15_012 }, { port: 65_536 }, { inbound: 0 }].map(
      (change) => [narrow, declared(change)] as const,
    ),
    [narrow, { service: 'reviews' }],
    [narrow, { namespace: 'bank' }],
    [narrow, {}, 'reviews-1.bank'],
    [wide, { labels: { app: 'reviews' } }],
  ];
  expect(forbidden).toHaveLength(30);
  const before = JSON.stringify(mesh().controlPlane().values.edges(60_000));
  const workloads = () => [...(mesh().controlPlane().mesh.get()?.workloads.keys() ?? [])];
  const known = workloads();
  const already = audit().length;
  for (const [bearer, weft, id = 'catalog-1.shop'] of forbidden) {
    const how = await register(id, 'catalog', bearer, weft);
    expect(how?.details, JSON.stringify(weft)).toMatch(/WEFT0203/);
  }
  const refusals = audit()
    .slice(already)
    .filter(({ what, result }) => what === 'join' && result === 'refused');
  expect(refusals).toHaveLength(30);
  expect([workloads(), JSON.stringify(mesh().controlPlane().values.edges(60_000))]).toEqual([known, before]);

  // Whoever answers where reviews is said to be, has the certificate of catalog.
  const host = nextAddress();
  const thief = await impostor('catalog', host);
  const token = parseToken(await mesh().token('reviews')).bearer.expose();
  const there = { address: host, ports: [{ ...port, inbound: thief.port }] };
  expect(await register('reviews-1.shop', 'reviews', token, there)).toBeUndefined();
  const local = { host: client.address, port: mesh().localPort('reviews', 80) };
  await eventually(
    'callers know the address',
    async () => (await client.stat('cluster.out_shop_reviews_80.membership_total')) === 1,
  );
  const asked = isLong ? 1_000 : 100;
  let served = 0;
  for (let sent = 0; sent < asked; sent += 1) {
    const { status } = await fetchOnce(local);
    if (status !== 503) served += 1;
  }
  expect([served, thief.seen.requests]).toEqual([0, 0]);
  expect(thief.seen.handshakes).toBeGreaterThan(0);
  console.log(
    `promise T2: 30 of 30 registrations refused, 30 audit events, 0 workloads more; at a stolen address 0 of ${asked} requests served (${thief.seen.handshakes} connections)`,
  );
}, 120_000);

test('T28 no Envoy takes a workload of the mesh for its control plane, and none sends it a token', async () => {
  const rogue = await impostor('catalog', '127.0.0.1');
  const { rootPem } = mesh().controlPlane();
  const all = isLong ? 100 : 4;
  let refused = 0;
  for (let begun = 0; begun < all; begun += 10) {
    const some = Array.from({ length: Math.min(10, all - begun) }, (_, index) => `victim-${begun + index}`);
    const members: Member[] = await Promise.all(
      some.map(async (name) =>
        startMember(
          { folder: mesh().folder, xdsPort: rogue.port, rootPem },
          { service: 'reviews', name, address: nextAddress(), token: await mesh().token('reviews') },
        ),
      ),
    );
    for (const { sidecar } of members) sidecar.ready.catch(() => undefined);
    try {
      await eventually(
        'each has said whom it does not trust',
        () => members.every(({ log }) => log.some((line) => line.includes('"problem"') && line.includes('WEFT0304'))),
        60_000,
      );
      for (const member of members) if ((await member.stat('cluster.xds.ssl.fail_verify_san')) > 0) refused += 1;
    } finally {
      await Promise.all(members.map(({ sidecar }) => sidecar.kill()));
    }
  }
  expect([refused, rogue.seen.established, rogue.seen.requests]).toEqual([all, 0, 0]);
  console.log(
    `promise T28: 0 of ${all} Envoys connected to a control plane with a workload's certificate (${rogue.seen.handshakes} handshakes begun, 0 ended well, 0 requests)`,
  );
}, 600_000);
