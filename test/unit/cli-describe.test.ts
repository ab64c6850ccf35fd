import { beforeAll, expect, it } from 'vitest';
import type { Description } from '../../src/model/description.ts';
import { runVerb } from '../support/run-verb.ts';
import { testFolder } from '../support/test-folder.ts';

const { folder, write } = testFolder('weft-describe-');
const shop = `apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 80, targetPort: 9080}, {name: tcp, port: 90, targetPort: 9090}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-7, labels: {app: reviews, version: v1}}
spec: {address: 10.0.0.7, serviceAccount: reader}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - name: slow
      match: [{uri: {prefix: /slow}, headers: {x-test: {exact: "yes"}}}]
      timeout: 3s
      route: [{destination: {host: reviews, subset: v1}}]
    - route: [{destination: {host: reviews}}]
      corsPolicy: {allowOrigins: [{exact: https://shop.example}]}
      mirrors: [{destination: {host: reviews, subset: v1}, percentage: {value: 20}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}
  subsets:
    - name: v1
      labels: {version: v1}
      trafficPolicy: {loadBalancer: {simple: RANDOM}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers}
spec:
  selector: {matchLabels: {app: reviews}}
  rules:
    - from: [{source: {principals: [cluster.local/ns/shop/sa/frontend]}}]
      to: [{operation: {methods: [GET]}}]
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{name: http, port: 80, targetPort: 9080}]}
`;

