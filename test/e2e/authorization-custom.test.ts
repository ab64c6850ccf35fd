import { once } from 'node:events';
import { Agent } from 'node:http';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeEach, expect, test } from 'vitest';
import type { AuthorizationAnswer } from '../../src/model/authorization-answer.ts';
import type { CheckRequest } from '../../src/proto/gen/envoy/service/auth/v3/external_auth_pb.ts';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { listenAuthorizer } from '../support/grpc-authorizer.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, meshTls } from '../support/mesh-client.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/*
 * CUSTOM (P39): an authorizer in the mesh is asked, by mesh TLS, about what the rules match and about nothing else; without its answer
 * requests are refused.
 */

const policy = (name: string, spec: string) => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: { selector: { matchLabels: { app: catalog } }, ${spec} }
`;
const ask = (provider: string, rules = '[{ to: [{ operation: { paths: ["/asked*"], ports: ["9080"] } }] }]') =>
  policy('ask', `action: CUSTOM, provider: { name: ${provider} }, rules: ${rules}`);
const providers = `extensionProviders:
- name: judge
  envoyExtAuthzHttp:
    service: judge.shop.svc.cluster.local
    port: 80
    timeout: 1s
    pathPrefix: /check
    includeRequestHeadersInCheck: [x-ask]
    includeAdditionalHeadersInCheck: { x-mesh: demo }
    includeRequestBodyInCheck: { maxRequestBytes: 16, allowPartialMessage: true }
    headersToUpstreamOnAllow: [x-user]
    headersToDownstreamOnDeny: [x-why]
- name: nobody
  envoyExtAuthzHttp: { service: judge.shop.svc.cluster.local, port: 81, timeout: 0.2s, statusOnError: "503" }
- name: patient
  envoyExtAuthzHttp: { service: judge.shop.svc.cluster.local, port: 81, timeout: 0.2s, failOpen: true }
- name: typed
  envoyExtAuthzGrpc: { service: judge.shop.svc.cluster.local, port: 90, timeout: 1s }
- name: judge-open
  envoyExtAuthzHttp: { service: judge.shop.svc.cluster.local, port: 80, timeout: 1s, failOpen: true, statusOnError: "503" }
- name: typed-open
  envoyExtAuthzGrpc: { service: judge.shop.svc.cluster.local, port: 90, timeout: 1s, failOpen: true }
- name: empty
  envoyExtAuthzHttp: { service: empty.shop.svc.cluster.local, port: 80, timeout: 1s }
- name: empty-503
  envoyExtAuthzHttp: { service: empty.shop.svc.cluster.local, port: 80, timeout: 1s, statusOnError: "503" }
- name: empty-open
  envoyExtAuthzHttp: { service: empty.shop.svc.cluster.local, port: 80, timeout: 1s, failOpen: true }
- name: empty-typed
  envoyExtAuthzGrpc: { service: empty.shop.svc.cluster.local, port: 90, timeout: 1s }
- name: empty-typed-open
  envoyExtAuthzGrpc: { service: empty.shop.svc.cluster.local, port: 90, timeout: 1s, failOpen: true }
- name: dead
  envoyExtAuthzGrpc: { service: judge.shop.svc.cluster.local, port: 91, timeout: 1s, statusOnError: "503" }
- name: typed-503
  envoyExtAuthzGrpc: { service: judge.shop.svc.cluster.local, port: 90, timeout: 1s, statusOnError: "503" }
