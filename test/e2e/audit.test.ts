import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { afterAll, expect, test } from 'vitest';
import { endpoints } from '../../src/admin/role-table.ts';
import { writeCsr } from '../../src/ca/write-csr.ts';
import { Secret } from '../../src/model/secret.ts';
import { createControlPlaneClient } from '../../src/sidecar/control-plane-client.ts';
import { holdIdentity, newKeys, type SidecarCredential } from '../../src/sidecar/own-identity.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { rawHttp } from '../support/raw-http.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';
import { serviceYaml, useTestMesh } from '../support/test-mesh.ts';

const mesh = useTestMesh(() => ({
  policies: { 'shop.yaml': serviceYaml('catalog') + serviceYaml('reviews') },
  settings: { 'admin.loopbackReads': false },
}));
const stops: (() => void)[] = [];
afterAll(() => {
  for (const stop of stops) stop();
});

interface Line {
  readonly what: string;
  readonly who: string;
  readonly from?: string;
  readonly about?: string;
  readonly words?: string;
  readonly serial?: string;
  readonly spiffeId?: string;
  readonly result: string;
}

const lines = () =>
  readFileSync(join(mesh().folder, 'state/audit.log'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): Line => JSON.parse(line));

/** What was done, with all that differs from run to run left out. */
function actOf({ what, who, about = '', result }: Line): string {
  const plain = (text: string) => text.replace(/\b(token|commit|root|issuing certificate) [\w-]{7,64}/g, '$1 …');
  return [what, result, `by ${plain(who) || 'nobody'}`, plain(about)].join(' ').trimEnd();
}

/** Asks the admin API through a socket: the status, and the answer as JSON, unchecked. */
async function ask(method: string, path: string, bearer: string | undefined, body?: object, host?: string) {
  const http = rawHttp(mesh().controlPlane().adminPort);
  const text = body === undefined ? '' : JSON.stringify(body);
  const answer = await http.ask(
    [
      `${method} ${path} HTTP/1.1`,
      `host: ${host ?? `127.0.0.1:${mesh().controlPlane().adminPort}`}`,
      ...(bearer === undefined ? [] : [`authorization: Bearer ${bearer}`]),
      ...(body === undefined ? [] : ['content-type: application/json', `content-length: ${text.length}`]),
    ],
    text,
  );
  http.close();
  return { status: answer.status, value: JSON.parse(answer.body) };
}

function callAs(credential: SidecarCredential) {
  const { xdsPort: port, rootPem } = mesh().controlPlane();
  const client = createControlPlaneClient({ host: '127.0.0.1', port, serverName: 'xds.weft', rootPem }, credential);
  stops.push(() => client.close());
  return client;
}

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'it was done',
    (error: unknown) => String(error),
  );

