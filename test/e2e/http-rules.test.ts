import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/** What a proxy may hold in an answer without any limit of its own being met: more than Envoy's 4 KiB. */
const longText = 'weft '.repeat(20_000);
const to = 'route: [{ destination: { host: echo } }]';

const echoRules = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: echo, namespace: shop }
spec:
  hosts: [echo]
  http:
    - name: cors
      match: [{ uri: { prefix: /cors } }]
      corsPolicy:
        allowOrigins: [{ exact: "https://shop.example" }, { regex: "https://[a-z]+[.]dev[.]example" }]
        allowMethods: [GET, PUT]
        allowHeaders: [x-token]
        exposeHeaders: [x-answer]
        maxAge: 600s
        allowCredentials: true
      ${to}
    - { name: closed, match: [{ uri: { prefix: /closed } }], corsPolicy: { allowOrigins: [{ exact: "https://shop.example" }], unmatchedPreflights: IGNORE }, ${to} }
    - { name: text, match: [{ uri: { prefix: /text } }], directResponse: { status: 418, body: { string: "${longText}" } }, headers: { response: { set: { x-from: proxy } } } }
    - { name: bytes, match: [{ uri: { prefix: /bytes } }], directResponse: { status: 200, body: { bytes: AAEC/w== } } }
    - { name: empty, match: [{ uri: { prefix: /empty } }], directResponse: { status: 503 } }
    - { name: thrice, match: [{ uri: { prefix: /fail/thrice } }], retries: { attempts: 2, retryOn: "503" }, ${to} }
    - { name: once, match: [{ uri: { prefix: /fail/once } }], retries: { attempts: 0 }, ${to} }
    - { name: impatient, match: [{ uri: { prefix: /hang } }], retries: { attempts: 2, perTryTimeout: 200ms, backoff: 1ms, retryOn: 5xx }, ${to} }
    - { name: pause, match: [{ uri: { prefix: /fail/pause } }], retries: { attempts: 1, backoff: 400ms, retryOn: "503" }, ${to} }
    - { name: bounded, match: [{ uri: { prefix: /fail/bounded } }], timeout: 300ms, retries: { attempts: 100, backoff: 20ms, retryOn: "503" }, ${to} }
    - { name: mirrors, match: [{ uri: { prefix: /mirrors } }], mirrors: [{ destination: { host: shadow } }, { destination: { host: sample }, percentage: { value: 25 } }, { destination: { host: shadow }, percentage: { value: 0 } }], ${to} }
    - { name: abort, match: [{ uri: { prefix: /abort/some } }], fault: { abort: { httpStatus: 503, percentage: { value: 30 } } }, retries: { attempts: 3, retryOn: "503" }, ${to} }
    - { name: grpc, match: [{ uri: { prefix: /abort/grpc } }], fault: { abort: { grpcStatus: UNAVAILABLE, percentage: { value: 100 } } }, ${to} }
    - { name: zero, match: [{ uri: { prefix: /abort/zero } }], fault: { abort: { httpStatus: 500, percentage: { value: 0 } }, delay: { fixedDelay: 5s, percentage: {} } }, ${to} }
    - { name: unsaid, match: [{ uri: { prefix: /abort/unsaid } }], fault: { abort: { httpStatus: 500 }, delay: { fixedDelay: 5s } }, ${to} }
    - { name: delay, match: [{ uri: { prefix: /delay } }], fault: { delay: { fixedDelay: 300ms, percentage: { value: 20 } } }, ${to} }
    - { name: same, match: [{ uri: { prefix: /pair/same } }], retries: { attempts: 1, retryOn: "503", retryIgnorePreviousHosts: false }, route: [{ destination: { host: pair } }] }
    - { name: other, match: [{ uri: { prefix: /pair/other } }], retries: { attempts: 1, retryOn: "503" }, route: [{ destination: { host: pair } }] }
    - { name: away, match: [{ uri: { prefix: /pair/away } }], retries: { attempts: 1, retryOn: "503", retryRemoteLocalities: true }, route: [{ destination: { host: pair } }] }
    - { name: moved, match: [{ uri: { prefix: /moved } }], redirect: { prefixRewrite: /there, derivePort: FROM_REQUEST_PORT, authority: other.test, redirectCode: 307 }, timeout: 1s, corsPolicy: { allowOrigins: [{ exact: "*" }] } }
    - { name: bare, match: [{ uri: { prefix: /bare } }], redirect: { uri: /there, derivePort: FROM_PROTOCOL_DEFAULT } }
    - { name: counted, match: [{ uri: { prefix: "" }, statPrefix: counted }], ${to} }