const scoping = `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: own}
spec:
  egress:
    - hosts: [./reviews.shop.svc.cluster.local]
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
`;
const tokens = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt}
spec:
  selector: {matchLabels: {app: reviews}}
  jwtRules:
    - {issuer: https://login.example, jwksUri: https://login.example/keys}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: noted}
spec:
  selector: {matchLabels: {app: reviews}}
  action: AUDIT
  rules: [{to: [{operation: {methods: [PUT]}}]}]
`;
const ruled = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
`;
const file = 'policies/shop/reviews.yaml';
const documents = shop.split('---\n');
beforeAll(() => {
  write('good/policies/shop/reviews.yaml', documents.slice(0, -1).join('---\n'));
  write('wrong/policies/shop/reviews.yaml', shop.replace('timeout', 'timeuot'));
  const twice = '    - route: [{destination: {host: reviews}}]\n';
  write('noted/policies/shop/reviews.yaml', `${documents[0]}---\n${ruled}${twice}${twice}`);
  write('two/policies/shop/reviews.yaml', documents[0] ?? '');
  write('tokens/policies/shop/reviews.yaml', `${documents.slice(0, 2).join('---\n')}---\n${tokens}`);
  write('scoped/policies/shop/reviews.yaml', `${documents[0]}---\n${scoping}`);
  write('two/policies/bank/reviews.yaml', documents[0] ?? '');
});

const weft = (line: string) => runVerb(line.split(' '), { cwd: folder });
async function described(line: string) {
  const { code, stdout, stderr } = await weft(`describe ${line} -f good -o json`);
  if (code !== 0) throw new Error(stderr + stdout);
  const { sections, subject }: Description = JSON.parse(stdout);
  const rows = (name: string) =>
    sections
      .find((each) => each.name === name)
      ?.rows.map(({ text, by }) => (by === undefined ? text : `${text} | ${by}`));
  return { subject, rows, names: sections.map(({ name }) => name) };
}
/** The line of `good` on which a text stands. */
const lineOf = (text: string) => `${file}:${shop.slice(0, shop.indexOf(text)).split('\n').length}`;

it('a service: rules, values, subsets, endpoints, callers, each with the line that says so', async () => {
  const { subject, rows } = await described('service reviews');
  expect(subject).toBe('Service shop/reviews');
  expect(rows('port 80 http')).toEqual([
    expect.stringMatching(/^at each caller's local port \d+$/),
    'no host is unknown there: every request to it is for this service, whatever host it names',
    `1. /slow* x-test=yes -> reviews.shop:80 v1 | ${lineOf('match:').replace(/:\d+$/, '')}:${lineOf('match:').split(':')[1]}`,
    `   timeout 3 s | ${lineOf('timeout: 3s')}`,
    expect.stringMatching(/^ {3}retries attempts 2, .* \| default:D1$/),
    `2. any -> reviews.shop:80 | ${lineOf('- route: [{destination: {host: reviews}}]')}`,
    `   cors origins kind exact, value https://shop.example, forwardUnmatched yes | ${lineOf('corsPolicy')}`,
    '   timeout none | default:D3',
    expect.stringMatching(/^ {3}retries attempts 2, .* \| default:D1$/),
    `   mirrors 20% to reviews.shop:80 v1 | ${lineOf('mirrors:')}`,
  ]);
  expect(rows('port 80 http: values')?.slice(0, 2)).toEqual([
    `maxConnections 7 | ${lineOf('maxConnections')}`,
    'loadBalancer least-request | default:D5',
  ]);
  expect(rows('port 80 http, subset v1: what differs')).toEqual([`loadBalancer random | ${lineOf('RANDOM')}`]);
  expect(rows('port 80 http: endpoints')).toEqual([
    'reviews-7.shop at 10.0.0.7:9080, not probed, mesh TLS, version v1',
  ]);
  expect(rows('mTLS and callers')).toContain(
    `application port 9080: allowed: caller=cluster.local/ns/shop/sa/frontend, method=GET | ${lineOf('- from:')}`,
  );
  expect(rows('policies')).toEqual(
    ['AuthorizationPolicy', 'DestinationRule', 'VirtualService'].map((kind) =>
      expect.stringContaining(`${kind}/shop/re`),
    ),
  );
});

it('R11 R15: what no setting helps with is told where someone looks for it, and the way out', async () => {
  const { rows } = await described('service reviews.shop');
  const limits = rows('port 80 http: what a sidecar changes') ?? [];
  expect(limits.filter((row) => row.endsWith('transparency:R15'))).toHaveLength(6);
  expect(limits.filter((row) => row.endsWith('transparency:R11'))).toEqual([
    expect.stringContaining('do not see inside a CONNECT tunnel'),
  ]);
  expect(limits.at(-1)).toContain('declare the port as tcp');
  expect(rows('port 90 tcp: what a sidecar changes')).toBeUndefined();
});

it('R1 R17: connections of HTTP have an age, those of a TCP port none', async () => {
  const age = (text: string) => text.startsWith('maxConnectionDuration ');
  const service = await described('service reviews.shop');
  expect(service.rows('port 80 http: values')?.filter(age)).toEqual(['maxConnectionDuration 15 min | default:R17']);
  expect(service.rows('port 90 tcp: values')?.filter(age)).toEqual([]);
  const workload = await described('workload reviews-7');
  expect(workload.rows('application port 9080')?.filter(age)).toEqual(['maxConnectionDuration 15 min | default:R17']);
  expect(workload.rows('application port 9090')?.filter(age)).toEqual([]);
});

it('a workload: who it is, what it serves, what stands before its ports', async () => {
  const { subject, rows, names } = await described('workload reviews-7');
  expect(subject).toBe('Workload shop/reviews-7');
  expect(rows('workload')?.[0]).toBe(`10.0.0.7, not probed, weight 1 | ${lineOf('address: 10')}`);
  expect(rows('serves')?.[0]).toBe(
    `reviews.shop.svc.cluster.local:80 at 10.0.0.7:9080 | ${lineOf('metadata: {name: reviews}')}`,
  );
  expect(names).toContain('application port 9080');
  expect(rows('application port 9080')).toContain('mtls PERMISSIVE | default:D14');
  expect(rows('application port 9080')).toContain('requestsPerConnection 1 | default:R13');
});

it('a policy: what it acts on, and every value that proxies have because of it', async () => {
  const { rows } = await described('policy DestinationRule/shop/reviews');
  expect(rows('acts on')).toEqual([expect.stringContaining('reviews.shop.svc.cluster.local')]);
  const decides = rows('decides') ?? [];
  expect(decides).toContainEqual(
    expect.stringMatching(new RegExp(`:80 v1 loadBalancer random \\| ${lineOf('RANDOM')}$`)),
  );
  expect(decides).toContainEqual(expect.stringMatching(/:80 maxConnections 7 \|/));
  const rules = await described('policy AuthorizationPolicy/readers');
  expect(rules.rows('decides')).toContainEqual(
    expect.stringContaining('port 9080 allows by ns[shop]-policy[readers]-rule[0]'),
  );
});

it.each([
  [
    'RequestAuthentication/jwt',
    /port 9080 checks tokens of https:\/\/login\.example by RequestAuthentication\/shop\/jwt\[0\]/,
  ],
  ['AuthorizationPolicy/noted', /port 9080 notes by ns\[shop\]-policy\[noted\]-rule\[0\]/],
])('%s: what it does before programs is no nothing', async (object, row) => {
  const { stdout } = await weft(`describe policy ${object} -f tokens`);
  expect(stdout).toMatch(/acts on\n +reviews\.shop\.svc\.cluster\.local/);
  expect(stdout).toMatch(row);
  expect(stdout).not.toContain('nothing: no connected proxy');
});

it('a Sidecar: what it imports, and what becomes of other hosts', async () => {
  const { stdout } = await weft('describe policy Sidecar/own -f scoped');
  expect(stdout).toMatch(
    /shop -> calls imports .*reviews\.shop\.svc\.cluster\.local +policies\/shop\/reviews\.yaml:\d+/,
  );
  expect(stdout).toMatch(/shop -> calls unknownHosts refuse +policies\/shop\/reviews\.yaml:\d+/);
  const workload = await weft('describe proxy reviews.shop -f scoped');
  expect(workload.stdout).toContain('hosts that no service has: refuse');
  expect(workload.stdout).toContain('a local port, or a listener of a Sidecar, leads to its own services alone');
  expect(workload.stdout).toContain('imports ');
});

it('says what is meant where a name or a kind is not known, or is several', async () => {
  expect((await weft('describe service revews -f good')).stderr).toContain('did you mean "reviews"?');
  expect((await weft('describe servce reviews -f good')).stderr).toContain('did you mean "service"?');
  expect((await weft('describe policy reviews -f good')).stderr).toContain('write DestinationRule/shop/reviews');
  expect((await weft('describe service reviews -f two')).stderr).toMatch(
    /may be reviews\.(bank|shop) or reviews\.(bank|shop)/,
  );
  expect((await weft('describe service reviews -f two -n bank')).code).toBe(0);
  expect((await weft('describe service reviews.bank -f two')).stdout).toContain('Service bank/reviews');
});

it('shows the findings instead where policies have an error', async () => {
  const { code, stderr } = await weft('describe service reviews -f wrong');
  expect(code).toBe(1);
  expect(stderr).toContain('did you mean "timeout"?');
});

it('the findings about an object stand with it', async () => {
  const { stdout, code } = await weft('describe policy VirtualService/reviews -f noted');
  expect(code).toBe(0);
  expect(stdout).toMatch(/\nfindings\n {2}warning WEFT0130 .* policies\/shop\/reviews\.yaml:\d+\n/);
  expect((await weft('describe service reviews -f noted')).stdout).toContain('warning WEFT0130');
});

it('is a table for people: the places stand in one column', async () => {
  const { stdout } = await weft('describe policy DestinationRule/shop/reviews -f good');
  const places = stdout.split('\n').filter((line) => line.startsWith('  ') && line.includes(file));
  expect(places.length).toBeGreaterThan(2);
  expect(new Set(places.map((line) => line.indexOf(file))).size).toBe(1);
});

it('says of a service that outlier detection holds out none of so few endpoints, by the line that would', async () => {
  const another = (documents[1] ?? '').replace('reviews-7', 'reviews-8').replace('10.0.0.7', '10.0.0.8');
  const rule = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 3}}
`;
  write('held/policies/shop/reviews.yaml', [documents[0], documents[1], another, rule].join('---\n'));
  const { code, stdout } = await runVerb(['describe', 'service', 'reviews', '-f', 'held'], { cwd: folder });
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /outlier detection holds out none: 10 % of 2 endpoints is less than one +policies\/shop\/reviews/,
  );
  expect(stdout).toMatch(/info WEFT0132 holds out at most 10 % of the endpoints, as maxEjectionPercent is not written/);
});

it('P48: says where a call goes to the host that it names, and nothing of choosing there', async () => {
  write(
    'named/policies/shop/api.yaml',
    `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api}
spec:
  hosts: [api.test]
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 90, name: tcp, protocol: TCP}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api}
spec: {host: api.test, trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}}
`,
  );
  const { stdout } = await weft('describe service api.test -n shop -f named -o json');
  const { sections }: Description = JSON.parse(stdout);
  const rows = (name: string) => sections.find((each) => each.name === name)?.rows.map(({ text }) => text) ?? [];
  expect(rows('port 80 http')).toContain(
    'there a request goes to the host that it names, under REGISTRY_ONLY to names of this service alone',
  );
  expect(rows('port 90 tcp')).toContain('no host is unknown there: every connection to it is for this service');
  const choosing = (port: string) => rows(`${port}: values`).filter((row) => /^(?:loadBalancer|hash) /.test(row));
  expect(choosing('port 80 http')).toEqual([]);
  expect(choosing('port 90 tcp')).toHaveLength(2);
});

/** The rows of a section of `weft describe`, of files that are written first. */
async function rowsOf(place: string, policies: Readonly<Record<string, string>>, line: string, name: string) {
  for (const [namespace, text] of Object.entries(policies)) write(`${place}/policies/${namespace}/a.yaml`, text);
  const { stdout } = await weft(`describe ${line} -f ${place} -o json`);
  const { sections }: Description = JSON.parse(stdout);
  return sections.find((each) => each.name === name)?.rows.map(({ text, by }) => `${text} | ${by ?? ''}`);
}

const object = (kind: string, name: string, spec: string) =>
  `---\napiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
