import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endpoints } from '../../src/admin/role-table.ts';
import { parseToken } from '../../src/ca/token.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { roleTable } from '../support/golden-roles.ts';
import { type RawAnswer, rawHttp } from '../support/raw-http.ts';
import { connectRawClient, type RawClient } from '../support/raw-xds-client.ts';
import { serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

/* T5 and T22 at the API of a running control plane: over TCP, with tokens that it made itself. The bytes of each request are the test's own. */

let [open, closed]: TestMesh[] = [];
const streams: RawClient[] = [];
const bearers = { frontend: '', payments: '', operator: '', revoked: '' };
const own = 'frontend-1.shop';
const others = ['payments-1.shop', 'reviews-1.shop'];

beforeAll(async () => {
  const policies = { 'shop.yaml': ['frontend', 'payments', 'reviews'].map((name) => serviceYaml(name)).join('') };
  [open, closed] = await Promise.all([
    startTestMesh({ policies }),
    startTestMesh({ policies, settings: { 'admin.loopbackReads': false } }),
  ]);
  for (const service of ['frontend', 'payments'] as const) bearers[service] = await joins(service);
  await joins('reviews', 'not today');
  bearers.operator = bearerOf(readFileSync(join(mesh().folder, 'state/operator.token'), 'utf8').trim());
  const { tokens } = mesh().controlPlane().values;
  const { token, secret } = await tokens.create({ services: ['frontend'], namespace: 'shop' });
  await tokens.revoke(token.id);
  bearers.revoked = bearerOf(secret.expose());
});
afterAll(async () => {
  for (const stream of streams) stream.close();
  await Promise.all([open?.close(), closed?.close()]);
});

function mesh(loopbackReads = true): TestMesh {
  const found = loopbackReads ? open : closed;
  if (found === undefined) throw new Error('the mesh is not started yet');
  return found;
}
const bearerOf = (text: string) => parseToken(text).bearer.expose();

/** Joins as the first workload of a service. With `refusal` it refuses the clusters that it gets: something for /debug/nackz. */
async function joins(service: string, refusal?: string): Promise<string> {
  const { xdsPort, rootPem, values } = mesh().controlPlane();
  const client = connectRawClient(xdsPort, credentials.createSsl(Buffer.from(rootPem)));
  streams.push(client);
  const bearer = bearerOf(await mesh().token(service));
  const stream = client.delta({ authorization: `Bearer ${bearer}` });
  const id = `${service}-1.shop`;
  stream.send({ node: { id, metadata: { weft: { service, namespace: 'shop' } } }, typeUrl: clusterType });
  const { nonce } = await stream.next();
  const errorDetail = refusal === undefined ? undefined : { code: 13, message: refusal };
  stream.send({ typeUrl: clusterType, responseNonce: nonce, ...(errorDetail && { errorDetail }) });
  const status = () => values.proxies().find(({ name }) => id === `${name}.shop`)?.status;
  await eventually(`${id} is in the mesh`, () => status() === 'REJECTED' || (status() && refusal === undefined));
  return bearer;
}

interface Asked {
  readonly method: string;
  readonly target: string;
  readonly bearer?: string;
  readonly body?: string;
  /** Absent: the address of the listener. */
  readonly host?: string;
  readonly headers?: readonly string[];
}

/** One request on a connection of its own. A connection that is closed without a word counts as status 0. */
async function ask({ controlPlane }: TestMesh, asked: Asked): Promise<RawAnswer> {
  const port = controlPlane().adminPort;
  const { method, target, bearer, body, host = `127.0.0.1:${port}`, headers = [] } = asked;
  const client = rawHttp(port);
  const head = [
    `${method} ${target} HTTP/1.1`,
    ...(host === '' ? [] : [`host: ${host}`]),
    ...(bearer === undefined ? [] : [`authorization: Bearer ${bearer}`]),
    ...(body === undefined ? [] : [`content-length: ${body.length}`]),
    ...(body === undefined || headers.some((each) => each.startsWith('content-type')) ? [] : [json]),
    ...headers,
  ];
  try {
    return await client.ask(head, body);
  } catch {
    return { status: 0, headers: new Map(), body: '' };
  } finally {
    client.close();
  }
}
const json = 'content-type: application/json';

/** What is asked at an address so that only who asks can be wrong with it. */
async function questionAt(method: string, path: string): Promise<Asked> {
  const { values } = mesh().controlPlane();
  const queries: Readonly<Record<string, string>> = {
    '/debug/config_dump': `?proxyID=${own}`,
    '/debug/edsz': `?proxyID=${own}`,
    '/debug/ir': `?proxyID=${own}`,
    '/api/v1/describe': '?kind=service&name=frontend&namespace=shop',
    '/api/v1/route': '?host=payments.shop',
    '/api/v1/authz': '?host=payments.shop',
    '/api/v1/check': '?host=payments.shop',
  };
  const bodies: Readonly<Record<string, object>> = {
    '/api/v1/tokens': { kind: 'credential', services: ['payments'], namespace: 'shop' },
    '/debug/nackz': { resource: values.refused()[0]?.resource },
    '/api/v1/certificates/rotation': { step: 'prepare' },
  };
  const victim = path.includes('/tokens/')
    ? (await values.tokens.create({ services: ['payments'], namespace: 'shop' })).token.id
    : own;
  const body = method === 'POST' ? bodies[path] : undefined;
  const target = `${path.replace(':id', victim)}${queries[path] ?? ''}`;
  return { method, target, ...(body && { body: JSON.stringify(body) }) };
}

test('T5 a running control plane answers each role as the golden table says', async () => {
  // Columns of the table; it makes no tokens of viewers and admins.
  const askers: readonly { readonly column: number; readonly loopbackReads: boolean; readonly bearer?: string }[] = [
    { column: 0, loopbackReads: false },
    { column: 1, loopbackReads: true },
    { column: 2, loopbackReads: true, bearer: 'no.token' },
    { column: 2, loopbackReads: true, bearer: bearers.revoked },
    { column: 3, loopbackReads: true, bearer: bearers.frontend },
    { column: 4, loopbackReads: true, bearer: bearers.payments },
    { column: 6, loopbackReads: true, bearer: bearers.operator },
  ];
  const rows = roleTable.trim().split('\n');
  const differences: string[] = [];
  let [asked, told] = [0, 0];
  for (const row of rows) {
    const [method = '', path = '', ...cells] = row.split(/\s+/);
    for (const { column, loopbackReads, bearer } of askers) {
      const question = await questionAt(method, path);
      const { status, body } = await ask(mesh(loopbackReads), { ...question, ...(bearer && { bearer }) });
      asked += 1;
      const got = status >= 200 && status < 300 ? 'ok' : String(status);
      if (got !== cells[column]) differences.push(`${method} ${path}, column ${column}: ${got}, ${body}`);
      if (column !== 3 || got !== 'ok') continue;
      told += 1;
      if (others.some((other) => body.includes(other)))
        differences.push(`${method} ${path} tells one workload of another`);
    }
  }
  expect(differences).toEqual([]);
  expect(rows).toHaveLength(endpoints.length);
  console.log(
    `promise T5: ${rows.length} endpoints × ${askers.length} askers (nobody, a reader on loopback, a wrong and a revoked token, a workload, ` +
      `another, an operator) over TCP: ${asked} answers, 0 differ from the table; ${told} answers to a workload: 0 of another`,
  );
});

/** What a page of another site can have a browser send, or a name that resolves to loopback: `at` is the port of the listener. */
function foreignRequests(at: number): readonly Pick<Asked, 'host' | 'headers'>[] {
  const rebound = ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '127.0.0.1@evil.example'];
  const near = [
    '127.0.0.2',
    '0.0.0.0',
    '[::2]',
    '[::ffff:127.0.0.1]',
    '2130706433',
    '0x7f000001',
    '127.1',
    'localhost.',
  ];
  const own = `127.0.0.1:${at}`;
  const origins = [
    'http://evil.example',
    'null',
    `https://${own}`,
    'http://127.0.0.1',
    `http://localhost:${at}`,
    `http://${own}.evil.example`,
    `http://${own}/`,
  ];
  return [
    ...[...rebound, ...near].map((name) => ({ host: `${name}:${at}` })),
    ...[
      '127.0.0.1',
      `localhost:${at + 1}`,
      '127.0.0.1:0',
      `${own}0`,
      `evil.example, ${own}`,
      '',
      `evil.example\r\nhost: ${own}`,
    ].map((host) => ({ host })),
    ...origins.map((origin) => ({ headers: [`origin: ${origin}`] })),
    // What asks for a socket or a stream of events is a GET, too.
    {
      headers: [
        'origin: http://evil.example',
        'connection: upgrade',
        'upgrade: websocket',
        'sec-websocket-version: 13',
      ],
    },
    { headers: ['origin: http://evil.example', 'accept: text/event-stream'] },
    { headers: ['origin: http://evil.example', 'sec-fetch-site: cross-site', 'sec-fetch-mode: no-cors'] },
  ];
}