`;

let catalog: Application;
let judge: Application;
/** Where both authorizers are. */
let bench: string;
let typed: Awaited<ReturnType<typeof listenAuthorizer>>;
let server: Member;
let frontend: Member;
const heard: { url?: string; headers: Readonly<Record<string, unknown>>; body: string }[] = [];
const stops: (() => void)[] = [];

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'catalog.yaml': serviceYaml(
        'catalog',
        '[{ name: http, port: 80, targetPort: 9080 }, { name: tcp, port: 90, targetPort: 9100 }]',
      ),
      'judge.yaml': serviceYaml(
        'judge',
        '[{ name: http, port: 80, targetPort: 9200 }, { name: http-gone, port: 81, targetPort: 9201 }, { name: grpc, port: 90, targetPort: 9202 }, { name: grpc-dead, port: 91, targetPort: 9203 }]',
      ),
      'empty.yaml': serviceYaml('empty', '[{ name: http, port: 80 }, { name: grpc, port: 90 }]'),
      'meshconfig.yaml': providers,
    },
  }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    const bytes = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.pipe(socket);
    });
    bytes.listen(9100, address);
    await once(bytes, 'listening');
    stops.push(() => bytes.close());
    const ports = [{ port: 9080 }, { port: 9100, protocol: 'tcp' as const }];
    server = await started.join({ service: 'catalog', address, ports });
    frontend = await started.join({ service: 'frontend' });
    bench = started.nextAddress();
    judge = await startApplication({ address: bench, port: 9200 }, 'judge', async (request, response) => {
      heard.push({ url: request.url ?? '', headers: request.headers, body: await text(request) });
      const asked = String(request.headers['x-ask']);
      if (asked === 'never') await once(response, 'close');
      response.statusCode = asked === 'yes' ? 200 : Number(asked) || 403;
      response
        .setHeader('x-user', 'ann')
        .setHeader('x-why', 'because')
        .setHeader('x-secret', 's')
        .end('said the judge');
    });
    typed = await listenAuthorizer({ address: bench, port: 9202 }, ({ attributes }: CheckRequest) => {
      const http = attributes?.request?.http;
      return http ? http.headers['x-ask'] === 'yes' : attributes?.source?.principal.endsWith('/frontend') === true;
    });
    const http = 'http' as const;
    const grpc = 'grpc' as const;
    await started.join({
      service: 'judge',
      address: bench,
      ports: [
        { port: 9200, protocol: http },
        { port: 9201, protocol: http },
        { port: 9202, protocol: grpc },
        { port: 9203, protocol: grpc },
      ],
    });
    await started.synced();
  },
);
afterAll(async () => {
  typed?.close();
  for (const stop of stops) stop();
  await catalog?.close();
  await judge?.close();
});
beforeEach(() => {
  heard.length = 0;
});

const enforce = (yaml: string) => mesh().apply({ 'authz.yaml': yaml });
const call = (path: string, asked?: string, more: { method?: string; body?: string; agent?: Agent } = {}) =>
  fetchOnce({
    host: frontend.address,
    port: mesh().localPort('catalog', 80),
    path,
    headers: { 'x-user': 'forged', 'x-other': 'o', ...(asked === undefined ? {} : { 'x-ask': asked }) },
    ...more,
  });

test('an authorizer over HTTP: its words decide, and only what is to be asked about is', async () => {
  await enforce(ask('judge'));
  const before = catalog.requests();
  expect((await call('/free')).status).toBe(200);
  expect(heard).toEqual([]);
  expect((await call('/asked?q=1', 'yes', { method: 'POST', body: 'a'.repeat(40) })).status).toBe(200);
  expect(catalog.lastHeaders()).toMatchObject({ 'x-user': 'ann' });
  expect(catalog.lastHeaders()).not.toHaveProperty('x-secret');
  expect(heard).toMatchObject([{ url: '/check/asked?q=1', body: 'a'.repeat(16), headers: { 'x-mesh': 'demo' } }]);
  expect(heard[0]?.headers).not.toHaveProperty('x-other');
  expect(await call('/asked', 'no')).toMatchObject({
    status: 403,
    body: 'said the judge',
    headers: { 'x-why': 'because' },
  });
  for (const code of [201, 302, 429]) expect((await call('/asked', `${code}`)).status).toBe(code);
  // What it cannot decide is refused.
  for (const code of [500, 503]) expect(await call('/asked', `${code}`)).toMatchObject({ status: 403, body: '' });
  // So is what it has not decided in its time.
  const began = performance.now();
  expect(await call('/asked', 'never')).toMatchObject({ status: 403, body: '' });
  expect(performance.now() - began).toBeGreaterThan(950);
  expect(catalog.requests()).toBe(before + 2);
});

test('other policies decide as well, and a refusal of theirs stands', async () => {
  await enforce(ask('judge') + policy('closed', 'action: DENY, rules: [{ to: [{ operation: { methods: [PUT] } }] }]'));
  expect((await call('/asked', 'yes')).status).toBe(200);
  expect((await call('/asked', 'yes', { method: 'PUT' })).status).toBe(403);
});

test('a provider that nobody serves refuses, or lets pass where that is wanted', async () => {
  await enforce(ask('nobody'));
  expect((await call('/asked', 'yes')).status).toBe(503);
  expect((await call('/free')).status).toBe(200);
  await enforce(ask('patient'));
  expect((await call('/asked', 'yes')).status).toBe(200);
});

test('a change of the provider acts on the next request of an open connection', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const answers: (readonly [number, number])[] = [];
  for (const yaml of [ask('judge'), ask('nobody'), ask('typed'), policy('none', 'rules: [{}]'), ask('judge')]) {
    await enforce(yaml);
    const { status, localPort } = await call('/asked', 'no', { agent });
    answers.push([status, localPort]);
  }
  agent.destroy();
  expect(answers.map(([status]) => status)).toEqual([403, 503, 429, 200, 403]);
  expect(new Set(answers.map(([, port]) => port)).size).toBe(1);
});

test('an authorizer over gRPC sees who calls, and answers in its own words', async () => {
  await enforce(ask('typed'));
  typed.heard.length = 0;
  expect((await call('/asked', 'yes')).status).toBe(200);
  expect(await call('/asked', 'no')).toMatchObject({ status: 429, body: 'not by gRPC' });
  expect((await call('/free')).status).toBe(200);
  expect(typed.heard.length).toBe(2);
  expect(typed.heard[0]?.attributes?.source?.principal).toBe('spiffe://demo.mesh/ns/shop/sa/frontend');
});

test('an authorizer whose own sidecar lets in nothing: what callers get is what weft authz says', async () => {
  const nobody = policy('judge-callers', 'rules: []').replace('app: catalog', 'app: judge');
  const seen: unknown[] = [];
  typed.heard.length = 0;
  for (const provider of ['judge', 'judge-open', 'typed', 'typed-open', 'typed-503']) {
    await enforce(ask(provider) + nobody);
    const { status, body } = await call('/asked', 'yes');
    const question = `from=frontend&namespace=shop&host=catalog&port=80&path=${encodeURIComponent('/asked')}`;
    const answered = await fetch(`http://127.0.0.1:${mesh().controlPlane().adminPort}/api/v1/authz?${question}`);
    const { answers } = (await answered.json()) as AuthorizationAnswer;
    const said = answers.map((answer) => answer.status ?? answer.outcome);
    seen.push([provider, status, body === 'RBAC: access denied', ...said]);
    expect(answers[0]?.unanswered?.text).toBe('judge.shop refuses catalog.shop: no ALLOW rule lets it in');
  }
  expect(seen).toEqual([
    ['judge', 403, true, 403],
    ['judge-open', 403, true, 403],
    ['typed', 403, false, 403],
    ['typed-open', 200, false, 'allowed'],
    ['typed-503', 503, false, 503],
  ]);
  expect([heard, typed.heard.length]).toEqual([[], 0]);
});