const v2 = '{destination: {host: reviews, subset: v2}}';

it('P10 P21: a service, rules and values that are for other callers alone, with whose they are', async () => {
  const routes = `{hosts: [reviews], http: [
    {match: [{sourceLabels: {role: tester}, uri: {prefix: /new}}], timeout: 3s, route: [${v2}]},
    {match: [{sourceNamespace: bank}], route: [{destination: {host: reviews}}], timeout: 2s},
    {route: [{destination: {host: reviews}}], timeout: 1s}]}`;
  const rule = '{host: reviews, subsets: [{name: v2, labels: {version: v2}}]}';
  const chosen =
    '{host: reviews, workloadSelector: {matchLabels: {app: batch}}, subsets: [{name: v2, labels: {version: v2}}], trafficPolicy: {loadBalancer: {simple: RANDOM}}}';
  const shop = `${documents[0]}${object('VirtualService', 'reviews', routes)}${object('DestinationRule', 'reviews', rule)}${object('DestinationRule', 'batch', chosen)}`;
  const at = (text: string) => `policies/shop/a.yaml:${shop.slice(0, shop.indexOf(text)).split('\n').length}`;
  const retries = 'retries attempts 2, ';
  expect(await rowsOf('callers', { shop }, 'service reviews', 'other callers')).toEqual([
    `shop {"app":"batch"}, port 80: loadBalancer random | ${at('RANDOM')}`,
    `shop {"app":"batch"}, port 80: v2 loadBalancer random | ${at('RANDOM')}`,
    `shop {"app":"batch"}, port 90: loadBalancer random | ${at('RANDOM')}`,
    `shop {"app":"batch"}, port 90: v2 loadBalancer random | ${at('RANDOM')}`,
    `shop {"role":"tester"}, port 80: 1. /new* -> reviews.shop:80 v2 | ${at('sourceLabels')}`,
    `shop {"role":"tester"}, port 80:    timeout 3 s | ${at('3s')}`,
    expect.stringContaining(`shop {"role":"tester"}, port 80:    ${retries}`),
    `bank, port 80: without rule 1 | `,
    `bank, port 80: 1. any -> reviews.shop:80 | ${at('sourceNamespace')}`,
    `bank, port 80:    timeout 2 s | ${at('2s')}`,
    expect.stringContaining(`bank, port 80:    ${retries}`),
  ]);
});

