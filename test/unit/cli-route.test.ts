import { beforeAll, expect, it } from 'vitest';
import { runVerb } from '../support/run-verb.ts';
import { testFolder } from '../support/test-folder.ts';

const { folder, write } = testFolder('weft-route-');
const shop = `apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {selector: {app: db}, ports: [{name: tcp-sql, port: 5432}, {name: tls-sql, port: 5433}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-1, labels: {app: reviews, version: v1}}
spec: {address: 10.0.0.1, serviceAccount: reviews}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - name: testers
      match:
        - headers: {X-User: {exact: ana}}
          uri: {prefix: /reviews}
        - sourceLabels: {app: probe}
      route: [{destination: {host: reviews, subset: v2}}]
    - name: old
      match: [{uri: {regex: "/v[0-9]+/.*"}}]
      redirect: {uri: /reviews, redirectCode: 308}
    - name: gone
      match: [{uri: {exact: /gone}}]
      directResponse: {status: 410}
    - name: canary
      match: [{method: {exact: GET}}]
      timeout: 2s
      mirror: {host: reviews, subset: v2}
      route:
        - {destination: {host: reviews, subset: v1}, weight: 3}
        - {destination: {host: reviews, subset: v2}, weight: 1}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: db}
spec:
  hosts: [db]
  tcp:
    - match: [{sourceNamespace: bank}]
      route: [{destination: {host: db, port: {number: 5432}}}]
    - match: [{sourceLabels: {app: reviews}}]
      route: [{destination: {host: db, port: {number: 5432}}}]
  tls:
    - match: [{sniHosts: [db]}]
      route: [{destination: {host: db, port: {number: 5433}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api}
spec: {hosts: [api.example.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}
`;
const closed = 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n';

beforeAll(() => {
  write('open/policies/shop/reviews.yaml', shop);
  write('closed/policies/shop/reviews.yaml', shop);
  write('closed/policies/meshconfig.yaml', closed);
  write('wrong/policies/shop/reviews.yaml', shop.replace('timeout', 'timeuot'));
});

const weft = (...words: readonly string[]) => runVerb(['route', ...words], { cwd: folder });
const ask = (...words: readonly string[]) => weft('-f', 'open', '-n', 'shop', ...words);

async function json(...words: readonly string[]) {
  const { code, stdout } = await ask(...words, '-o', 'json');
  return { code, ...JSON.parse(stdout) };
}

it('tells the winner, where it leads, what is decided, and which condition of each rule before fails, with lines', async () => {
  const { code, stdout, stderr } = await ask('--from', 'reviews-1', '--to', 'reviews:9080', '--path', '/reviews/7');
  expect([code, stderr]).toEqual([0, '']);
  const lines = stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  '));
  expect(lines).toEqual([
    'GET http://reviews:9080/reviews/7  from reviews-1.shop',
    '',
    'result',
    '  √ VirtualService/shop/reviews[canary]  policies/shop/reviews.yaml:40',
    '  √ allowed: no ALLOW policy selects the workload',
    '',
    'goes to',
    '  75% reviews.shop:9080 v1 (out_shop_reviews_9080_v1)  policies/shop/reviews.yaml:44',
    '  √ 10.0.0.1:9080 reviews-1.shop mTLS',
    '  25% reviews.shop:9080 v2 (out_shop_reviews_9080_v2)  policies/shop/reviews.yaml:45',
    '  no endpoint in these files; who joins is not known from here',
    '',
    'with',
    '  timeout 2 s  policies/shop/reviews.yaml:41',
    '  retries attempts 2, conditions connect-failure, refused-stream, unavailable, cancelled, retriable-status-codes, avoidPreviousHosts yes  default:D1',
    '  mirror cluster out_shop_reviews_9080_v2, percentage 100  policies/shop/reviews.yaml:42',
    '',
    'asked, in order',
    '  × VirtualService/shop/reviews[testers]: headers.X-User is "ana"? there is none  policies/shop/reviews.yaml:29',
    '  × VirtualService/shop/reviews[testers]: sourceLabels.app is "probe"? it is "reviews"  policies/shop/reviews.yaml:31',
    '  × VirtualService/shop/reviews[old]: uri matches "/v[0-9]+/.*" as a whole? it is "/reviews/7"  policies/shop/reviews.yaml:34',
    '  × VirtualService/shop/reviews[gone]: uri is "/gone"? it is "/reviews/7"  policies/shop/reviews.yaml:37',
    '  √ VirtualService/shop/reviews[canary]  policies/shop/reviews.yaml:40',
    '',
  ]);
});

