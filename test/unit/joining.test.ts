import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { parseToken } from '../../src/ca/token.ts';
import { writeCsr } from '../../src/ca/write-csr.ts';
import { systemClock } from '../../src/model/state-store.ts';
import type { ControlPlaneAddress } from '../../src/sidecar/bootstrap.ts';
import { createControlPlaneClient } from '../../src/sidecar/control-plane-client.ts';
import { enrol as askToJoin, renew } from '../../src/sidecar/enrol.ts';
import { holdIdentity, newKeys } from '../../src/sidecar/own-identity.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { startCuttingWay } from '../support/cutting-way.ts';
import { eventually } from '../support/eventually.ts';
import { memoryStore } from '../support/memory-store.ts';
import { connectRawClient, type RawClient } from '../support/raw-xds-client.ts';
import { runVerb } from '../support/run-verb.ts';
import { selfSigned } from '../support/self-signed.ts';
import { serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

let mesh: TestMesh;
const opened: { close(): void }[] = [];

beforeAll(async () => {
  mesh = await startTestMesh({ policies: { 'shop.yaml': serviceYaml('reviews') + serviceYaml('frontend') } });
});
afterAll(async () => {
  for (const each of opened) each.close();
  await mesh?.close();
});

const asOperator = (words: readonly string[], tokenFile = 'state/operator.token') =>
  runVerb(['token', ...words, '--token-file', tokenFile], {
    cwd: mesh.folder,
    env: { WEFT_CP: `http://127.0.0.1:${mesh.controlPlane().adminPort}` },
  });

test.each([
  [['--service', ''], '"" cannot be a service'],
  [['--service', 'reviews', '--ttl', '0s'], 'it would have expired already'],
  [['--service', 'reviews', '--ttl', '999999999d'], 'it would outlive every root'],
])('weft token create %j says why no token can be made, and none is', async (words, why) => {
  const before = await asOperator(['list', '-o', 'name']);
  const { code, stderr } = await asOperator(['create', '-n', 'shop', ...words]);
  expect([code, stderr]).toEqual([2, expect.stringContaining(`WEFT0921 no token can be made: ${why}`)]);
  expect([before.code, await asOperator(['list', '-o', 'name'])]).toEqual([0, before]);
});

test('a token that is there to join with reads no API, and is told from one that nobody knows', async () => {
  const { secret } = await mesh
    .controlPlane()
    .values.tokens.create({ services: ['reviews'], namespace: 'shop', uses: 1 });
  writeFileSync(join(mesh.folder, 'joins.token'), secret.expose(), { mode: 0o600 });
  const { code, stderr } = await asOperator(['list'], 'joins.token');
  expect([code, stderr]).toEqual([2, expect.stringContaining('WEFT0902 the token is unknown')]);
  expect(stderr).toContain('or there to join with');
});

const identityFolder = '/var/lib/weft';
const claimsOf = (service: string, more: object = {}) => ({ service, namespace: 'shop', identityFolder, ...more });

function address(): ControlPlaneAddress {
  const { xdsPort: port, rootPem } = mesh.controlPlane();
  return { host: '127.0.0.1', port, serverName: 'xds.weft', rootPem };
}

async function token(
  service: string | readonly [string, ...string[]],
  more: { uses?: number; ttlMilliseconds?: number; serviceAccount?: string } = { uses: 1 },
) {
  const services = typeof service === 'string' ? ([service] as const) : service;
  const made = await mesh
    .controlPlane()
    .values.tokens.create({ services, namespace: 'shop', cidrs: ['127.0.0.0/8'], ...more });
  const { bearer } = parseToken(made.secret.expose());
  return { id: made.token.id, bearer };
}
const left = (id: string) =>
  mesh
    .controlPlane()
    .values.tokens.list()
    .find((each) => each.id === id)?.uses;

/** Enrols as this node; the chain with its key, or the refusal. */
async function enrol(
  { bearer }: Pick<Awaited<ReturnType<typeof token>>, 'bearer'>,
  nodeId: string,
  { keys = newKeys(), claims = claimsOf(nodeId.replace(/-\d+\.shop$/, '')) as object } = {},
) {
  const client = createControlPlaneClient(address(), bearer);
  try {
    const { certificateChain: cert } = await client.enrol(nodeId, writeCsr(keys), JSON.stringify(claims), 10_000);
    return { cert, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  } catch (error) {
    return String(error);
  } finally {
    client.close();
  }
}

async function joined(service: string, nodeId = `${service}-1.shop`) {
  const made = await enrol(await token(service), nodeId);
  if (typeof made === 'string') throw new Error(made);
  return made;
}

function rawClient(pair?: { readonly cert: string; readonly key: string }): RawClient {
  const { xdsPort, rootPem } = mesh.controlPlane();
  const parts = pair === undefined ? [] : [Buffer.from(pair.key), Buffer.from(pair.cert)];
  const raw = connectRawClient(xdsPort, credentials.createSsl(Buffer.from(rootPem), ...parts));
  opened.push(raw);
  return raw;
}

/** Opens a stream as this node: undefined when it is answered, else how it ended. */
async function opens(raw: RawClient, id: string, weft: object, headers: Readonly<Record<string, string>> = {}) {
  const stream = raw.delta(headers);
  stream.send({ node: { id, metadata: { weft: JSON.parse(JSON.stringify(weft)) } }, typeUrl: clusterType });
  const answered = stream.next(10_000).then(
    () => undefined,
    () => stream.closed,
  );
  const how = await answered;
  stream.cancel();
  return how;
}

describe('T3 a token is spent by joining', () => {
  test('100 uses at the same time: one succeeds; after a restart and after its end none', async () => {
    const one = await token('reviews');
    const all = await Promise.all(Array.from({ length: 100 }, (_, index) => enrol(one, `reviews-${index}.shop`)));
    const refused = all.filter((each) => typeof each === 'string');
    expect(all.length - refused.length).toBe(1);
    for (const words of refused) expect(words).toMatch(/its one use is spent/);
    await mesh.restartControlPlane();
    const restarted = await enrol(one, 'reviews-7.shop');
    expect(restarted).toMatch(/its one use is spent/);
    const short = await token('reviews', { uses: 1, ttlMilliseconds: 50 });
    await eventually('it has ended', async () =>
      /expired on/.test(String(await enrol(short, 'reviews-1.shop', { claims: {} }))),
    );
    const ended = await enrol(short, 'reviews-1.shop');
    expect(ended).toMatch(/expired on/);
    const three = await token('frontend', { uses: 3 });
    const some = await Promise.all(Array.from({ length: 20 }, (_, index) => enrol(three, `frontend-${index}.shop`)));
    expect(some.filter((each) => typeof each !== 'string')).toHaveLength(3);
    console.log(
      'promise T3: 100 parallel uses of a one-use token: 1 success; 20 of one with three: 3; after a restart and after its end: 0 (one replica)',
    );
  });

  test('what would be refused anyhow costs no use, and a lost answer costs no second one', async () => {
    const one = await token('reviews');
    const wrong = await enrol(one, 'reviews-1.shop', { claims: claimsOf('frontend') });
    expect(wrong).toMatch(/allows "reviews", node.metadata.weft.service says "frontend"/);
    expect(await enrol(one, 'reviews-1.bank', { claims: { ...claimsOf('reviews'), namespace: 'bank' } })).toMatch(
      /"bank"/,
    );
    const foreign = await enrol(one, 'reviews-1.shop', { claims: claimsOf('reviews', { address: '10.9.9.9' }) });
    expect(foreign).toMatch(/allows address/);
    expect(left(one.id)).toBe(1);
    const keys = newKeys();
    const [first, second] = [
      await enrol(one, 'reviews-1.shop', { keys }),
      await enrol(one, 'reviews-1.shop', { keys }),
    ];
    expect([typeof first, typeof second, left(one.id)]).toEqual(['object', 'object', 0]);
    expect(await enrol(one, 'reviews-2.shop', { keys })).toMatch(/its one use is spent/);
    expect(await enrol(one, 'reviews-1.shop')).toMatch(/its one use is spent/);
    const two = await token('reviews', { uses: 2 });
    for (let request = 0; request < 2; request += 1) {
      expect(typeof (await enrol(two, 'reviews-3.shop', { keys }))).toBe('object');
      expect(left(two.id)).toBe(1);
    }
  });

  test('weft run keeps the key that it asks with until it has a certificate: however often the answer is lost, one use is enough', async () => {
    const one = await token('reviews');
    let lost = 0;
    const way = await startCuttingWay(address().port, () => {
      if (left(one.id) !== 0 || lost === 3) return false;
      lost += 1;
      return true;
    });
    opened.push(way);
    const folder = mkdtempSync(join(mesh.folder, 'lost-'));
    const own = {
      controlPlane: { ...address(), port: way.port },
      ...{ token: one, nodeId: 'reviews-4.shop', folder, timeout: 10_000 },
      metadata: { service: 'reviews', namespace: 'shop' },
    };
    for (let start = 0; start < 3; start += 1) await expect(askToJoin(own)).rejects.toMatchObject({ code: 'WEFT0901' });
    await askToJoin(own);
    expect([lost, left(one.id)]).toEqual([3, 0]);
    const keyOf = () => readFileSync(join(folder, 'current/key.pem'), 'utf8');
    const first = keyOf();
    expect(readdirSync(folder)).not.toContain('asking.pem');
    // What is renewed has another key.
    await renew(own);
    expect(keyOf()).not.toBe(first);
  });

  test('it opens no stream and no API itself; weft bootstrap gets a credential for it that ends with it', async () => {
    const one = await token('reviews');
    const authorization = `Bearer ${one.bearer.expose()}`;
    const bare = { service: 'reviews', namespace: 'shop' };
    expect(await opens(rawClient(), 'reviews-1.shop', bare, { authorization })).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/^WEFT0203 token \w+ is there to be spent, it opens no stream/),
    });
    expect(mesh.controlPlane().values.authenticate(one.bearer.expose())).toBeUndefined();
    const client = createControlPlaneClient(address(), one.bearer);
    opened.push(client);
    const bearer = await client.redeem('reviews-1.shop', JSON.stringify(bare), 10_000);
    await expect(client.redeem('reviews-1.shop', JSON.stringify(bare), 10_000)).rejects.toThrow(/spent/);
    // Who finds a credential in a log finds by its id what it was made for.
    expect(mesh.controlPlane().values.audit()).toContainEqual(
      expect.objectContaining({ what: 'redeem', result: 'done', words: `credential ${bearer.split('.')[0]}` }),
    );
    const raw = rawClient();
    expect(await opens(raw, 'reviews-1.shop', bare, { authorization: `Bearer ${bearer}` })).toBeUndefined();
    await mesh.controlPlane().values.tokens.revoke(one.id);
    const turnedOut = await opens(raw, 'reviews-1.shop', bare, { authorization: `Bearer ${bearer}` });
    expect(turnedOut).toMatchObject({ code: status.UNAUTHENTICATED, details: expect.stringMatching(/was revoked/) });
  });
});

