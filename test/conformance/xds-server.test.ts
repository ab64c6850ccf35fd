import { generateKeyPairSync } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Client, credentials, status } from '@grpc/grpc-js';
import forge from 'node-forge';
import { afterEach, expect, test } from 'vitest';
import { encode } from '../../src/proto/codec.ts';
import { DeltaDiscoveryRequestSchema } from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { createResource, encodeCounter } from '../../src/xds/resource.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import type { ServerCertificate, TlsSource } from '../../src/xds/tls-source.ts';
import { connectRawClient, type DeltaStream } from '../support/raw-xds-client.ts';
import { cluster, endpoints, eventually, type Fixture, node, startFixture } from './xds-fixture.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.close();
  fixture = undefined;
});

async function nextAcked(stream: DeltaStream) {
  const response = await stream.next();
  stream.send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
  return response;
}

test('X8 E4 T4 a refused call hears our words, before anything of it is read', async () => {
  const message = 'WEFT0401 unknown token: create one with `weft token`';
  let opened = 0;
  fixture = await startFixture([cluster('a')], {
    authenticate: ({ headers, peer }) => {
      expect(peer).toMatch(/^127\.0\.0\.1:\d+$/);
      const ok = headers.get('authorization')?.[0] === 'Bearer good';
      return ok ? { ok: 'workload' } : { refused: { code: status.UNAUTHENTICATED, message } };
    },
    open: ({ principal }) => {
      opened += 1;
      const refused = { code: status.PERMISSION_DENIED, message: `${principal} may not be this node` };
      return { refused };
    },
  });
  const bad = fixture.client.delta({ authorization: 'Bearer bad' });
  bad.send({ node, typeUrl: clusterType });
  expect(await bad.closed).toEqual({ code: status.UNAUTHENTICATED, details: message });
  expect(opened).toBe(0);
  const good = fixture.client.sotw({ authorization: 'Bearer good' });
  good.send({ node, typeUrl: clusterType });
  expect(await good.closed).toEqual({ code: status.PERMISSION_DENIED, details: 'workload may not be this node' });
});

test('X2 X5 X6 the first request must carry a node and each its type', async () => {
  fixture = await startFixture([cluster('a')]);
  for (const request of [{ typeUrl: clusterType }, { node: { id: '' }, typeUrl: clusterType }, { node }]) {
    const stream = fixture.client.delta();
    stream.send(request);
    expect((await stream.closed).code).toBe(status.INVALID_ARGUMENT);
  }
});

test('X7 X12 identity is frozen at the first node; streams of one node are apart', async () => {
  fixture = await startFixture([cluster('a')]);
  const [one, two] = [fixture.client.delta(), fixture.client.delta()];
  one.send({ node, typeUrl: clusterType });
  two.send({ node, typeUrl: clusterType });
  await nextAcked(one);
  await nextAcked(two);
  two.send({ node: { id: 'someone else' }, typeUrl: endpointType, resourceNamesSubscribe: ['e'] });
  await nextAcked(two);
  expect(fixture.server.status().map((stream) => stream.node.id)).toEqual([node.id, node.id]);
  one.halfClose();
  expect((await one.closed).code).toBe(status.OK);
  fixture.set([cluster('a', 2)]);
  expect((await nextAcked(two)).resources).toHaveLength(1);
});

test('X9 before the first snapshot the answer is UNAVAILABLE, never empty', async () => {
  fixture = await startFixture(undefined);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: clusterType });
  expect((await stream.closed).code).toBe(status.UNAVAILABLE);
});

test('X11 half-close ends with OK, a cancel frees as well', async () => {
  fixture = await startFixture([cluster('a')]);
  const [ended, cancelled] = [fixture.client.delta(), fixture.client.sotw()];
  for (const stream of [ended, cancelled]) {
    stream.send({ node, typeUrl: clusterType });
    await stream.next();
  }
  const { server, watchers, events } = fixture;
  expect([server.status().length, watchers()]).toEqual([2, 2]);
  ended.halfClose();
  cancelled.cancel();
  expect((await ended.closed).code).toBe(status.OK);
  await eventually(() => server.status().length + watchers() === 0, 'everything is freed');
  expect(events.filter(({ kind }) => kind === 'closed')).toHaveLength(2);
});

