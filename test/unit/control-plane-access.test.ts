import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openJoinStore } from '../../src/ca/join-store.ts';
import { parseToken } from '../../src/ca/token.ts';
import { openTokenStore } from '../../src/ca/token-store.ts';
import { createCredentialCheck } from '../../src/control-plane/credential-check.ts';
import { MetricsService } from '../../src/proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { Membership } from '../../src/proto/gen/weft/v1/membership_pb.ts';
import { serviceDefinition } from '../../src/proto/services.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import { namesOf } from '../../src/xds/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryStore } from '../support/memory-store.ts';
import { connectRawClient, type DeltaStream, type RawClient } from '../support/raw-xds-client.ts';
import { serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

let mesh: TestMesh;
let raw: RawClient;
let client: Client;
const leave = serviceDefinition(Membership).leave;
const metrics = serviceDefinition(MetricsService).streamMetrics;

beforeAll(async () => {
  mesh = await startTestMesh({ policies: { 'shop.yaml': serviceYaml('reviews') + serviceYaml('frontend') } });
  const { xdsPort, rootPem } = mesh.controlPlane();
  const channel = credentials.createSsl(Buffer.from(rootPem));
  raw = connectRawClient(xdsPort, channel);
  client = new Client(`127.0.0.1:${xdsPort}`, channel);
});
afterAll(async () => {
  raw?.close();
  client?.close();
  await mesh?.close();
});

interface Ended {
  readonly code: status;
  readonly details: string;
}

async function bearerOf(service: string): Promise<string> {
  return `Bearer ${parseToken(await mesh.token(service)).bearer.expose()}`;
}

const inboundPorts = new Map<string, number>();

function nodeOf(id: string, service: string) {
  const [, namespace = ''] = id.split('.');
  // All come from one address: each has an inbound port of its own.
  const inbound = inboundPorts.get(id) ?? 19_000 + inboundPorts.size;
  inboundPorts.set(id, inbound);
  const ports = [{ name: 'http', port: 9080, inbound, protocol: 'http' }];
  return { id, metadata: { weft: { service, namespace, ports } } };
}

/** Opens a stream as this node. */
function join(id: string, service: string, authorization: string): DeltaStream {
  const stream = raw.delta({ authorization });
  stream.send({ node: nodeOf(id, service), typeUrl: clusterType });
  return stream;
}

async function connected(id: string, service: string): Promise<{ stream: DeltaStream; authorization: string }> {
  const authorization = await bearerOf(service);
  const stream = join(id, service, authorization);
  const first = await stream.next();
  stream.send({ typeUrl: clusterType, responseNonce: first.nonce });
  return { stream, authorization };
}

function callRefusals(nodeId: string, authorization: string): Promise<number | Ended> {
  const metadata = new Metadata();
  metadata.set('authorization', authorization);
  const { path, requestSerialize, responseDeserialize } = serviceDefinition(Membership).refusals;
  return new Promise((resolve) =>
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { nodeId },
      metadata,
      { deadline: Date.now() + 10_000 },
      (error: ServiceError | null, answer?: { refusals: readonly unknown[] }) =>
        resolve(error === null ? (answer?.refusals.length ?? -1) : { code: error.code, details: error.details }),
    ),
  );
}

function callLeave(nodeId: string, authorization?: string): Promise<number | Ended> {
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set('authorization', authorization);
  return new Promise((resolve) =>
    client.makeUnaryRequest(
      leave.path,
      leave.requestSerialize,
      leave.responseDeserialize,
      { nodeId },
      metadata,
      { deadline: Date.now() + 10_000 },
      (error: ServiceError | null, answer?: { callersPending: number }) =>
        resolve(error === null ? (answer?.callersPending ?? -1) : { code: error.code, details: error.details }),
    ),
  );
}

