import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, type LoadReport, sendRequests, startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { sharesYaml } from '../support/rule-mesh.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

const echoRules = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: echo, namespace: shop }
spec:
  hosts: [echo]
  http:
    - { name: exact, match: [{ uri: { exact: /exact } }], headers: { request: { set: { x-rule: exact } } }, route: [{ destination: { host: echo } }] }
    - { name: regex, match: [{ uri: { regex: "/r[0-9]+" } }], headers: { request: { set: { x-rule: regex } } }, route: [{ destination: { host: echo } }] }
    - name: several
      match:
        - { uri: { prefix: /several }, method: { exact: PUT } }
        - { uri: { prefix: /several }, headers: { x-tier: { exact: gold } } }
        - { uri: { prefix: /several }, queryParams: { page: { exact: "2" } } }
        - { uri: { prefix: /several/without }, withoutHeaders: { x-bot: {} } }
      headers: { request: { set: { x-rule: several } } }
      route: [{ destination: { host: echo } }]
    - { name: prefix-rewrite, match: [{ uri: { prefix: /old/ } }], rewrite: { uri: /new/, authority: renamed.test }, route: [{ destination: { host: echo } }] }
    - { name: whole-rewrite, match: [{ uri: { exact: /gone } }], rewrite: { uri: /here }, route: [{ destination: { host: echo } }] }
    - { name: regex-whole-rewrite, match: [{ uri: { regex: "/items/[0-9]+" } }], rewrite: { uri: /item }, route: [{ destination: { host: echo } }] }
    - name: regex-rewrite
      match: [{ uri: { prefix: /users/ } }]
      rewrite: { uriRegexRewrite: { match: "^/users/([^/]+)/(.*)$", rewrite: '/\\2/of/\\1' } }
      route: [{ destination: { host: echo } }]
    - { name: redirect, match: [{ uri: { prefix: /moved } }], redirect: { uri: /target, authority: other.test, redirectCode: 302 } }
    - name: headers
      match: [{ uri: { prefix: /headers } }]
      headers:
        request: { set: { x-set: mesh }, add: { x-add: mesh }, remove: [x-remove] }
        response: { set: { x-answer-set: mesh }, add: { x-answer-add: mesh }, remove: [x-answer-remove] }
      route: [{ destination: { host: echo } }]
    - { name: slow, match: [{ uri: { prefix: /slow } }], timeout: 300ms, retries: { attempts: 0 }, route: [{ destination: { host: echo } }] }
    - { name: abort, match: [{ uri: { prefix: /abort } }], fault: { abort: { httpStatus: 418, percentage: { value: 20 } } }, route: [{ destination: { host: echo } }] }
    - { name: delay, match: [{ uri: { prefix: /delay } }], fault: { delay: { fixedDelay: 400ms, percentage: { value: 100 } } }, route: [{ destination: { host: echo } }] }
    - { name: mirror, match: [{ uri: { prefix: /mirror } }], mirrors: [{ destination: { host: shadow } }], route: [{ destination: { host: echo } }] }
    - { name: asked, match: [{ uri: { prefix: /asked } }], retries: { attempts: 2, retryOn: "503" }, route: [{ destination: { host: pair } }] }
    - { name: nobody, match: [{ uri: { prefix: /nobody } }], retries: { attempts: 0 }, route: [{ destination: { host: reviews, subset: v9 } }] }
    - { name: refused, match: [{ uri: { prefix: /refused } }], route: [{ destination: { host: echo } }] }