`;

const shares = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [reviews]
  http:
    - route:
        - { destination: { host: reviews, subset: v1 }, weight: 90 }
        - { destination: { host: reviews, subset: v2 }, weight: 10 }
        - { destination: { host: reviews, subset: v3 }, weight: 0 }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, namespace: shop }
spec: { host: reviews, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }, { name: v3, labels: { version: v3 } }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: pair, namespace: shop }
spec: { host: pair, trafficPolicy: { loadBalancer: { simple: RANDOM } } }
`;

const applications: Record<string, Application> = {};
let client: Member;
let gone: Member;

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml': ['echo', 'shadow', 'sample', 'reviews', 'pair', 'gone']
        .map((name) => serviceYaml(name))
        .join(''),
      'echo.yaml': echoRules,
      'shares.yaml': shares,
    },
  }),
  async (started) => {
    const start = async (service: string, version: string, answer?: Parameters<typeof startApplication>[2]) => {
      const address = started.nextAddress();
      applications[`${service}-${version}`] = await startApplication({ address, port: 9080 }, version, answer);
      const name = `${service}-${version}`;
      await started.join({ service, name, version, address, ports: [{ port: 9080 }] });
    };
    await Promise.all([
      start('echo', 'v1', async ({ url = '' }, response) => {
        if (url.startsWith('/fail')) response.statusCode = 503;
        if (url.startsWith('/hang')) await new Promise((resolve) => setTimeout(resolve, 3_000));
        response.setHeader('x-answer', 'application');
      }),
      start('shadow', 'v1'),
      start('sample', 'v1'),
      start('reviews', 'v1'),
      start('reviews', 'v2'),
      start('pair', 'v1'),
      start('pair', 'v2', (_request, response) => {
        response.statusCode = 503;
      }),
    ]);
    gone = await started.join({ service: 'gone', ports: [{ port: 9080 }] });
    client = await started.join({ service: 'frontend' });
    await started.synced();
    for (const [service, members] of [
      ['pair', 2],
      ['gone', 1],
      ['shadow', 1],
      ['sample', 1],
    ] as const)
      await eventually(`the caller has the endpoints of ${service}`, async () => {
        return (await client.stat(`cluster.out_shop_${service}_80.membership_total`)) === members;
      });
  },
);
afterAll(() => Promise.all(Object.values(applications).map((application) => application.close())));

const at = (service: string, path: string, headers: Record<string, string> = {}) => ({
  host: client.address,
  port: mesh().localPort(service, 80),
  path,
  headers,
});
const requestsOf = (name: string) => applications[name]?.requests() ?? Number.NaN;

/** What an action returned, and how many requests reached an application meanwhile. */
async function counting<T>(name: string, action: () => Promise<T>): Promise<{ result: T; reached: number }> {
  const before = requestsOf(name);
  const result = await action();
  return { result, reached: requestsOf(name) - before };
}

const asked = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  counting('echo-v1', (): Promise<Answer> => fetchOnce({ ...at('echo', path, headers), method }));

const preflight = (path: string, origin: string) =>
  asked(path, { origin, 'access-control-request-method': 'PUT' }, 'OPTIONS');

/** The count lies within three standard deviations of a share of all. */
function expectShare(count: number, all: number, share: number): void {
  const sigma = Math.sqrt(all * share * (1 - share));
  expect(count).toBeGreaterThanOrEqual(all * share - 3 * sigma);
  expect(count).toBeLessThanOrEqual(all * share + 3 * sigma);
}

test('CORS: the proxy answers a preflight of an origin that may call, and marks answers to it', async () => {
  for (const origin of ['https://shop.example', 'https://a.dev.example']) {
    const { result, reached } = await preflight('/cors', origin);
    expect(reached).toBe(0);
    expect(result.status).toBe(200);
    expect(result.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET,PUT',
      'access-control-allow-headers': 'x-token',
      'access-control-max-age': '600',
    });
  }
  const { result, reached } = await asked('/cors', { origin: 'https://shop.example' });
  expect(reached).toBe(1);
  expect(result.headers).toMatchObject({
    'access-control-allow-origin': 'https://shop.example',
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'x-answer',
  });
});

test('CORS: a preflight from elsewhere is forwarded unless it is to be ignored, and no answer is marked', async () => {
  const stranger = 'https://a.dev.example.attacker.test';
  const forwarded = await preflight('/cors', stranger);
  expect(forwarded.reached).toBe(1);
  expect(forwarded.result.headers).not.toHaveProperty('access-control-allow-origin');
  const ignored = await preflight('/closed', stranger);
  expect(ignored.reached).toBe(0);
  expect(ignored.result.headers).not.toHaveProperty('access-control-allow-origin');
  const { result, reached } = await asked('/cors', { origin: stranger });
  expect({ reached, status: result.status }).toEqual({ reached: 1, status: 200 });
  expect(result.headers).not.toHaveProperty('access-control-allow-origin');
});