/** A stream of the metrics service; `ended` says how the server ended it. */
function openMetrics(authorization?: string) {
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set('authorization', authorization);
  let done: (how: Ended) => void = () => undefined;
  const ended = new Promise<Ended>((resolve) => {
    done = resolve;
  });
  const call = client.makeClientStreamRequest(
    metrics.path,
    metrics.requestSerialize,
    metrics.responseDeserialize,
    metadata,
    {},
    (error: ServiceError | null) => done(error ?? { code: status.OK, details: '' }),
  );
  call.on('error', () => undefined);
  const label = [
    { name: 'reporter', value: 'destination' },
    { name: 'source_service', value: 'frontend' },
  ];
  return {
    ended,
    send(nodeId?: string) {
      call.write({
        ...(nodeId === undefined ? {} : { identifier: { node: { id: nodeId } } }),
        envoyMetrics: [{ name: 'weft.requests_total', type: 0, metric: [{ label, counter: { value: 3 } }] }],
      });
    },
    end: () => call.end(),
  };
}

/** How many requests were reported so far. */
const reported = () =>
  mesh
    .controlPlane()
    .values.edges(3_600_000)
    .reduce((sum, { requests }) => sum + requests, 0);

const refused = (code: status, words: RegExp) => ({ code, details: expect.stringMatching(words) });

describe('a credential on the xDS port', () => {
  test.each([
    ['missing', undefined, status.UNAUTHENTICATED, /^WEFT0203 no credential was sent; fix: weft token create/],
    ['malformed', 'Basic YTpi', status.UNAUTHENTICATED, /^WEFT0203 the credential is not "Bearer" and a token; fix: /],
    ['two in one', 'Bearer a.b, Bearer c.d', status.UNAUTHENTICATED, /^WEFT0203 the credential is not "Bearer"/],
    ['no token', 'Bearer banana', status.UNAUTHENTICATED, /^WEFT0203 /],
    [
      'unknown',
      `Bearer ${'a'.repeat(12)}.${'b'.repeat(43)}`,
      status.UNAUTHENTICATED,
      /^WEFT0203 token a{12} is not known here/,
    ],
  ])('%s: refused in the same words by streams, goodbyes and metrics', async (_name, authorization, code, words) => {
    const stream = raw.delta(authorization === undefined ? {} : { authorization });
    stream.send({ node: nodeOf('reviews-9.shop', 'reviews'), typeUrl: clusterType });
    expect(await stream.closed).toEqual(refused(code, words));
    expect(await callLeave('reviews-9.shop', authorization)).toEqual(refused(code, words));
    expect(await openMetrics(authorization).ended).toMatchObject(refused(code, words));
  });

  test("an operator's: people do not join", async () => {
    const { text } = await mesh.controlPlane().tokens.create({ grant: { role: 'operator' }, createdBy: 'test' });
    const authorization = `Bearer ${parseToken(text.expose()).bearer.expose()}`;
    const words = /^WEFT0203 token \w+ is an operator's, it admits no workload; fix: /;
    expect(await join('reviews-9.shop', 'reviews', authorization).closed).toEqual(
      refused(status.PERMISSION_DENIED, words),
    );
    expect(await callLeave('reviews-9.shop', authorization)).toEqual(refused(status.PERMISSION_DENIED, words));
  });

  test("another service's: refused, and nothing of it is registered", async () => {
    const stream = join('reviews-9.shop', 'reviews', await bearerOf('frontend'));
    expect(await stream.closed).toEqual(refused(status.PERMISSION_DENIED, /^WEFT\d{4} .*frontend/));
    expect(mesh.controlPlane().values.proxies()).toEqual([]);
    expect(mesh.controlPlane().mesh.get()?.workloads.has('reviews-9.shop')).toBe(false);
  });

  test('revoked: the open stream ends with the words that a new one gets, and metrics are taken no more', async () => {
    const { stream, authorization } = await connected('reviews-3.shop', 'reviews');
    const reporting = openMetrics(authorization);
    const before = reported();
    reporting.send('reviews-3.shop');
    await eventually('its metrics are taken', () => reported() > before);
    const { tokens } = mesh.controlPlane();
    const id = authorization.slice('Bearer '.length).split('.')[0] ?? '';
    await tokens.revoke(id);
    const words = refused(status.UNAUTHENTICATED, /^WEFT0203 token \w+ .* was revoked on /);
    expect(await stream.closed).toEqual(words);
    expect(await join('reviews-3.shop', 'reviews', authorization).closed).toEqual(words);
    reporting.send();
    expect(await reporting.ended).toMatchObject(words);
    expect(await callLeave('reviews-3.shop', authorization)).toEqual(words);
  });

  test('grants the labels that its token was made with', async () => {
    const { token, secret } = await mesh
      .controlPlane()
      .values.tokens.create({ services: ['reviews'], namespace: 'shop', labels: { tier: 'backend' } });
    expect(token.labels).toEqual({ tier: 'backend' });
    const authorization = `Bearer ${parseToken(secret.expose()).bearer.expose()}`;
    const stream = join('reviews-10.shop', 'reviews', authorization);
    await stream.next();
    const workload = () => mesh.controlPlane().mesh.get()?.workloads.get('reviews-10.shop');
    await eventually('it is in the mesh', () => workload() !== undefined);
    expect(workload()?.granted).toEqual({ app: 'reviews', tier: 'backend' });
    stream.cancel();
  });

  test('doubled: refused; Node sends no such request, so the check is asked itself', async () => {
    const store = await openTokenStore({ store: memoryStore(), clock: fakeClock(), fingerprint: 'ab'.repeat(32) });
    const grant = {
      role: 'workload',
      namespace: 'shop',
      services: ['a'],
      addresses: [],
      ports: [],
    } as const;
    const { text, record } = await store.create({ grant, createdBy: 'test' });
    const good = `Bearer ${parseToken(text.expose()).bearer.expose()}`;
    const joins = await openJoinStore({ store: memoryStore(), clock: fakeClock() });
    const ask = createCredentialCheck({ tokens: store, joins });
    const check = (...values: readonly string[]) =>
      ask({ headers: new Map([['authorization', values]]), certificate: undefined });
    expect(check(good)).toEqual({
      ok: { tokenId: record.id, namespace: 'shop', serviceAccount: 'a', service: 'a' },
    });
    expect(check(good, good)).toEqual({
      refused: {
        code: status.UNAUTHENTICATED,
        message: 'WEFT0203 more than one credential was sent; fix: send one authorization header',
      },
    });
    store.dispose();
  });
});