`;

const canary = sharesYaml('reviews', { v1: 90, v2: 10 }, ['v9']);

/** Of the Service halves: an application that answers, and an address where nobody listens. No sidecar stands before them. */
const halves = (good: string, dead: string) => `${serviceYaml('half')}---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: half-1, namespace: shop }
spec: { address: ${good}, labels: { app: half } }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: half-2, namespace: shop }
spec: { address: ${dead}, labels: { app: half } }
`;

/** Services of workloads that others have too: without an address of its own, and by the name of the workload's port (section 2). */
const furtherNames = `---
apiVersion: v1
kind: Service
metadata: { name: headless, namespace: shop }
spec: { clusterIP: None, selector: { app: pair }, ports: [{ name: http, port: 80, targetPort: 9080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: named, namespace: shop }
spec: { selector: { app: shadow }, ports: [{ name: http, port: 80, targetPort: web }] }
`;

/** Endpoints in turn: every second try goes to the dead one. */
const roundRobin = (service: string) => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${service}, namespace: shop }
spec: { host: ${service}, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } } }
`;
const withoutRetries = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: half, namespace: shop }
spec: { hosts: [half], http: [{ retries: { attempts: 0 }, route: [{ destination: { host: half } }] }] }
`;

const applications: Record<string, Application> = {};
let client: Member;

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml': ['echo', 'shadow', 'reviews', 'pair'].map((name) => serviceYaml(name)).join('') + furtherNames,
      'echo.yaml': echoRules,
      'reviews.yaml': canary,
      'pair.yaml': roundRobin('pair'),
    },
  }),
  async (started) => {
    const half = started.nextAddress();
    await started.commit({
      'half.yaml': halves(half, started.nextAddress()),
      'half-rules.yaml': roundRobin('half'),
    });
    applications.half = await startApplication({ address: half, port: 9080 }, 'half');
    const start = async (service: string, version: string, answer?: Parameters<typeof startApplication>[2]) => {
      const address = started.nextAddress();
      applications[`${service}-${version}`] = await startApplication({ address, port: 9080 }, version, answer);
      const name = `${service}-${version}`;
      await started.join({ service, name, version, address, ports: [{ port: 9080, name: 'web' }] });
    };
    await Promise.all([
      start('echo', 'v1', async ({ url = '', method, headers }, response) => {
        if (url.startsWith('/refused')) response.statusCode = 503;
        if (url.startsWith('/slow')) await new Promise((resolve) => setTimeout(resolve, 2_000));
        response.setHeader('x-answer-remove', 'application');
        response.setHeader('x-answer-set', 'application');
        response.end(JSON.stringify({ url, method, headers }));
      }),
      start('shadow', 'v1'),
      start('reviews', 'v1'),
      start('reviews', 'v2'),
      start('pair', 'v1'),
      start('pair', 'v2'),
    ]);
    client = await started.join({ service: 'frontend' });
    await started.synced();
    await eventually('the caller has both endpoints of half', async () => (await total('half')) === 2);
  },
);
afterAll(() => Promise.all(Object.values(applications).map((application) => application.close())));

const total = (service: string) => client.stat(`cluster.out_shop_${service}_80.membership_total`);
const to = (service: string, path = '/', headers: Record<string, string> = {}) => ({
  host: client.address,
  port: mesh().localPort(service, 80),
  path,
  headers,
});
const requestsOf = (name: string) => applications[name]?.requests() ?? Number.NaN;

/** What the application behind `echo` saw. */
async function seen(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const answer = await fetchOnce({ ...to('echo', path, headers), method });
  const body: unknown = answer.status === 200 ? JSON.parse(answer.body) : undefined;
  return { ...answer, request: body as { url: string; headers: Record<string, string> } | undefined };
}

/** The count lies within five standard deviations of a share of all (decision 40). */
function expectShare(count: number, all: number, share: number): void {
  const sigma = Math.sqrt(all * share * (1 - share));
  expect(count).toBeGreaterThanOrEqual(all * share - 5 * sigma);
  expect(count).toBeLessThanOrEqual(all * share + 5 * sigma);
}

test('weights 90 and 10 are kept within 5 sigma over 2,000 requests', async () => {
  const report = await sendRequests(to('reviews'), 2_000);
  expect(report.failures).toEqual({});
  expect(report.succeeded).toBe(2_000);
  expectShare(report.answers.v2 ?? 0, 2_000, 0.1);
  expect(report.answers).toEqual({ v1: requestsOf('reviews-v1'), v2: requestsOf('reviews-v2') });
});

test('the first rule that matches decides: path, method, header, query, absence', async () => {
  const rule = async (path: string, headers?: Record<string, string>, method?: string) => {
    const { status, request } = await seen(path, headers, method);
    return request?.headers['x-rule'] ?? status;
  };
  expect(await rule('/exact?with=query')).toBe('exact');
  expect(await rule('/exact/')).toBe(404);
  expect(await rule('/r42')).toBe('regex');
  expect(await rule('/r42x')).toBe(404);
  expect(await rule('/several', {}, 'PUT')).toBe('several');
  expect(await rule('/several', { 'x-tier': 'gold' })).toBe('several');
  expect(await rule('/several', { 'x-tier': 'Gold' })).toBe(404);
  expect(await rule('/several?page=2')).toBe('several');
  expect(await rule('/several?page=22')).toBe(404);
  expect(await rule('/several/without')).toBe('several');
  expect(await rule('/several/without', { 'x-bot': '' })).toBe(404);
  expect(await rule('/')).toBe(404);
});

test('rewrite, redirect and header operations', async () => {
  expect((await seen('/old/path?q=1')).request).toMatchObject({
    url: '/new/path?q=1',
    headers: { host: 'renamed.test' },
  });
  expect((await seen('/gone?q=1')).request?.url).toBe('/here?q=1');
  expect((await seen('/items/42?q=1')).request?.url).toBe('/item?q=1');
  expect((await seen('/users/ann/carts/7?q=/users/1/2')).request?.url).toBe('/carts/7/of/ann?q=/users/1/2');
  const moved = await seen('/moved/x?q=1');
  expect(moved.status).toBe(302);
  expect(moved.headers.location).toBe('http://other.test/target?q=1');
  const changed = await seen('/headers', { 'x-set': 'caller', 'x-add': 'caller', 'x-remove': 'caller' });
  expect(changed.request?.headers).toMatchObject({ 'x-set': 'mesh', 'x-add': 'caller, mesh' });
  expect(changed.request?.headers).not.toHaveProperty('x-remove');
  expect(changed.headers).toMatchObject({ 'x-answer-set': 'mesh', 'x-answer-add': 'mesh' });
  expect(changed.headers).not.toHaveProperty('x-answer-remove');
});

test('a timeout answers 504 in its time', async () => {
  const began = performance.now();
  const report = await sendRequests(to('echo', '/slow'), 20, 20);
  expect(report.failures).toEqual({ 504: 20 });
  const took = performance.now() - began;
  expect(took).toBeGreaterThanOrEqual(295);
  expect(took).toBeLessThan(1_900);
});

test('an injected abort has its share, and an injected delay its length', async () => {
  const before = requestsOf('echo-v1');
  const report: LoadReport = await sendRequests(to('echo', '/abort'), 1_000);
  const aborted = report.failures[418] ?? 0;
  expectShare(aborted, 1_000, 0.2);
  expect(report).toMatchObject({ succeeded: 1_000 - aborted, failures: { 418: aborted } });
  // An abort never reaches the application and is not tried again (P17).
  expect(requestsOf('echo-v1') - before).toBe(1_000 - aborted);
  const began = performance.now();
  expect((await seen('/delay')).status).toBe(200);
  expect(performance.now() - began).toBeGreaterThanOrEqual(395);
});

test('a mirrored request reaches the shadow exactly once, and its answer nobody', async () => {
  const before = requestsOf('shadow-v1');
  const report = await sendRequests(to('echo', '/mirror'), 200);
  expect(report).toMatchObject({ succeeded: 200, failures: {} });
  await eventually('the shadow saw all', () => requestsOf('shadow-v1') - before >= 200);
  expect((await sendRequests(to('echo', '/exact'), 50)).succeeded).toBe(50);
  expect(requestsOf('shadow-v1') - before).toBe(200);
});

test('a subset without endpoints answers 503, a request that no rule matches 404, flag NR (P10)', async () => {
  expect((await sendRequests(to('echo', '/nobody'), 10)).failures).toEqual({ 503: 10 });
  const flagged = async () => {
    const counted = await client.stats('requests_total.*response_flags\\.NR');
    return [...counted.values()].reduce((sum, value) => sum + value, 0);
  };
  const before = await flagged();
  expect((await sendRequests(to('echo', '/unmatched'), 10)).failures).toEqual({ 404: 10 });
  expect((await flagged()) - before).toBe(10);
});

test('a headless service leads to all its workloads, a targetPort by name to the port that has it (section 2)', async () => {
  const { succeeded, answers } = await sendRequests(to('headless'), 40);
  expect([succeeded, Object.keys(answers).sort()]).toEqual([40, ['v1', 'v2']]);
  const before = requestsOf('shadow-v1');
  expect((await sendRequests(to('named'), 10)).succeeded).toBe(10);
  expect(requestsOf('shadow-v1') - before).toBe(10);
});

test('retries mask an endpoint that refuses connections: 0 failed of 500', async () => {
  const failures = () => client.stat('cluster.out_shop_half_80.upstream_cx_connect_fail');
  const report = await sendRequests(to('half'), 500);
  expect(report).toMatchObject({ succeeded: 500, failures: {} });
  expect(requestsOf('half')).toBe(500);
  // Every second try went to the dead one, so there was something to mask; without retries it shows.
  expect(await failures()).toBeGreaterThan(100);
  await mesh().apply({ 'half-rules.yaml': roundRobin('half') + withoutRetries });
  expect((await sendRequests(to('half'), 100)).failures[503]).toBeGreaterThan(25);
});

test('so they do with the default balancer, which prefers the idle, dead endpoint (D5, decision 16)', async () => {
  await mesh().apply({ 'half-rules.yaml': undefined });
  // An acknowledged route reaches Envoy's worker a moment later (X46), and until then it is the one without retries.
  await eventually('retries act again', async () => (await sendRequests(to('half'), 20)).succeeded === 20);
  const before = await client.stat('cluster.out_shop_half_80.upstream_cx_connect_fail');
  expect(await sendRequests(to('half'), 500)).toMatchObject({ succeeded: 500, failures: {} });
  expect((await client.stat('cluster.out_shop_half_80.upstream_cx_connect_fail')) - before).toBeGreaterThan(100);
});

test('connections grow no older than the policy says, and no request notices (E10, R17)', async () => {
  await mesh().apply({
    'echo-age.yaml': `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: shadow, namespace: shop }