/** What `weft check` and `weft authz` say of a call, and the mark of authz. */
const told = async (port: number) => {
  const words = ['--from', 'frontend', '--to', `catalog:${port}`, '--path', '/asked', '-n', 'shop'];
  const cp = ['--cp', `http://127.0.0.1:${mesh().controlPlane().adminPort}`];
  const check = await runVerb(['check', ...words, ...cp], { cwd: mesh().folder });
  const authz = await runVerb(['authz', ...words, ...cp, '-o', 'json'], { cwd: mesh().folder });
  const { answers } = JSON.parse(authz.stdout) as AuthorizationAnswer;
  return { check, answer: answers[0] };
};

test('an authorizer without an endpoint: what callers get is what weft authz says, and weft check says why', async () => {
  const seen: unknown[] = [];
  for (const provider of ['empty', 'empty-503', 'empty-open', 'empty-typed', 'empty-typed-open']) {
    await enforce(ask(provider));
    const { status } = await call('/asked', 'yes');
    const { check, answer } = await told(80);
    const [mark] = /. authz/.exec(check.stdout) ?? [];
    seen.push([provider, status, answer?.status ?? answer?.outcome, mark]);
    expect(check.stdout).toMatch(
      /authz .*does not answer +policies\/authz\.yaml:5\n. authz +empty\.shop has no endpoint at port .* policies\/meshconfig\.yaml:\d+/,
    );
    expect(check.stdout).toContain('fix    start a workload of empty.shop');
  }
  expect(seen).toEqual([
    ['empty', 403, 403, '× authz'],
    ['empty-503', 503, 503, '× authz'],
    ['empty-open', 200, 'allowed', '‼ authz'],
    ['empty-typed', 403, 403, '× authz'],
    ['empty-typed-open', 200, 'allowed', '‼ authz'],
  ]);
});

const bytes = '[{ to: [{ operation: { ports: ["9100"] } }] }]';
const overHttp = async () => (await call('/asked', 'yes')).status;
const overTcp = async () => {
  const to = { host: server.address, port: server.inbound(9100) };
  const socket = await meshTls(to, await mesh().certificate('frontend'));
  socket.end('ping');
  return (await exchange(socket)).received;
};
const http201 = () => startApplication({ address: bench, port: 9201 }, 'back');
const grpc203 = () => listenAuthorizer({ address: bench, port: 9203 }, () => true);