test('T8 giant names, too many names and giant metadata are RESOURCE_EXHAUSTED on that stream only', async () => {
  fixture = await startFixture([cluster('a')]);
  const bystander = fixture.client.delta();
  bystander.send({ node, typeUrl: clusterType });
  await nextAcked(bystander);
  const many = Array.from({ length: 100_001 }, (_, index) => `${index}`);
  const bombs = [
    { node, typeUrl: endpointType, resourceNamesSubscribe: ['x'.repeat(1025)] },
    { node, typeUrl: endpointType, resourceNamesSubscribe: many },
    { node: { id: 'n', metadata: { big: 'x'.repeat(65 * 1024) } }, typeUrl: clusterType },
    {
      node: { id: 'n', metadata: Object.fromEntries(many.slice(0, 257).map((key) => [key, 1])) },
      typeUrl: clusterType,
    },
  ];
  for (const bomb of bombs) {
    const stream = fixture.client.delta();
    stream.send(bomb);
    expect((await stream.closed).code).toBe(status.RESOURCE_EXHAUSTED);
  }
  fixture.set([cluster('a', 2)]);
  expect((await nextAcked(bystander)).resources).toHaveLength(1);
});

test('a node with the 60 KB of extensions of a stock Envoy is welcome', async () => {
  fixture = await startFixture([cluster('a')]);
  const stream = fixture.client.delta();
  const extensions = Array.from({ length: 516 }, (_, index) => ({
    name: `envoy.filters.http.extension_${index}`,
    category: 'envoy.filters.http',
    typeUrls: [`envoy.extensions.filters.http.extension_${index}.v3.Extension`],
  }));
  stream.send({ node: { ...node, extensions }, typeUrl: clusterType });
  expect((await stream.next()).resources).toHaveLength(1);
});

test('a revoked principal: its streams end with a status and words, others live', async () => {
  fixture = await startFixture([cluster('a')], {
    authenticate: ({ headers }) => ({ ok: headers.get('who')?.[0] ?? '' }),
  });
  const [mallory, alice] = [fixture.client.delta({ who: 'mallory' }), fixture.client.delta({ who: 'alice' })];
  for (const stream of [mallory, alice]) {
    stream.send({ node, typeUrl: clusterType });
    await nextAcked(stream);
  }
  const ended = fixture.server.closeStreams(
    ({ principal }) => principal === 'mallory',
    status.UNAUTHENTICATED,
    'revoked',
  );
  expect(ended).toBe(1);
  expect(await mallory.closed).toEqual({ code: status.UNAUTHENTICATED, details: 'revoked' });
  fixture.set([cluster('a', 2)]);
  expect((await nextAcked(alice)).resources).toHaveLength(1);
});

test('one changed resource is encoded once for 100 delta streams, and nothing when nothing changes', async () => {
  const others = Array.from({ length: 20 }, (_, index) => endpoints(`e${index}`));
  fixture = await startFixture([...others, endpoints('hot')]);
  const wanted = [...others.map(({ name }) => name), 'hot'];
  const { client } = fixture;
  const streams = Array.from({ length: 100 }, () => client.delta());
  for (const stream of streams) stream.send({ node, typeUrl: endpointType, resourceNamesSubscribe: wanted });
  await Promise.all(streams.map(nextAcked));
  const before = encodeCounter.resources;
  fixture.set([...others.map(({ name }) => endpoints(name)), endpoints('hot', 2)]);
  const responses = await Promise.all(streams.map(nextAcked));
  expect(responses.map(({ resources }) => resources.map(({ name }) => name))).toEqual(streams.map(() => ['hot']));
  expect(encodeCounter.resources - before).toBe(1);
  fixture.set([...others.map(({ name }) => endpoints(name)), endpoints('hot', 2)]);
  await streams[0]?.silence();
  expect(encodeCounter.resources - before).toBe(1);
});

test('6.3 what throws in a session ends its stream alone', async () => {
  let bad: () => void = () => {};
  fixture = await startFixture([cluster('a')]);
  const good = fixture.client.delta();
  good.send({ node, typeUrl: clusterType });
  await nextAcked(good);
  const broken = await startFixture([cluster('a')], {
    open: () => ({
      ok: {
        snapshot: () => ({ generation: 1, commit: '', layers: [] }),
        watch: () => {
          bad();
          return () => {};
        },
        close: () => {},
      },
    }),
    handlers: new Map([['/test.Extra/Fail', async () => Promise.reject(new Error('a bug'))]]),
  });
  bad = () => {
    throw new Error('a bug');
  };
  const stream = broken.client.delta();
  stream.send({ node, typeUrl: clusterType });
  expect((await stream.closed).code).toBe(status.INTERNAL);
  expect(broken.events.map(({ kind }) => kind)).toContain('failed');
  const caller = new Client(`127.0.0.1:${broken.server.port}`, credentials.createInsecure());
  const code = await new Promise((resolve) => {
    const same = (value: Buffer) => value;
    caller.makeUnaryRequest('/test.Extra/Fail', same, same, Buffer.alloc(0), (error) => resolve(error?.code));
  });
  expect(code).toBe(status.INTERNAL);
  caller.close();
  await broken.close();
});