describe('a token for several services', () => {
  const renewed = async ({ cert, key }: { readonly cert: string; readonly key: string }) => {
    const folder = mkdtempSync(join(mesh.folder, 'own-'));
    const held = { tokenId: '', nodeId: '', renewAt: 0, endsAt: 0 };
    holdIdentity(folder, { certificateChain: cert, privateKey: createPrivateKey(key), held });
    const client = createControlPlaneClient(address(), { identityFolder: folder });
    const keys = newKeys();
    const { certificateChain } = await client.renew(writeCsr(keys), 10_000).finally(client.close);
    return { cert: certificateChain, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  };
  const uriOf = ({ cert }: { readonly cert: string }) => new X509Certificate(cert).subjectAltName;
  const both = ['reviews', 'frontend'] as const;
  const sure = (made: Awaited<ReturnType<typeof enrol>>) => {
    if (typeof made === 'string') throw new Error(made);
    return made;
  };

  test('makes of who joins with it the one that it says, for good; another costs no use', async () => {
    const two = await token(both, { uses: 2 });
    const other = await enrol(two, 'payments-1.shop');
    expect(other).toMatch(/token \w+ allows one of "reviews", "frontend", node.metadata.weft.service says "payments"/);
    expect(other).not.toMatch(/spent/);
    expect(await enrol(two, 'reviews-1.shop', { claims: {} })).toMatch(/service is missing/);
    expect(left(two.id)).toBe(2);
    const keys = newKeys();
    const [reviews, frontend] = [
      sure(await enrol(two, 'reviews-1.shop', { keys })),
      // The same proxy twice, each time another service.
      sure(await enrol(two, 'reviews-1.shop', { claims: claimsOf('frontend') })),
    ];
    expect([left(two.id), uriOf(reviews), uriOf(frontend)]).toEqual([
      0,
      'URI:spiffe://demo.mesh/ns/shop/sa/reviews',
      'URI:spiffe://demo.mesh/ns/shop/sa/frontend',
    ]);
    // Whoever lost the answer is answered as what it joined as, and as nothing else.
    expect(uriOf(sure(await enrol(two, 'reviews-1.shop', { keys })))).toBe(uriOf(reviews));
    expect(await enrol(two, 'reviews-1.shop', { keys, claims: claimsOf('frontend') })).toMatch(/allows "reviews"/);
    const enrolled = mesh
      .controlPlane()
      .values.audit()
      .filter(({ what, who, result }) => what === 'enrol' && who === `token ${two.id}` && result === 'done');
    expect(enrolled.map(({ spiffeId }) => `URI:${spiffeId}`)).toEqual([reviews, frontend, reviews].map(uriOf));
    await mesh.restartControlPlane();
    for (const [own, service, foreign] of [
      [reviews, 'reviews', 'frontend'],
      [frontend, 'frontend', 'reviews'],
    ] as const) {
      const next = await renewed(own);
      expect(uriOf(next)).toBe(uriOf(own));
      for (const pair of [own, next])
        expect(await opens(rawClient(pair), 'reviews-1.shop', claimsOf(foreign))).toMatchObject({
          code: status.PERMISSION_DENIED,
          details: expect.stringContaining(`allows "${service}", node.metadata.weft.service says "${foreign}"`),
        });
    }
    expect(await opens(rawClient(await renewed(reviews)), 'reviews-1.shop', claimsOf('reviews'))).toBeUndefined();
  });

  test('all of them may have one account', async () => {
    const one = await token(both, { uses: 1, serviceAccount: 'shared' });
    const listed = mesh.controlPlane().values.tokens.list();
    expect(listed.find(({ id }) => id === one.id)).toMatchObject({
      services: both,
      identities: ['spiffe://demo.mesh/ns/shop/sa/shared'],
    });
    expect(uriOf(sure(await enrol(one, 'frontend-3.shop')))).toBe('URI:spiffe://demo.mesh/ns/shop/sa/shared');
  });

  test('weft bootstrap gets the credential of the one that it says; none for several is made', async () => {
    const one = await token(both);
    const listed = () => mesh.controlPlane().values.tokens.list();
    expect(listed().find(({ id }) => id === one.id)).toMatchObject({
      services: both,
      identities: both.map((service) => `spiffe://demo.mesh/ns/shop/sa/${service}`),
    });
    const client = createControlPlaneClient(address(), one.bearer);
    opened.push(client);
    const bare = (service: string) => ({ service, namespace: 'shop' });
    const redeem = (service: string) => client.redeem('frontend-8.shop', JSON.stringify(bare(service)), 10_000);
    await expect(redeem('payments')).rejects.toThrow(/allows one of "reviews", "frontend"/);
    const bearer = await redeem('frontend');
    expect(listed().find(({ from }) => from === one.id)).toMatchObject({ services: ['frontend'] });
    expect(mesh.controlPlane().values.audit()).toContainEqual(
      expect.objectContaining({
        what: 'redeem',
        result: 'done',
        spiffeId: 'spiffe://demo.mesh/ns/shop/sa/frontend',
        words: `credential ${bearer.split('.')[0]}`,
      }),
    );
    const authorization = `Bearer ${bearer}`;
    expect(await opens(rawClient(), 'frontend-8.shop', bare('reviews'), { authorization })).toMatchObject({
      details: expect.stringContaining('allows "frontend"'),
    });
    expect(await opens(rawClient(), 'frontend-8.shop', bare('frontend'), { authorization })).toBeUndefined();
    await expect(token(both, {})).rejects.toMatchObject({ code: 'WEFT0921' });
  });
});

describe('X8 a certificate speaks for the proxy that it was issued to', () => {
  test('as itself, and as nobody else; not without saying where the key is; not beside a token', async () => {
    const own = await joined('reviews');
    const raw = rawClient(own);
    expect(await opens(raw, 'reviews-1.shop', claimsOf('reviews'))).toBeUndefined();
    const denied = (words: RegExp) => ({ code: status.PERMISSION_DENIED, details: expect.stringMatching(words) });
    for (const [id, claims, words] of [
      ['reviews-2.shop', claimsOf('reviews'), /certificate of "reviews-1.shop" .* says "reviews-2.shop"/],
      ['frontend-1.shop', claimsOf('frontend'), /allows "reviews"/],
      ['reviews-1.bank', { ...claimsOf('reviews'), namespace: 'bank' }, /"bank"/],
      ['reviews-1.shop', { service: 'reviews', namespace: 'shop' }, /identityFolder is missing/],
      ['reviews-1.shop', claimsOf('reviews', { identityFolder: 'relative' }), /an absolute path/],
    ] as const)
      expect(await opens(raw, id, claims)).toMatchObject(denied(words));
    const bearer = parseToken(await mesh.token('reviews')).bearer.expose();
    const authorization = `Bearer ${bearer}`;
    expect(await opens(raw, 'reviews-1.shop', claimsOf('reviews'), { authorization })).toMatchObject({
      code: status.UNAUTHENTICATED,
    });
    expect(await opens(rawClient(), 'reviews-1.shop', claimsOf('reviews'), { authorization })).toMatchObject(
      denied(/identityFolder: token \w+ was shown/),
    );
  });

  test('others are nobody: one made by SDS, self-signed, of another authority, of another trust domain', async () => {
    const sds = await mesh.certificate('reviews');
    const elsewhere = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain: 'demo.mesh' });
    const foreign = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain: 'other.mesh' });
    const issued = [elsewhere, foreign].map((authority) =>
      authority.issue({ trustDomain: authority.trustDomain, namespace: 'shop', serviceAccount: 'reviews' }),
    );
    const self = selfSigned('reviews.shop');
    const shown = [
      ...[sds, ...issued].map(({ certificateChain, privateKey }) => ({
        cert: certificateChain,
        key: privateKey.expose(),
      })),
      { cert: self.certificate, key: self.key },
    ];
    for (const pair of shown)
      expect(await opens(rawClient(pair), 'reviews-1.shop', claimsOf('reviews'))).toMatchObject({
        code: status.UNAUTHENTICATED,
      });
    for (const authority of [elsewhere, foreign]) authority.dispose();
  });

  test('revoking the token ends the stream of who joined with it', async () => {
    const one = await token('frontend');
    const made = await enrol(one, 'frontend-9.shop');
    if (typeof made === 'string') throw new Error(made);
    const stream = rawClient(made).delta();
    const weft = JSON.parse(JSON.stringify(claimsOf('frontend')));
    stream.send({ node: { id: 'frontend-9.shop', metadata: { weft } }, typeUrl: clusterType });
    await stream.next();
    await mesh.controlPlane().values.tokens.revoke(one.id);
    expect(await stream.closed).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/was revoked/),
    });
    expect(await opens(rawClient(made), 'frontend-9.shop', weft)).toMatchObject({ code: status.UNAUTHENTICATED });
  });
});