test('a direct response comes from the proxy: status, long text, bytes, headers', async () => {
  const text = await asked('/text');
  expect(text.result).toMatchObject({ status: 418, body: longText, headers: { 'x-from': 'proxy' } });
  const bytes = await asked('/bytes');
  expect(bytes.result).toMatchObject({ status: 200, headers: { 'content-length': '4' } });
  const empty = await asked('/empty', {}, 'POST');
  expect(empty.result).toMatchObject({ status: 503, body: '' });
  expect([text.reached, bytes.reached, empty.reached]).toEqual([0, 0, 0]);
});

test('a redirect names the called port and the new prefix, and what is about destinations has no part in it', async () => {
  const { result, reached } = await asked('/moved/a?q=1', { origin: 'https://any.example' });
  expect({ status: result.status, reached }).toEqual({ status: 307, reached: 0 });
  // Port 80 of the service is what http:// means.
  expect(result.headers.location).toBe('http://other.test/there/a?q=1');
  expect(result.headers).not.toHaveProperty('access-control-allow-origin');
  const bare = await asked('/bare', { host: 'echo:8080' });
  expect({ status: bare.result.status, reached: bare.reached }).toEqual({ status: 301, reached: 0 });
  expect(bare.result.headers.location).toBe('http://echo:8080/there');
});

test('retries are counted: attempts after the first try, none for 0 (P16)', async () => {
  const thrice = await counting('echo-v1', () => sendRequests(at('echo', '/fail/thrice'), 20));
  expect(thrice.result.failures).toEqual({ 503: 20 });
  expect(thrice.reached).toBe(60);
  const once = await counting('echo-v1', () => sendRequests(at('echo', '/fail/once'), 20));
  expect(once.result.failures).toEqual({ 503: 20 });
  expect(once.reached).toBe(20);
});

test('each try has its own time (P16)', async () => {
  const began = performance.now();
  const { result, reached } = await counting('echo-v1', () => sendRequests(at('echo', '/hang'), 10, 10));
  const took = performance.now() - began;
  expect(result.failures).toEqual({ 504: 10 });
  expect(reached).toBe(30);
  expect(took).toBeGreaterThanOrEqual(595);
  expect(took).toBeLessThan(2_500);
});

test('the timeout of a rule spans all its tries (P16)', async () => {
  const began = performance.now();
  const { result, reached } = await asked('/fail/bounded');
  expect([503, 504]).toContain(result.status);
  expect(performance.now() - began).toBeLessThan(1_500);
  // The pause doubles from 20 ms on, so there is time for a few of the hundred only.
  expect(reached).toBeGreaterThan(1);
  expect(reached).toBeLessThan(60);
});