test('T9 a connection that never speaks is closed, one with a stream lives on', async () => {
  fixture = await startFixture([cluster('a')], { connection: { firstRequest: 200 } });
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  const silent = connectTcp(fixture.server.port, '127.0.0.1');
  silent.on('error', () => {});
  silent.resume();
  await new Promise((resolve) => silent.on('close', resolve));
  fixture.set([cluster('a', 2)]);
  expect((await nextAcked(stream)).resources).toHaveLength(1);
  const mute = fixture.client.delta();
  expect((await mute.closed).code).toBe(status.DEADLINE_EXCEEDED);
});

function selfSigned(commonName: string): ServerCertificate {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const key = forge.pki.privateKeyFromPem(privateKey);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  certificate.serialNumber = '01';
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
  const name = [{ name: 'commonName', value: commonName }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }]);
  certificate.sign(key, forge.md.sha256.create());
  return { certificateChain: forge.pki.certificateToPem(certificate), privateKey };
}

function handshake(port: number, options: { readonly maxVersion?: 'TLSv1.2' } = {}) {
  return new Promise<string>((resolve) => {
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      ...options,
    });
    socket.on('secureConnect', () => {
      resolve(`${socket.getProtocol()} ${socket.getPeerCertificate().subject.CN}`);
      socket.destroy();
    });
    socket.on('error', (error) => resolve(error.message));
  });
}

test('6.4 6.5 TLS 1.3 only, and a new certificate without a restart', async () => {
  let current = selfSigned('first');
  const first = current;
  const watchers = new Set<() => void>();
  const rotating: TlsSource = {
    get: () => current,
    watch: (onChange) => {
      watchers.add(onChange);
      return () => watchers.delete(onChange);
    },
  };
  fixture = await startFixture([cluster('a')], { credentials: rotating });
  const { port } = fixture.server;
  expect(await handshake(port)).toBe('TLSv1.3 first');
  expect(await handshake(port, { maxVersion: 'TLSv1.2' })).toMatch(/protocol version/i);
  const client = connectRawClient(port, credentials.createSsl(Buffer.from(first.certificateChain)));
  const stream = client.delta();
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  current = selfSigned('second');
  for (const watcher of watchers) watcher();
  expect(await handshake(port)).toBe('TLSv1.3 second');
  fixture.set([cluster('a', 2)]);
  expect((await nextAcked(stream)).resources).toHaveLength(1);
  client.close();
  await fixture.close();
  fixture = undefined;
  expect(watchers.size).toBe(0);
});

test('X24 close ends streams with UNAVAILABLE and frees the port; a port in use is told', async () => {
  fixture = await startFixture([cluster('a')]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  const { port } = fixture.server;
  await expect(startFixture([], { port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await fixture.server.close();
  expect((await stream.closed).code).toBe(status.UNAVAILABLE);
  const successor = await startFixture([], { port });
  expect(successor.server.port).toBe(port);
  await successor.close();
});

test('T10 6.2 a client that does not read is cut by destroying its connection, others live on', async () => {
  const big = createResource({ typeUrl: endpointType, name: 'big', value: Buffer.alloc(2 * 1024 * 1024, 10) });
  fixture = await startFixture([cluster('a'), big], { connection: { slowReader: 300 } });
  const bystander = fixture.client.delta();
  bystander.send({ node, typeUrl: clusterType });
  await nextAcked(bystander);
  const session = connectHttp2(`http://127.0.0.1:${fixture.server.port}`);
  session.on('error', () => {});
  const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  const message = encode(DeltaDiscoveryRequestSchema, { node, typeUrl: endpointType, resourceNamesSubscribe: ['big'] });
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([header, message]));
  await new Promise((resolve) => session.on('close', resolve));
  const { server } = fixture;
  await eventually(() => server.status().length === 1, 'its stream is freed');
  fixture.set([cluster('a', 2), big]);
  expect((await nextAcked(bystander)).resources).toHaveLength(1);
});

test('X17 a connection has an age: GOAWAY, a grace, then the stream ends and the client may come again', async () => {
  fixture = await startFixture([cluster('a')], { connection: { maxAge: 300, maxAgeGrace: 100 } });
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  expect((await stream.closed).code).not.toBe(status.OK);
  const { server } = fixture;
  await eventually(() => server.status().length === 0, 'the stream is freed');
  const again = fixture.client.delta();
  again.send({ node, typeUrl: clusterType });
  expect((await again.next()).resources).toHaveLength(1);
});