spec: { host: shadow, trafficPolicy: { connectionPool: { tcp: { maxConnectionDuration: 500ms } } } }
`,
  });
  const opened = () => client.stat('cluster.out_shop_shadow_80.upstream_cx_total');
  const load = startLoad(to('shadow'), 100);
  await load.more(100);
  const before = await opened();
  await load.more(300);
  const after = await opened();
  const report = await load.stop();
  expect(report.failures).toEqual({});
  // Three seconds of steady load over connections that live half a second each.
  expect(after - before).toBeGreaterThanOrEqual(4);
  await mesh().apply({ 'echo-age.yaml': undefined });
});

test('an application that answers 503 hears a request once (R14), unless the policy asks for more', async () => {
  const before = requestsOf('echo-v1');
  const answer = await fetchOnce({ ...to('echo', '/refused'), method: 'POST', body: 'order' });
  expect(answer.status).toBe(503);
  expect(requestsOf('echo-v1') - before).toBe(1);
  // One of two applications dies while its sidecar lives on: the rule "asked" repeats the 503 at the other instance.
  await applications['pair-v2']?.close();
  const report = await sendRequests(to('echo', '/asked'), 500);
  expect(report).toMatchObject({ succeeded: 500, failures: {}, answers: { v1: 500 } });
  expect(await client.stat('cluster.out_shop_pair_80.upstream_rq_retry')).toBeGreaterThan(0);
});