describe('Leave', () => {
  test('of a proxy of another service is refused, and it stays', async () => {
    const { stream } = await connected('reviews-1.shop', 'reviews');
    const answer = await callLeave('reviews-1.shop', await bearerOf('frontend'));
    expect(answer).toEqual(
      refused(
        status.PERMISSION_DENIED,
        /^WEFT0203 token \w+ speaks for service "frontend" of "shop", not for "reviews-1.shop"; fix: /,
      ),
    );
    const health = () => mesh.controlPlane().mesh.get()?.workloads.get('reviews-1.shop')?.health;
    await eventually('the workload is in the mesh', () => health() !== undefined);
    expect(health()).toBe('healthy');
    stream.cancel();
  });

  test.each([
    ['of another account', { serviceAccount: 'reviews-batch' }],
    ['of other ports', { ports: [9090] }],
    ['of another network', { cidrs: ['10.9.0.0/16'] }],
    ['that grants what the proxy is not', { labels: { tier: 'payments' } }],
  ])('by a token %s of the same service is refused, and it stays', async (_, limits) => {
    const { stream, authorization } = await connected('reviews-11.shop', 'reviews');
    const { values, mesh: served } = mesh.controlPlane();
    const { secret } = await values.tokens.create({ services: ['reviews'], namespace: 'shop', ...limits });
    const other = `Bearer ${parseToken(secret.expose()).bearer.expose()}`;
    const answer = await callLeave('reviews-11.shop', other);
    expect(answer).toEqual(
      refused(status.PERMISSION_DENIED, /^WEFT0203 token \w+ .*, not for "reviews-11.shop"; fix: /),
    );
    const health = () => served.get()?.workloads.get('reviews-11.shop')?.health;
    await eventually('the workload is in the mesh', () => health() !== undefined);
    expect(health()).toBe('healthy');
    expect(await callLeave('reviews-11.shop', authorization)).toBe(0);
    stream.cancel();
    await eventually('it is gone', () => !served.get()?.workloads.has('reviews-11.shop'));
  });

  test('of nobody, and of a proxy without callers, is answered 0', async () => {
    const { stream, authorization } = await connected('reviews-2.shop', 'reviews');
    expect(await callLeave('nobody-1.shop', authorization)).toBe(0);
    expect(await callLeave('reviews-2.shop', authorization)).toBe(0);
    expect(mesh.controlPlane().mesh.get()?.workloads.get('reviews-2.shop')?.health).toBe('draining');
    stream.cancel();
  });

  test('is answered when the caller has acknowledged that the endpoint is gone (F16)', async () => {
    const { stream: leaving, authorization } = await connected('reviews-4.shop', 'reviews');
    const { stream: caller } = await connected('frontend-1.shop', 'frontend');
    const name = await eventually('the cluster of reviews', () => {
      const snapshot = mesh.controlPlane().snapshots.of('frontend-1.shop');
      const names = [...namesOf(snapshot?.layers.slice(0, 1) ?? [], endpointType)];
      return names.find((each) => each.includes('reviews'));
    });
    caller.send({ typeUrl: endpointType, resourceNamesSubscribe: [name] });
    const before = await nextOf(caller, endpointType);
    caller.send({ typeUrl: endpointType, responseNonce: before });
    let answered: number | Ended | undefined;
    const answer = callLeave('reviews-4.shop', authorization).then((value) => {
      answered = value;
      return value;
    });
    const gone = await nextOf(caller, endpointType);
    expect(answered).toBeUndefined();
    caller.send({ typeUrl: endpointType, responseNonce: gone });
    expect(await answer).toBe(0);
    leaving.cancel();
    caller.cancel();
  });
});