it('says in JSON what each part is, and who decided it', async () => {
  const { kind, from, to, outcome, route, by, request, candidates, clusters, decisions } = await json(
    ...['--from', 'reviews-1', '--to', 'reviews', '--header', 'x-user: ana', '--path', '/reviews?x=1'],
  );
  expect({ kind, from, to, outcome, route, request, decisions }).toEqual({
    kind: 'RouteDecision',
    from: { name: 'reviews-1', namespace: 'shop', labels: { app: 'reviews', version: 'v1' } },
    to: { host: 'reviews', service: 'reviews.shop', port: 9080, protocol: 'http' },
    outcome: 'forward',
    route: 'VirtualService/shop/reviews[testers]',
    request: { method: 'GET', scheme: 'http', authority: 'reviews', path: '/reviews?x=1', pathNormalization: 'dots' },
    decisions: {
      timeout: { value: null, by: { default: 'D3' } },
      retries: { value: expect.objectContaining({ attempts: 2 }), by: { default: 'D1' } },
      loadBalancer: { value: expect.anything(), by: { default: 'D5' } },
    },
  });
  const place = { ref: 'VirtualService/shop/reviews', file: 'policies/shop/reviews.yaml', commit: expect.any(String) };
  expect(by).toEqual({ ...place, field: 'spec.http[0].match[0]', line: 29, column: 11 });
  expect(candidates.map(({ verdict }: { verdict: string }) => verdict)).toEqual([
    'chosen',
    'differs',
    'behind',
    'behind',
    'behind',
  ]);
  expect(candidates[1].condition).toEqual({
    field: 'sourceLabels.app',
    wanted: 'is "probe"',
    got: 'reviews',
    by: { ...place, field: 'spec.http[0].match[1].sourceLabels.app', line: 31, column: 31 },
  });
  expect(candidates[2].other).toBe('VirtualService/shop/reviews[testers]');
  expect(clusters).toEqual([
    {
      cluster: 'out_shop_reviews_9080_v2',
      service: 'reviews.shop',
      port: 9080,
      subset: 'v2',
      percent: 100,
      by: { default: 'P15' },
      discovery: 'registry',
      security: expect.any(String),
      endpoints: [],
    },
  ]);
});

it.each([
  // P47: what dots lead to; a redirect and an answer of the sidecar.
  [['--to', 'reviews', '--path', '/v1/../v2/x'], 0, 'redirect', 'VirtualService/shop/reviews[old]'],
  [['--to', 'reviews', '--path', '/gone?now'], 1, 'respond', 'VirtualService/shop/reviews[gone]'],
  // P10: rules are left, none fits.
  [['--to', 'reviews', '--method', 'POST'], 1, 'no-rule', undefined],
  [['--to', 'reviews', '--path', 'x'], 1, 'invalid', undefined],
  // P48.
  [['--to', 'revies'], 0, 'pass', undefined],
  [['--to', 'reviews:1'], 0, 'pass', undefined],
  // P19: plain connections, by labels of the caller; TLS by the name that it asks for; a tunnel shows nothing.
  [['--to', 'db:5432', '--from', 'reviews'], 0, 'forward', 'VirtualService/shop/db[tcp.1]'],
  [['--to', 'db:5432', '--from', 'db'], 0, 'forward', 'default/shop/db'],
  [['--to', 'db:5433'], 0, 'forward', 'VirtualService/shop/db[tls.0]'],
  [['--to', 'db:5433', '--sni', 'other'], 0, 'forward', 'default/shop/db'],
  [['--to', 'db:5433', '--method', 'CONNECT'], 0, 'forward', 'default/shop/db'],
])('%s: exit %i, %s by %s', async (words, exit, outcome, route) => {
  const answer = await json(...words);
  expect([answer.code, answer.outcome, answer.route]).toEqual([exit, outcome, route]);
});

it('says whether those who are called let it in, and exits with 1 where they do not, or some', async () => {
  const callers = (account: string, selector = '{app: reviews}') => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: callers}
spec:
  selector: {matchLabels: ${selector}}
  rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/${account}]}}], to: [{operation: {methods: [GET]}}]}]
`;
  const second = `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-2, labels: {app: reviews, version: v2}}