test('T22 nothing that a page of another site can send reads or changes anything', async () => {
  const { controlPlane } = mesh();
  const { values, adminPort: at } = controlPlane();
  await joins('reviews', 'nor today');
  const state = () => JSON.stringify([values.tokens.list().length, values.rotation.status(), values.refused()]);
  const reads = await Promise.all(
    ['/api/v1/status', '/api/v1/policies', '/debug/configz', '/metrics'].map((path) => questionAt('GET', path)),
  );
  const writes = await Promise.all(
    endpoints.filter(({ method }) => method !== 'GET').map(({ method, path }) => questionAt(method, path)),
  );
  const before = state();
  // Reading needs no token here; whoever changes something shows one that may.
  const asked = [
    ...[...reads, ...writes].flatMap((question) => foreignRequests(at).map((foreign) => ({ ...question, ...foreign }))),
    ...writes.flatMap((question) =>
      [
        ['sec-fetch-site: cross-site'],
        ['sec-fetch-site: same-site'],
        ['content-type: text/plain', 'sec-fetch-site: cross-site'],
        ['origin: http://evil.example', 'content-type: application/x-www-form-urlencoded'],
      ].map((headers) => ({ ...question, headers })),
    ),
    ...reads.map((question) => ({ ...question, target: `http://evil.example${question.target}` })),
    ...reads.map((question) => ({
      ...question,
      method: 'OPTIONS',
      headers: ['origin: http://evil.example', 'access-control-request-method: GET'],
    })),
    ...writes.map((question) => ({
      ...question,
      headers: ['x-http-method-override: GET', 'origin: http://evil.example'],
    })),
  ].map((each) => (each.method === 'GET' || each.method === 'OPTIONS' ? each : { ...each, bearer: bearers.operator }));
  const succeeded: string[] = [];
  const answers: Record<number, number> = {};
  for (const each of asked) {
    const { status, headers } = await ask(mesh(), each);
    answers[status] = (answers[status] ?? 0) + 1;
    const isRefused = [0, 400, 403, 404].includes(status) && !headers.has('access-control-allow-origin');
    if (!isRefused) succeeded.push(`${JSON.stringify(each)}: ${status}`);
  }
  expect(succeeded).toEqual([]);
  expect(state()).toBe(before);
  // The same from its own origin.
  for (const question of [...reads, ...writes]) {
    const headers = [`origin: http://localhost:${at}`, 'sec-fetch-site: same-origin'];
    const own = { ...question, host: `localhost:${at}`, headers, bearer: bearers.operator };
    const { status, body } = await ask(mesh(), own);
    expect(status, `${question.method} ${question.target} ${body}`).toBeLessThan(300);
  }
  const counts = Object.entries(answers).map(([status, count]) => `${status}: ${count}`);
  console.log(
    `promise T22: ${asked.length} requests of other origins, Hosts and forms at ${reads.length} addresses that loopback reads and ` +
      `${writes.length} that change something, over TCP: 0 succeed (${counts.join(', ')}), nothing changed; the same of its own origin pass`,
  );
});