/** How long requests to a path take in the mean, in milliseconds, four at a time. */
async function meanTime(path: string, all: number): Promise<number> {
  let [left, sum] = [all, 0];
  const worker = async () => {
    while (left-- > 0) {
      const began = performance.now();
      await fetchOnce(at('echo', path));
      sum += performance.now() - began;
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return sum / all;
}

test('the pause before a retry is spread evenly below the back-off: 0.2 s of 0.4 s in the mean, within 3 sigma', async () => {
  const all = 60;
  const { result: paused, reached } = await counting('echo-v1', () => meanTime('/fail/pause', all));
  expect(reached).toBe(2 * all);
  const sigma = 400 / Math.sqrt(12 * all);
  expect(paused).toBeGreaterThan(200 - 3 * sigma);
  // What the requests themselves take comes on top: twice what one try takes, on a machine that may be busy.
  const plain = await meanTime('/fail/once', all);
  expect(paused - 2 * plain).toBeLessThan(200 + 3 * sigma + 50);
});

test('a retry avoids the endpoint that failed, unless the rule says otherwise; with one locality other localities change nothing', async () => {
  const [other, away] = [
    await sendRequests(at('echo', '/pair/other'), 300),
    await sendRequests(at('echo', '/pair/away'), 300),
  ];
  expect(other).toMatchObject({ succeeded: 300, failures: {} });
  expect(away).toMatchObject({ succeeded: 300, failures: {} });
  // One of two endpoints answers 503, and each try draws anew.
  const same = await sendRequests(at('echo', '/pair/same'), 800);
  expectShare(same.failures[503] ?? 0, 800, 0.25);
});

test('mirrors are counted: all, a quarter, none; their answers reach nobody (P17)', async () => {
  const before = { shadow: requestsOf('shadow-v1'), sample: requestsOf('sample-v1') };
  const { result, reached } = await counting('echo-v1', () => sendRequests(at('echo', '/mirrors'), 1_000));
  expect(result).toMatchObject({ succeeded: 1_000, answers: { v1: 1_000 } });
  expect(reached).toBe(1_000);
  await eventually('the shadow saw all', () => requestsOf('shadow-v1') - before.shadow >= 1_000);
  expect(requestsOf('shadow-v1') - before.shadow).toBe(1_000);
  expectShare(requestsOf('sample-v1') - before.sample, 1_000, 0.25);
  expect(applications['shadow-v1']?.lastHeaders().host).toMatch(/-shadow(:\d+)?$/);
});

test('an injected abort has its share and is not retried (P17)', async () => {
  const retries = () => client.stat('cluster.out_shop_echo_80.upstream_rq_retry');
  const before = await retries();
  const { result, reached } = await counting('echo-v1', () => sendRequests(at('echo', '/abort/some'), 2_000));
  const aborted = result.failures[503] ?? 0;
  expectShare(aborted, 2_000, 0.3);
  expect(result.succeeded).toBe(2_000 - aborted);
  expect(reached).toBe(2_000 - aborted);
  expect(await retries()).toBe(before);
  const grpc = await asked('/abort/grpc', { 'content-type': 'application/grpc' }, 'POST');
  expect({ reached: grpc.reached, status: grpc.result.status }).toEqual({ reached: 0, status: 200 });
  expect(grpc.result.headers['grpc-status']).toBe('14');
});

test('a fault of 0 %, and one without a share, never comes (P17)', async () => {
  for (const path of ['/abort/zero', '/abort/unsaid']) {
    const began = performance.now();
    expect(await sendRequests(at('echo', path), 200)).toMatchObject({ succeeded: 200, failures: {} });
    expect(performance.now() - began).toBeLessThan(5_000);
  }
});

test('an injected delay has its share and its length (P17)', async () => {
  const times: number[] = [];
  const all = 300;
  const worker = async () => {
    while (times.length < all) {
      const began = performance.now();
      await fetchOnce(at('echo', '/delay'));
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  expectShare(times.filter((time) => time >= 295).length, times.length, 0.2);
});

test('weights 90, 10 and 0 are kept within 3 sigma over 10,000 requests (P15)', async () => {
  const report = await sendRequests(at('reviews', '/'), 10_000);
  expect(report).toMatchObject({ succeeded: 10_000, failures: {} });
  expectShare(report.answers.v2 ?? 0, 10_000, 0.1);
  expect((report.answers.v1 ?? 0) + (report.answers.v2 ?? 0)).toBe(10_000);
}, 60_000);

test('a route with a name for statistics is counted under it', async () => {
  expect(await sendRequests(at('echo', '/any'), 25)).toMatchObject({ succeeded: 25 });
  const name = 'vhost.out_shop_echo_80.route.counted.upstream_rq_total';
  await eventually('it is counted', async () => (await client.stat(name)) === 25);
});

test('the proxy of an application tries a request anew that cannot have reached it (D2)', async () => {
  const tries = () => gone.stat('cluster.in_9080.upstream_rq_retry');
  const before = await tries();
  const answer = await fetchOnce({ ...at('gone', '/'), method: 'POST', body: 'order' });
  expect(answer.status).toBe(503);
  // Nobody listens: the first try and two more, all with the whole body at hand.
  expect((await tries()) - before).toBe(2);
});

test('every name of a service leads to it, with the port in Host and without, in any case (P3, P4)', async () => {
  const names = [
    'echo',
    'echo.shop',
    'echo.shop.svc',
    'echo.shop.svc.cluster.local',
    'echo.shop.svc.cluster.local.',
    'echo.shop.mesh',
    'ECHO.Shop',
  ];
  for (const name of names) {
    for (const host of [name, `${name}:80`]) {
      // What programs send through HTTP_PROXY, and what they send to the local port.
      const proxied = { host: client.address, port: client.proxyPort, path: `http://${host}/names`, headers: { host } };
      for (const target of [proxied, at('echo', '/names', { host })]) {
        const { result, reached } = await counting('echo-v1', () => fetchOnce(target));
        expect({ host, status: result.status, reached }).toEqual({ host, status: 200, reached: 1 });
      }
    }
  }
});