spec: {address: 10.0.0.2, serviceAccount: reviews}
`;
  write('guarded/policies/shop/reviews.yaml', `${shop}${callers('db')}`);
  write('partly/policies/shop/reviews.yaml', `${shop}${second}${callers('db', '{version: v2}')}`);
  const say = async (place: string, ...words: readonly string[]) => {
    const { code, stdout } = await weft('-f', place, '-n', 'shop', '--to', 'reviews', ...words);
    const result = /^result\n((?: {2}.*\n)*)/m.exec(stdout)?.[1] ?? '';
    return {
      code,
      result: result
        .trimEnd()
        .split('\n')
        .map((line) => line.trim().replaceAll(/ {2,}/g, '  ')),
    };
  };
  const policyLine = 'policies/shop/reviews.yaml:71';
  const more = '- weft authz says more, and what a token or an address changes';
  const route = 'VirtualService/shop/reviews[canary]  policies/shop/reviews.yaml:40';
  expect(await say('guarded', '--from', 'db')).toEqual({
    code: 0,
    result: [
      `√ ${route}`,
      `√ allowed by ns[shop]-policy[callers]-rule[0]: caller=cluster.local/ns/shop/sa/db, method=GET  ${policyLine}`,
    ],
  });
  expect(await say('guarded', '--from', 'reviews-1')).toEqual({
    code: 1,
    result: [`× ${route}`, `× refused (403): no ALLOW rule matches; nearest  ${policyLine}`, more],
  });
  // What a token says is not known here.
  const bearer = await say('guarded', '--from', 'reviews-1', '--header', 'Authorization: Bearer a.b.c');
  expect(bearer).toEqual({ code: 0, result: [`√ ${route}`, expect.stringContaining('- the token is not read here')] });
  // Who is not named stands for many, and who answers in the caller's own sidecar lets in nobody.
  expect(await say('guarded')).toEqual({ code: 0, result: [`√ ${route}`] });
  expect((await say('guarded', '--from', 'reviews-1', '--path', '/gone')).result).toEqual([
    '× VirtualService/shop/reviews[gone]: answered with 410 by the sidecar itself  policies/shop/reviews.yaml:37',
  ]);
  expect(await say('partly', '--from', 'reviews-1')).toMatchObject({
    code: 1,
    result: [
      `‼ ${route}`,
      '√ reviews-1.shop: allowed: no ALLOW policy selects the workload',
      expect.stringMatching(/^× reviews-2\.shop: refused \(403\): no ALLOW rule matches; nearest {2}policies/),
      more,
    ],
  });
});

it('says why a host is not known, and what becomes of it', async () => {
  expect((await json('--to', 'revies')).notes).toEqual([
    'this caller knows no service called "revies"',
    'did you mean "reviews"?',
    'it goes to where the name itself leads, without any rule (P48)',
  ]);
  expect((await json('--to', 'reviews:1')).notes[0]).toBe('reviews.shop has no such port: it has 9080 http');
  const closedMesh = await weft('-f', 'closed', '-n', 'bank', '--to', 'reviews', '-o', 'json');
  const { outcome, status, by, notes } = JSON.parse(closedMesh.stdout);
  expect([closedMesh.code, outcome, status, by.file, by.line]).toEqual([
    1,
    'refuse',
    502,
    'policies/meshconfig.yaml',
    1,
  ]);
  // The bare name is that of the caller's own namespace.
  expect(notes[1]).toBe('did you mean "reviews.shop"?');
});

it('lists the endpoint of a name that Envoy resolves once, as translate does', async () => {
  const { clusters } = await json('--to', 'api.example.com:443');
  expect(clusters).toEqual([
    expect.objectContaining({
      discovery: 'dns',
      endpoints: [{ address: 'api.example.com:443', healthy: true, meshTls: false }],
    }),
  ]);
});

it('tells only what is wrong with policies that would not be served', async () => {
  const { code, stdout, stderr } = await weft('-f', 'wrong', '--to', 'reviews.shop');
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('policies/shop/reviews.yaml:41');
});

it('knows a caller by its bare name where no namespace is named and only one has it', async () => {
  const { code, stdout } = await weft('-f', 'open', '--from', 'reviews-1', '--to', 'reviews:9080', '-o', 'json');
  const { from, route } = JSON.parse(stdout);
  expect([code, from.name, from.namespace, route]).toEqual([
    0,
    'reviews-1',
    'shop',
    'VirtualService/shop/reviews[canary]',
  ]);
  const elsewhere = await weft('-f', 'open', '-n', 'bank', '--from', 'reviews-1', '--to', 'reviews:9080');
  expect([elsewhere.code, elsewhere.stderr]).toEqual([2, expect.stringContaining('did you mean "reviews-1.shop"?')]);
});

it.each([
  // What is wrong, and what to write instead.
  [['--to', 'http://reviews:9080/x?y=1'], 'not HOST or HOST:PORT', 'write --to reviews:9080 --path /x?y=1'],
  [['--to', 'reviews/x'], 'not HOST or HOST:PORT', 'write --to reviews --path /x'],
  [['--to', '::1'], 'not HOST or HOST:PORT', 'write --to [::1], or --to [::1]:9080'],
  [['--to', ''], 'not HOST or HOST:PORT', 'write --to reviews:9080'],
  [['--to', 'reviews:0'], '0 is no port', 'from 1 to 65535'],
  [['--to', 'reviews:700000'], '700000 is no port', 'from 1 to 65535'],
  [['--to', 'reviews', '--header', ':method: POST'], 'a flag of its own', 'use --method'],
  [['--to', 'reviews', '--header', 'a b: c'], 'is no header', 'write --header "end-user: ana"'],
  [['--to', 'reviews', '-H', 'end-user=eve'], 'is no header', 'write --header "end-user: eve"'],
  [['--to', 'db:5433', '--sni', '*.x y'], 'no name of a server', 'write --sni'],
  [['--to', 'reviews', '--from', ''], 'is no workload', 'leave it out'],
  [['--to', 'reviews', '--from', 'client'], 'is named "client"', 'leave the flag out for a caller of the namespace -n'],
])('%s: exit 2, says what is wrong and what to write', async (words, what, fix) => {
  const { code, stdout, stderr } = await ask(...words);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(what);
  expect(stderr.slice(stderr.indexOf('fix'))).toContain(fix);
});

it.each([
  // What decides nothing, or means something else than it seems, is said.
  [['--to', 'db:5432', '--method', 'POST'], 'the port is tcp, and nobody reads it'],
  [['--to', 'db:5432', '--header', 'a: b', '--from', 'reviews'], 'the port is tcp, and nobody reads it'],
  [['--to', 'db:5433', '--path', '/x'], 'the port is tls, and nobody reads it'],
  [['--to', 'db:5432', '--sni', 'db'], 'the server name decides nothing: the port is tcp'],
  [['--to', 'reviews', '--sni', 'db'], 'the server name decides nothing: the port is http'],
  [['--to', 'reviews', '--method', 'get'], 'get is another method than GET'],
  [['--to', 'nobody', '--method', 'Post'], 'Post is another method than POST'],
  [['--to', 'reviews', '--path', 'reviews'], 'paths begin with "/"'],
  [['--to', 'reviews', '--path', '/a#b'], 'programs keep what follows "#"'],
  [['--to', 'reviews', '--path', '/é'], '%C3%A9'],
  [['--to', 'reviews', '--header', 'a: \u0001'], 'it holds a control character'],
  [['--to', 'reviews', '--header', 'Host: a b'], '"a b" is no host of HTTP'],
  // A Host that nobody has is no other name of what --to says.
  [
    ['--to', 'reviews', '--header', 'Host: elsewhere.example'],
    'this caller knows no service called "elsewhere.example"',
  ],
  [['--to', 'reviews', '--header', 'Host: reviews:1'], 'reviews.shop has no such port: it has 9080 http'],
])('%s: notes %s', async (words, note) => {
  expect((await json(...words)).notes.join('\n')).toContain(note);
});

it('puts a check mark before what gets there by a rule alone, and names no fault of files that tell no endpoint', async () => {
  const text = async (...words: readonly string[]) => (await ask(...words)).stdout;
  expect(await text('--to', 'elsewhere.example')).toMatch(/^ {2}‼ unknown host, passed on/m);
  const known = await text('--to', 'reviews', '--header', 'x-user: ana', '--path', '/reviews');
  expect(known).toMatch(/^ {2}√ VirtualService\/shop\/reviews\[testers\]/m);
  expect(known).toContain('no endpoint in these files; who joins is not known from here');
  expect(await text('--to', 'db:5433', '--sni', '')).toMatch(/^tls db:5433, no server name/);
  expect(await text('--to', 'reviews', '--path', 'x')).toMatch(/^GET http:\/\/reviews "x"/);
});

it.each([
  [['--to', 'reviews:x'], 'WEFT0912'],
  [['--to', 'reviews:70000'], 'WEFT0912'],
  [['--to', 'reviews', '--header', 'none'], 'WEFT0912'],
  [['--to', 'reviews', '--method', 'G T'], 'WEFT0912'],
  [['--to', 'reviews', '--scheme', 'ftp'], 'WEFT0912'],
  [['--path', '/'], 'WEFT0912'],
  [['--to', 'reviews', '-n', 'A.b'], 'WEFT0912'],
  [['--to', 'reviews', '--from', 'nobody'], 'WEFT0920'],
])('%s: exit 2, %s', async (words, code) => {
  const answer = await ask(...words);
  expect([answer.code, answer.stdout]).toEqual([2, '']);
  expect(answer.stderr).toContain(code);
});
