import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import { expectShare, sharesYaml, useRuleMesh } from '../support/rule-mesh.ts';

/** More than the 4 KiB that Envoy allows an answer by itself. */
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
    - { name: moved, match: [{ uri: { prefix: /moved } }], redirect: { prefixRewrite: /there, derivePort: FROM_REQUEST_PORT, authority: other.test, redirectCode: 307 }, timeout: 1s, corsPolicy: { allowOrigins: [{ exact: "*" }] } }
    - { name: bare, match: [{ uri: { prefix: /bare } }], redirect: { uri: /there, derivePort: FROM_PROTOCOL_DEFAULT } }
    - { name: rewritten, match: [{ uri: { prefix: /books } }], rewrite: { uriRegexRewrite: { match: "^/books/([0-9]+)/([a-z]+)", rewrite: '/\\2/of/\\1' } }, ${to} }
    - { name: renamed, match: [{ uri: { prefix: /renamed } }], headers: { request: { set: { host: other.test } } }, ${to} }
    - { name: counted, match: [{ uri: { prefix: "" }, statPrefix: counted }], ${to} }
`;

const { at, asked, client, counting } = useRuleMesh({
  policies: { 'echo.yaml': echoRules, 'shares.yaml': sharesYaml('reviews', { v1: 90, v2: 10, v3: 0 }) },
  services: { echo: ['v1'], reviews: ['v1', 'v2'] },
  answers: {
    'echo-v1': (request, response) => {
      response.setHeader('x-answer', 'application');
      response.setHeader('x-seen', `${request.headers.host} ${request.url}`);
    },
  },
});

const preflight = (path: string, origin: string) =>
  asked(path, { origin, 'access-control-request-method': 'PUT' }, 'OPTIONS');

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

/**
 * P15 wants 10,000 requests within 3 sigma, which chance alone misses once in 370 times (decision 40). The long form (`npm run promises
 * -- P15`) sends them three times: two must keep to 3 sigma and all to 5, which chance misses once in 40,000 runs. The short form
 * sends 2,000, within 5 sigma.
 */
test('weights 90, 10 and 0 are kept over many requests (P15)', async () => {
  const long = process.env.WEFT_LONG === '1';
  const all = long ? 10_000 : 2_000;
  const deviations: number[] = [];
  for (let round = 0; round < (long ? 3 : 1); round += 1) {
    const report = await sendRequests(at('reviews', '/'), all);
    expect(report).toMatchObject({ succeeded: all, failures: {} });
    const { v1 = 0, v2 = 0 } = report.answers;
    expect(v1 + v2).toBe(all);
    expectShare(v2, all, 0.1);
    deviations.push(Math.abs(v2 - all * 0.1) / Math.sqrt(all * 0.1 * 0.9));
  }
  const told = deviations.map((sigma) => sigma.toFixed(2)).join(', ');
  console.log(
    `promise P15: ${deviations.length} times ${all} requests by weights 90, 10 and 0: ${told} sigma from 10 %`,
  );
  if (long) expect(deviations.filter((sigma) => sigma <= 3).length).toBeGreaterThanOrEqual(2);
}, 180_000);

test('a route with a name for statistics is counted under it', async () => {
  expect(await sendRequests(at('echo', '/any'), 25)).toMatchObject({ succeeded: 25 });
  const name = 'vhost.out_shop_echo_80.route.counted.upstream_rq_total';
  await eventually('it is counted', async () => (await client().stat(name)) === 25);
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
      const proxied = {
        host: client().address,
        port: client().proxyPort,
        path: `http://${host}/names`,
        headers: { host },
      };
      for (const target of [proxied, at('echo', '/names', { host })]) {
        const { result, reached } = await counting('echo-v1', () => fetchOnce(target));
        expect({ host, status: result.status, reached }).toEqual({ host, status: 200, reached: 1 });
      }
    }
  }
});

test('uriRegexRewrite rewrites what matches, leaves the rest and the query; host under set renames the request (P13, P18)', async () => {
  const seen = async (path: string) => (await asked(path)).result.headers['x-seen'];
  expect(await seen('/books/12/pages?of=3')).toMatch(/ \/pages\/of\/12\?of=3$/);
  expect(await seen('/books/12/pages/7')).toMatch(/ \/pages\/of\/12\/7$/);
  expect(await seen('/books/first')).toMatch(/ \/books\/first$/);
  expect(await seen('/renamed/a')).toBe('other.test /renamed/a');
  expect(await seen('/else')).not.toContain('other.test');
});