test.each<{
  of: string;
  provider: string;
  port: number;
  calls: () => Promise<unknown>;
  starts: typeof http201 | typeof grpc203;
  gets: unknown;
  passes: unknown;
  said: string;
}>([
  {
    of: 'HTTP',
    provider: 'nobody',
    port: 80,
    calls: overHttp,
    starts: http201,
    gets: 503,
    passes: 200,
    said: '× authz +503',
  },
  {
    of: 'HTTP, which lets in',
    provider: 'patient',
    port: 80,
    calls: overHttp,
    starts: http201,
    gets: 200,
    passes: 200,
    said: '‼ authz +allowed by failOpen',
  },
  {
    of: 'gRPC',
    provider: 'dead',
    port: 80,
    calls: overHttp,
    starts: grpc203,
    gets: 503,
    passes: 200,
    said: '× authz +503',
  },
  {
    of: 'gRPC about bytes',
    provider: 'dead',
    port: 90,
    calls: overTcp,
    starts: grpc203,
    gets: '',
    passes: 'ping',
    said: '× authz +closed',
  },
])(
  'an authorizer over $of that has an endpoint and no program is told, until it has answered',
  async ({ provider, port, calls, starts, gets, passes, said }) => {
    const line = providers.split('\n').indexOf(`- name: ${provider}`) + 1;
    const begun = mesh().log.length;
    await enforce(ask(provider, port === 80 ? undefined : bytes));
    for (let each = 0; each < 3; each += 1) expect(await calls()).toBe(gets);
    const [cp, cwd] = [`http://127.0.0.1:${mesh().controlPlane().adminPort}`, mesh().folder];
    const described = async (kind: string, name: string) =>
      (await runVerb(['describe', kind, name, '--cp', cp], { cwd })).stdout;
    const check = await eventually('it is told', async () => {
      // What the one before was asked may be counted in the same report.
      expect(await calls()).toBe(gets);
      const { check } = await told(port);
      return check.stdout.includes('does not answer') && check;
    });
    if (said.startsWith('×')) expect(check.code).toBe(1);
    expect(check.stdout).toMatch(
      new RegExp(
        `${said}: the authorizer ${provider} is asked, and does not answer +policies/authz.yaml:5\n. authz +judge.shop did not answer catalog-1.shop at port \\d+: \\d+ questions? failed .*policies/meshconfig.yaml:${line}\n +fix +judge.shop:\\d+ must answer within`,
      ),
    );
    for (const text of [
      await described('workload', 'catalog-1.shop'),
      await described('policy', 'AuthorizationPolicy/shop/ask'),
    ])
      expect(text).toMatch(
        new RegExp(`the authorizer ${provider} at judge.shop:\\d+ does not answer .*meshconfig.yaml:${line}`),
      );
    // What its own sidecar answers for it is no success.
    const row = await eventually('the row of the asking', () =>
      mesh()
        .controlPlane()
        .values.edges(60_000)
        .find(({ from, to, beside }) => from === 'catalog' && to === 'judge' && beside === 'own'),
    );
    expect(row).toMatchObject({ uses: ['authorizer'] });
    expect(row.success).toBeLessThan(1);
    const program = await starts();
    // Its sidecar may try the port again a moment later.
    await eventually('it is asked again', async () => (await calls()) === passes);
    await eventually(
      'it is told no more',
      async () => (await calls()) === passes && (await told(port)).answer?.unanswered === undefined,
    );
    expect((await told(port)).check.stdout).toContain(`√ authz    the authorizer ${provider} is asked, and decides`);
    const heard = mesh()
      .log.slice(begun)
      .filter((each) => each.includes('"component":"authorization"'))
      .map((each) => JSON.parse(each).msg)
      // A question of the test before may be counted only now.
      .filter((each) => each.includes(`authorizer ${provider} `) || each.includes('answers again'));
    expect(heard).toEqual([
      expect.stringMatching(new RegExp(`^the authorizer ${provider} at judge.shop:\\d+ does not answer$`)),
      'the authorizer answers again',
    ]);
    await program.close();
  },
);

test('on a port for bytes it is asked about connections; who speaks HTTP cannot be asked there, which is an error (WEFT0153)', async () => {
  const svid = async (service: string) =>
    meshTls({ host: server.address, port: server.inbound(9100) }, await mesh().certificate(service));
  const echoed = async (service: string) => {
    const socket = await svid(service);
    socket.end('ping');
    return (await exchange(socket)).received;
  };
  await enforce(ask('typed', bytes));
  expect(await echoed('frontend')).toBe('ping');
  expect(await echoed('intruder')).toBe('');
  expect((await call('/asked', 'no')).status).toBe(200);
  const commit = await mesh().commit({ 'authz.yaml': ask('judge', bytes) });
  const { served, diagnostics } = mesh().controlPlane().policies.get();
  expect(served?.revision.commit).not.toBe(commit);
  expect(diagnostics).toContainEqual(expect.objectContaining({ code: 'WEFT0153', severity: 'error' }));
  expect(await echoed('frontend')).toBe('ping');
});