test('each issuance, join, publish, write and refusal is one line of the audit log, and there are no others', async () => {
  const operator = readFileSync(join(mesh().folder, 'state/operator.token'), 'utf8')
    .trim()
    .split('.')
    .slice(0, 2)
    .join('.');
  const secrets = [operator.split('.')[1] ?? ''];
  const made = async (words: object) => {
    const path = '/api/v1/tokens';
    const { status, value } = await ask('POST', path, operator, { services: ['catalog'], namespace: 'shop', ...words });
    expect(status).toBe(201);
    const bearer: string = value.token.split('.').slice(0, 2).join('.');
    secrets.push(bearer.split('.')[1] ?? '');
    return { id: String(value.id), bearer: new Secret(bearer) };
  };
  const claims = (more: object = {}) => JSON.stringify({ service: 'catalog', namespace: 'shop', ...more });

  // Who joins with a key of its own, and with the credential of a bare Envoy.
  const [one, bare] = [await made({}), await made({})];
  const keys = newKeys();
  const own = join(mesh().folder, 'own');
  mkdirSync(own, { mode: 0o700 });
  const enrolled = await callAs(one.bearer).enrol(
    'catalog-1.shop',
    writeCsr(keys),
    claims({ identityFolder: own }),
    5_000,
  );
  const held = { tokenId: one.id, nodeId: 'catalog-1.shop', renewAt: 0, endsAt: Date.now() + 60_000 };
  holdIdentity(own, { certificateChain: enrolled.certificateChain, privateKey: keys.privateKey, held });
  const renewed = await callAs({ identityFolder: own }).renew(writeCsr(newKeys()), 5_000);
  const bearer = await callAs(bare.bearer).redeem('catalog-2.shop', claims(), 5_000);
  secrets.push(bearer.split('.')[1] ?? '');
  expect(await refusal(callAs(one.bearer).enrol('catalog-3.shop', writeCsr(keys), claims(), 5_000))).toMatch(/spent/);
  expect(
    await refusal(callAs(new Secret('no.token')).enrol('catalog-3.shop', writeCsr(keys), claims(), 5_000)),
  ).toMatch(/is no token/);
  expect(await refusal(callAs(new Secret(bearer)).renew(writeCsr(keys), 5_000))).toMatch(/only a certificate/);
  expect(await refusal(callAs(bare.bearer).redeem('catalog-2.shop', claims(), 5_000))).toMatch(/spent/);

  // A real sidecar: its stream, and the certificate that it gets by SDS.
  const member = await mesh().join({ service: 'reviews' });
  await mesh().synced();
  const { xdsPort, rootPem, values } = mesh().controlPlane();
  const raw = connectRawClient(xdsPort, credentials.createSsl(Buffer.from(rootPem)));
  stops.push(() => raw.close());
  const stranger = { authorization: `Bearer ${bearer}x` };
  const refused = raw.delta(stranger);
  refused.send({ node: { id: 'catalog-2.shop' }, typeUrl: clusterType });
  expect((await refused.closed).details).toMatch(/WEFT0203/);
  const metrics = raw.stream('/envoy.service.metrics.v3.MetricsService/StreamMetrics', 'delta', stranger);
  expect((await metrics.closed).details).toMatch(/WEFT0203/);
  expect(await refusal(callAs(new Secret('no.token')).leave(member.id, 5_000))).toMatch(/is no token/);
  expect(await refusal(callAs(new Secret(bearer)).leave(member.id, 5_000))).toMatch(/speaks for service "catalog"/);

  // What a proxy refuses is withheld until somebody offers it again.
  const node = { id: 'catalog-2.shop', metadata: { weft: { service: 'catalog', namespace: 'shop' } } };
  const stream = raw.delta({ authorization: `Bearer ${bearer}` });
  stream.send({ node, typeUrl: clusterType });
  const { nonce, resources } = await stream.next(10_000);
  const bad = resources.map(({ name }) => name).find((name) => name.includes('reviews')) ?? '';
  const message = `Error adding/updating cluster(s) ${bad}: wrong`;
  stream.send({ typeUrl: clusterType, responseNonce: nonce, errorDetail: { code: 3, message } });
  await eventually('it is withheld', () => values.refused().some(({ resource }) => resource === bad));
  expect((await ask('POST', '/debug/nackz', operator, { resource: bad })).status).toBe(200);
  expect((await ask('POST', '/debug/nackz', operator, { resource: 'nothing' })).status).toBe(404);
  stream.cancel();
  await member.sidecar.kill();
  await eventually('both have left', () => lines().filter(({ what }) => what === 'leave').length === 2);

  // The API: whoever is nobody, a workload, another site; and each write.
  expect((await ask('GET', '/api/v1/tokens', undefined)).status).toBe(401);
  expect((await ask('GET', '/metrics', 'no.token')).status).toBe(401);
  expect((await ask('GET', '/api/v1/tokens', bearer)).status).toBe(403);
  expect((await ask('POST', '/api/v1/sync', bearer)).status).toBe(403);
  expect((await ask('GET', '/api/v1/status', operator, undefined, 'rebound.test')).status).toBe(403);
  expect((await ask('POST', '/api/v1/tokens', operator, { services: ['Catalog!'], namespace: 'shop' })).status).toBe(
    400,
  );
  expect((await ask('POST', '/api/v1/sync', operator)).status).toBe(200);
  expect((await ask('DELETE', `/api/v1/tokens/${one.id}`, operator)).status).toBe(200);
  expect((await ask('DELETE', '/api/v1/tokens/0123456789ab', operator)).status).toBe(404);
  const rotation = (body: object) => ask('POST', '/api/v1/certificates/rotation', operator, body);
  expect((await rotation({ step: 'activate' })).status).toBe(409);
  await eventually('nobody is awaited', () => values.rotation.status().proxies === 0, 10_000);
  for (const body of [{ step: 'prepare' }, { step: 'abort' }, { compromised: true }]) {
    expect((await rotation(body)).status).toBe(200);
  }
  // There is no way back to a compromised root.
  for (const step of ['activate', 'finish']) {
    const back = await rotation({ step: 'abort' });
    expect([back.status, back.value.code]).toEqual([409, 'WEFT0306']);
    expect((await rotation({ step })).status).toBe(200);
  }
  await mesh().commit({ 'bad.yaml': 'kind: Nothing\n' });

  const written = lines();
  const acts = new Set(written.map(actOf));
  const from = 'from the port';
  const expected: Readonly<Record<string, 'from the port' | 'of itself'>> = {
    'issue done by control plane root …': 'of itself',
    'issue done by control plane issuing certificate …': 'of itself',
    'issue done by control plane xds port': 'of itself',
    'issue done by control plane': 'of itself',
    'root done by control plane root …': 'of itself',
    'token done by control plane token …': 'of itself',
    'publish done by Ana commit …': 'of itself',
    'publish refused by Ana commit …': 'of itself',
    'token done by operator token …': from,
    'revoke done by operator token …': from,
    'enrol done by token … catalog-1.shop': from,
    'enrol refused by token … catalog-3.shop': from,
    'enrol refused by nobody': from,
    'renew done by catalog-1.shop catalog-1.shop': from,
    'renew refused by nobody': from,
    'redeem done by token … catalog-2.shop': from,
    'redeem refused by token … catalog-2.shop': from,
    'join done by token … reviews-1.shop': from,
    'join done by token … catalog-2.shop': from,
    'join refused by nobody': from,
    'leave done by token … reviews-1.shop': from,
    'leave done by token … catalog-2.shop': from,
    'call refused by nobody /envoy.service.metrics.v3.MetricsService/StreamMetrics': from,
    'call refused by nobody /weft.v1.Membership/Leave': from,
    'call refused by token … /weft.v1.Membership/Leave': from,
    [`admin done by operator nackz ${bad}`]: from,
    'admin done by operator sync': from,
    'admin done by operator rotation prepare': from,
    'admin done by operator rotation abort': from,
    'admin done by operator rotation compromised': from,
    'admin done by operator rotation activate': from,
    'admin done by operator rotation finish': from,
    'admin refused by operator POST /debug/nackz': from,
    'admin refused by operator POST /api/v1/tokens': from,
    'admin refused by operator POST /api/v1/certificates/rotation': from,
    'admin refused by operator DELETE /api/v1/tokens/:id': from,
    'admin refused by nobody GET /api/v1/tokens': from,
    'admin refused by nobody GET /metrics': from,
    'admin refused by nobody GET /api/v1/status': from,
    'admin refused by spiffe://demo.mesh/ns/shop/sa/catalog GET /api/v1/tokens': from,
    'admin refused by spiffe://demo.mesh/ns/shop/sa/catalog POST /api/v1/sync': from,
  };
  expect([...acts].sort()).toEqual(Object.keys(expected).sort());
  for (const line of written) {
    const act = actOf(line);
    if (expected[act] === from) expect(line.from, act).toMatch(/^127\.\d+\.\d+\.\d+:\d+$/);
    if (line.result === 'refused') expect(line.words, act).toMatch(line.what === 'publish' ? /error/ : /^WEFT\d{4} /);
  }
  // A write that nobody wrote a line for, because it is newer than this test, fails here.
  const writes = endpoints.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`);
  expect(writes.sort()).toEqual([
    'DELETE /api/v1/tokens/:id',
    'POST /api/v1/certificates/rotation',
    'POST /api/v1/sync',
    'POST /api/v1/tokens',
    'POST /debug/nackz',
  ]);

  // Each certificate that somebody holds: of the mesh, of a key of its own, the control plane's, its issuers, its roots.
  // In DER a zero may stand in front, which TLS does not show.
  const numberOf = (serial: string) => serial.toLowerCase().replace(/^0+/, '');
  const serials = new Set(written.flatMap(({ serial }) => (serial === undefined ? [] : numberOf(serial))));
  const links = [enrolled, renewed].flatMap(
    ({ certificateChain }) => certificateChain.match(/-----BEGIN[\s\S]+?-----END[^-]+-----/g) ?? [],
  );
  const shown = [...links, ...(rootPem.match(/-----BEGIN[\s\S]+?-----END[^-]+-----/g) ?? [])];
  const known = shown.map((pem) => numberOf(new X509Certificate(pem).serialNumber));
  const listed = values.certificates().certificates.map(({ serial }) => numberOf(serial));
  expect([...known, ...listed].filter((serial) => !serials.has(serial))).toEqual([]);
  expect(known.length + listed.length).toBeGreaterThan(4);
  // Three steps of one rotation and three of the next, the first roots before them: a line for each.
  expect(written.filter(({ what }) => what === 'root').map(({ words }) => words?.split(':')[0])).toEqual([
    'steady',
    'prepared',
    'steady',
    'prepared',
    'activated',
    'steady',
  ]);
  const text = readFileSync(join(mesh().folder, 'state/audit.log'), 'utf8');
  expect(secrets.filter((secret) => secret === '' || text.includes(secret))).toEqual([]);
  console.log(
    `${written.length} lines for ${acts.size} kinds of acts, ${known.length + listed.length} of ${known.length + listed.length} certificates, 0 secrets`,
  );
}, 60_000);