it('P9 P20: a policy acts where no other goes before it, and who does is told', async () => {
  const reviews = documents[0] ?? '';
  const ratings = reviews.replaceAll('reviews', 'ratings');
  const direct = '[{directResponse: {status: 503}}]';
  const shop = `${reviews}---\n${ratings}${object('VirtualService', 'all', `{hosts: ["*.shop.svc.cluster.local"], http: ${direct}}`)}${object('VirtualService', 'own', `{hosts: [reviews], http: ${direct}}`)}${object('DestinationRule', 'own', '{host: reviews, trafficPolicy: {loadBalancer: {simple: RANDOM}}}')}`;
  const root = object(
    'DestinationRule',
    'mesh',
    '{host: "*.svc.cluster.local", trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}',
  ).replace('---\n', '');
  const files = { shop, 'istio-system': root };
  const told = async (policy: string, section: string) =>
    (await rowsOf('taken', files, `policy ${policy}`, section))?.map((row) => row.replace(/ \| policies.*/, ''));
  const [host, other] = ['reviews.shop.svc.cluster.local', 'ratings.shop.svc.cluster.local'];
  expect(await told('VirtualService/all', 'acts on')).toEqual([other]);
  expect(await told('VirtualService/all', 'others act instead')).toEqual([`${host}: VirtualService/shop/own`]);
  // What the callers' own namespace says goes first.
  expect(await told('DestinationRule/mesh', 'acts on')).toEqual([other, `${host}, for callers of istio-system`]);
  expect(await told('DestinationRule/mesh', 'others act instead')).toEqual([
    `${host}: DestinationRule/shop/own for callers of shop, other namespaces`,
  ]);
  expect(await told('VirtualService/own', 'others act instead')).toBeUndefined();
  expect(await rowsOf('taken', files, 'service reviews', 'policies')).toEqual([
    expect.stringContaining('DestinationRule/istio-system/mesh'),
    expect.stringContaining('DestinationRule/shop/own'),
    expect.stringContaining('VirtualService/shop/own'),
  ]);
  // A consumer's own rules act for its callers, and the service's for all others.
  const consumer = object(
    'VirtualService',
    'mine',
    `{hosts: [reviews.shop.svc.cluster.local], exportTo: ["."], http: ${direct}}`,
  ).replace('---\n', '');
  for (const policy of ['VirtualService/own', 'VirtualService/mine'])
    expect(await rowsOf('consumed', { shop, bank: consumer }, `policy ${policy}`, 'acts on')).toEqual([
      expect.stringContaining('reviews.shop.svc.cluster.local'),
    ]);
});