/** The nonce of the next response of a type; what else comes is acknowledged. */
async function nextOf(stream: DeltaStream, typeUrl: string): Promise<string> {
  for (;;) {
    const response = await stream.next();
    if (response.typeUrl === typeUrl) return response.nonce;
    stream.send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
  }
}

describe('the metrics of a proxy (T1)', () => {
  test('are taken from itself', async () => {
    const { stream, authorization } = await connected('reviews-5.shop', 'reviews');
    const before = reported();
    const reporting = openMetrics(authorization);
    reporting.send('reviews-5.shop');
    reporting.send();
    await eventually('an edge to reviews', () => reported() > before);
    reporting.end();
    expect((await reporting.ended).code).toBe(status.OK);
    stream.cancel();
  });

  test('of another service are refused', async () => {
    const { stream } = await connected('reviews-6.shop', 'reviews');
    const before = reported();
    const reporting = openMetrics(await bearerOf('frontend'));
    reporting.send('reviews-6.shop');
    expect(await reporting.ended).toMatchObject(refused(status.PERMISSION_DENIED, /^WEFT0203 /));
    expect(reported()).toBe(before);
    stream.cancel();
  });

  test('of a stream that changes its node are refused', async () => {
    const { stream, authorization } = await connected('reviews-7.shop', 'reviews');
    const reporting = openMetrics(authorization);
    reporting.send('reviews-7.shop');
    reporting.send('reviews-8.shop');
    expect(await reporting.ended).toMatchObject(refused(status.INVALID_ARGUMENT, /^WEFT0203 .* names another node/));
    stream.cancel();
  });

  test('of a proxy that is not connected are passed over, and the stream stays', async () => {
    const before = reported();
    const reporting = openMetrics(await bearerOf('reviews'));
    reporting.send('nobody-1.shop');
    reporting.end();
    expect((await reporting.ended).code).toBe(status.OK);
    expect(reported()).toBe(before);
  });
});

test('a proxy hears what was refused of its own configuration, and of no other', async () => {
  const id = 'frontend-refusals.shop';
  const { stream, authorization } = await connected(id, 'frontend');
  expect(await callRefusals(id, authorization)).toBe(0);
  stream.send({ typeUrl: endpointType, resourceNamesSubscribe: ['out_shop_reviews_80'] });
  const endpoints = await stream.next();
  stream.send({
    typeUrl: endpointType,
    responseNonce: endpoints.nonce,
    errorDetail: { code: 13, message: 'no such endpoints' },
  });
  await eventually('the refusal is known', async () => (await callRefusals(id, authorization)) === 1);
  expect(await callRefusals(id, await bearerOf('reviews'))).toEqual(
    refused(
      status.PERMISSION_DENIED,
      /^WEFT0203 token .* speaks for service "reviews" of "shop", not for "frontend-refusals\.shop"/,
    ),
  );
  expect(await callRefusals('nobody.shop', authorization)).toBe(0);
  stream.cancel();
});