it('P15 P18: what a rule changes, and what each of its destinations does', async () => {
  const to = (more: string) => `{destination: {host: reviews}, ${more}}`;
  const headers = 'headers: {request: {set: {x-env: prod, x-b: c}, remove: [x-old]}}';
  const shop = `${documents[0]}${object(
    'VirtualService',
    'reviews',
    `{hosts: [reviews], http: [
    {match: [{uri: {prefix: /one}}], ${headers}, route: [${to('headers: {response: {add: {x-only: a}}}')}]},
    {${headers}, route: [${to('weight: 9')}, {destination: {host: reviews, subset: v1}, weight: 1, headers: {response: {add: {x-from: v1}}}}]}]}`,
  )}${object('DestinationRule', 'reviews', '{host: reviews, subsets: [{name: v1, labels: {version: v1}}]}')}`;
  const rows = (await rowsOf('headers', { shop }, 'service reviews', 'port 80 http'))?.map((row) =>
    row.replace(/ \| policies.*/, ''),
  );
  const request = '   headers request (set x-b: c, x-env: prod, remove x-old)';
  expect(rows?.filter((row) => /headers|weight/.test(row))).toEqual([
    request,
    '   headers response (add x-only: a)',
    request,
    '   to reviews.shop:80: weight 9',
    '   to reviews.shop:80 v1: weight 1',
    '   to reviews.shop:80 v1: headers response (add x-from: v1)',
  ]);
});

it('an object of the registry: what it declares, and not that it decides nothing', async () => {
  expect((await described('policy Service/reviews')).rows('declares')).toEqual([
    `service reviews.shop.svc.cluster.local, ports 80 http, 90 tcp | ${file}:3`,
  ]);
  const entry = await described('policy WorkloadEntry/reviews-7');
  expect(entry.rows('declares')).toEqual([expect.stringMatching(/^workload reviews-7\.shop at 10\.0\.0\.7 \| /)]);
  expect(entry.names).not.toContain('decides');
});

it('rules on connections are among what a policy decides', async () => {
  const routes =
    '{hosts: [reviews], tcp: [{match: [{port: 90}], route: [{destination: {host: reviews, port: {number: 90}}}]}]}';
  const shop = `${documents[0]}${object('VirtualService', 'reviews', routes)}`;
  expect(await rowsOf('connections', { shop }, 'policy VirtualService/reviews', 'decides')).toEqual([
    expect.stringMatching(
      /^shop -> reviews\.shop\.svc\.cluster\.local:90 rule \[tcp\.0\] \| policies\/shop\/a\.yaml:\d+$/,
    ),
  ]);
});
