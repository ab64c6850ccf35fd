import { expect, test } from 'vitest';
import { authorizationLines } from '../../src/cli/render/authorization-answer.ts';
import { createAuthorizationWindow } from '../../src/control-plane/authorization-window.ts';
import { createFailingQuestions } from '../../src/control-plane/failing-questions.ts';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import type { PolicyState } from '../../src/control-plane/policy-source.ts';
import { answerRoute } from '../../src/control-plane/route-answer.ts';
import { callerOf } from '../../src/control-plane/route-caller.ts';
import type { CheckLine } from '../../src/model/check-answer.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import { createCell } from '../../src/model/readable.ts';
import type { AnswerProxies } from '../../src/model/route-answer.ts';
import type { EdgeRow } from '../../src/model/traffic.ts';
import type { Workload } from '../../src/model/workload.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import type { ClusterTrouble } from '../../src/telemetry/cluster-troubles.ts';
import type { OwnAnswers } from '../../src/telemetry/own-questions.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { byId, settings, workload } from '../support/registry-values.ts';
import { proxy } from '../support/telemetry-values.ts';

/* What `weft check --from A --to B` says of a running mesh, beside what is decided. */
const yaml = `apiVersion: v1
kind: Service
metadata: { name: orders, namespace: shop }
spec: { selector: { app: orders }, ports: [{ name: http, port: 80, targetPort: 9080 }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: orders, namespace: shop }
spec:
  host: orders
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: shop }
spec:
  hosts: [orders]
  http:
    - route:
        - { destination: { host: orders, subset: v1 }, weight: 75 }
        - { destination: { host: orders, subset: v2 }, weight: 25 }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-posts, namespace: shop }
spec: { selector: { matchLabels: { app: orders } }, action: DENY, rules: [{ to: [{ operation: { methods: [POST] } }] }] }
`;

const healthCheck = `apiVersion: weft.dev/v1alpha1
kind: HealthCheck
metadata: { name: orders, namespace: shop }
spec: { host: orders, http: { path: /healthz } }
`;

const web = workload('web-1', 'web', 19_080);
const orders = (version: string, over: Partial<Workload> = {}) =>
  workload(`orders-${version}`, 'orders', version === 'v1' ? 19_081 : 19_082, {
    labels: { app: 'orders', version },
    granted: { app: 'orders', version },
    ...over,
  });
const whole = { namespace: 'shop', host: 'orders', method: 'GET', path: '/', headers: [] };
const connected: AnswerProxies = { connected: 1, otherwise: [] };

interface Live {
  readonly workloads?: readonly Workload[];
  readonly edges?: readonly EdgeRow[];
  readonly troubles?: readonly ClusterTrouble[];
  readonly proxies?: AnswerProxies;
  readonly from?: string;
  readonly yaml?: string;
  readonly providers?: string;
  readonly host?: string;
  /** For how long sidecars are away; 0: nobody knows. */
  readonly lost?: Readonly<Record<string, number>>;
  /** What sidecars say of their questions to an authorizer. */
  readonly questions?: Pick<OwnAnswers, 'failed' | 'answered'>;
}

function windowOf(live: Live) {
  const providers = live.providers === undefined ? [] : [{ path: 'meshconfig.yaml', text: live.providers }];
  const files = [{ path: 'a.yaml', text: live.yaml ?? yaml }, ...providers];
  const options = { commit: 'c1', rootNamespace: settings.rootNamespace, folders: 'free' } as const;
  const { policies, diagnostics } = parsePolicies(files, options);
  if (policies === undefined) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  const joined = byId(web, ...(live.workloads ?? [orders('v1'), orders('v2')]));
  const mesh = offlineMesh({ policies, settings, joined });
  const sidecars = new Map<string, Proxy>(
    [...joined.values()]
      .filter(({ id }) => live.lost?.[id] === undefined)
      .map(({ id, name, service = '', labels, ports }) => {
        const own = ports.map(({ port, endpointPort, protocol = 'http' }) => ({
          port,
          inbound: endpointPort,
          protocol,
        }));
        return [id, { ...proxy(name, service), id, labels, ports: own }];
      }),
  );
  const clock = fakeClock(1_700_000_000_000);
  const logger = { warn: () => undefined, info: () => undefined };
  const failing = createFailingQuestions({ mesh: createCell(mesh), logger, clock });
  for (const sidecar of sidecars.values())
    if (live.questions) failing.record(sidecar, { kind: 'answers', to: 'authorizer', ...live.questions });
  return createAuthorizationWindow({
    mesh: createCell(mesh),
    policies: {
      location: '',
      state: createCell<PolicyState>({
        history: [],
        diagnostics: [],
        checks: { passed: 0, failed: 0 },
        checkMilliseconds: 0,
      }),
      refresh: async () => undefined,
      recheck: async () => undefined,
      stop: async () => undefined,
    },
    proxyOf: (id) => sidecars.get(id),
    certificates: () => [],
    route: (question) => ({
      ...answerRoute(mesh, callerOf(mesh, question), question),
      proxies: live.proxies ?? connected,
    }),
    edges: () => live.edges ?? [],
    troubles: () => live.troubles ?? [],
    failing,
    lostFor: (id) => live.lost?.[id] || undefined,
    clock,
  });
}

function lines(live: Live = {}): readonly CheckLine[] {
  return windowOf(live).check({ ...whole, from: live.from ?? 'web', ...(live.host && { host: live.host }) }).lines;
}
const said = (live: Live) =>
  lines(live).map(({ name, result, text, detail }) =>
    [`${result} ${name}`, text, ...(detail === undefined ? [] : [detail])].join(' | '),
  );

const edge: EdgeRow = {
  ...{ from: 'web', fromNamespace: 'shop', to: 'orders', toNamespace: 'shop', protocol: 'http', reporter: 'source' },
  ...{ requests: 20, rps: 1, success: 1, split: [], flags: [], codes: [{ name: '200', count: 20 }] },
};

test('whoever nobody probes is not called healthy', () => {
  expect(said({})[0]).toBe('good knows | web-1 knows orders.shop | 2 endpoints, not probed');
  const probed = (over: Partial<Workload> = {}) => ({ group: { name: 'g', probed: true as const }, ...over });
  const group = `${yaml}---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: g, namespace: shop }
spec: { template: { serviceAccount: orders }, probe: { tcpSocket: { port: 9080 } } }
`;
  const detail = (...workloads: readonly Workload[]) => lines({ yaml: group, workloads })[0]?.detail;
  expect(detail(orders('v1', probed()), orders('v2', probed()))).toBe('2 endpoints, all healthy');
  expect(detail(orders('v1', probed()), orders('v2'))).toBe('2 endpoints, 1 healthy, 1 not probed');
  expect(detail(orders('v1', probed()), orders('v2', probed({ health: 'unhealthy' })))).toBe('2 endpoints, 1 healthy');
});

test('a share that comes to nobody is bad, as weft route has it', () => {
  const rows = said({ workloads: [orders('v1')] });
  expect(rows.slice(0, 2)).toEqual([
    'good knows | web-1 knows orders.shop | 1 endpoint, not probed',
    'bad route | VirtualService/shop/orders[0] -> v1 75%, v2 25% | no endpoint of v2: 25% of the calls get 503 UH',
  ]);
  expect(said({ workloads: [orders('v1'), orders('v2', { health: 'unhealthy' })] })[1]).toContain('none healthy of v2');
  expect(said({ workloads: [] })[0]).toBe('bad knows | web-1 knows orders.shop | no endpoint: 503 UH');
});

test('calls of the last minute that failed, and what is held out', () => {
  expect(lines({ edges: [edge] }).every(({ name }) => name !== 'calls')).toBe(true);
  const failing: EdgeRow = {
    ...{ ...edge, success: 0.15 },
    ...{
      codes: [
        { name: '503', count: 17 },
        { name: '200', count: 3 },
      ],
      flags: [{ name: 'UF', count: 17 }],
    },
  };
  const cluster = 'out_shop_orders_80_v2';
  const troubles = [{ proxy: proxy('web-1', 'web'), cluster, ejected: { endpoints: 1, of: 1 }, tls: new Map() }];
  expect(said({ edges: [failing, { ...failing, from: 'other' }], troubles }).slice(-2)).toEqual([
    'bad ejected | web-1.shop holds out 1 of 1 of orders.shop v2: calls there failed too often',
    'bad calls | 17 of 20 calls to orders failed in the last minute | 503 17, UF 17',
  ]);
  const rare = { ...failing, requests: 1_000, success: 0.995 };
  expect(said({ edges: [rare] }).at(-1)).toContain('warning calls | 5 of 1000 calls');
  const some = troubles.map((each) => ({ ...each, ejected: { endpoints: 1, of: 3 } }));
  expect(said({ troubles: some }).at(-1)).toContain('warning ejected');
  const unhealthy = [{ proxy: proxy('web-1', 'web'), cluster, unhealthy: { endpoints: 1, of: 1 }, tls: new Map() }];
  // Without a HealthCheck nobody checks any more: what was heard before is of no use.
  expect(said({ troubles: unhealthy })).toHaveLength(4);
  const checked = said({ yaml: `${yaml}---\n${healthCheck}`, troubles: unhealthy });
  expect(checked.at(-1)).toBe(
    'warning unhealthy | web-1.shop holds out 1 of 1 of orders.shop v2: its health checks fail there | where fewer than 50% are well, all are called (D8)',
  );
  // Calls of others say nothing of whoever only proves itself so.
  expect(said({ edges: [failing], troubles, from: 'demo.mesh/ns/shop/sa/web' })).toHaveLength(4);
});

test('a proxy of the caller that refused what is decided', () => {
  const otherwise = [
    { proxy: 'web-2.shop', state: 'behind' },
    { proxy: 'web-1.shop', state: 'refused', resource: 'r', refusal: { message: 'no', by: 'web-1', at: '' } },
  ] as const;
  expect(said({ proxies: { connected: 2, otherwise } }).at(-1)).toBe(
    'bad held | web-1.shop refused it: r and 1 more | no',
  );
  expect(said({ proxies: { connected: 2, otherwise: otherwise.slice(0, 1) } }).at(-1)).toContain('warning held');
});

test('a sidecar that is away is no sidecar that is missing: its policies act there as it had them', () => {
  const lost = { 'orders-v2.shop': 4_300 };
  const rows = said({ lost });
  expect(rows.slice(3)).toContain(
    'warning mTLS | mesh TLS is spoken to orders-v2.shop, whose sidecar is disconnected since 4 s',
  );
  const away = 'its sidecar is disconnected since 4 s; its policies act there as it had them';
  expect(rows).toContain(`warning authz | orders-v2.shop: not known: ${away}`);
  expect(rows.join()).not.toContain('no sidecar');
  const question = { ...whole, from: 'web' };
  const answer = windowOf({ lost }).answer(question);
  expect(answer.answers.map(({ outcome, why }) => [outcome, why])).toEqual([
    ['allowed', 'no-allow-policy'],
    ['unknown', 'disconnected'],
  ]);
  expect(authorizationLines(answer, question, {}).join()).toContain(`unknown: ${away}`);
  // A control plane that has just started knows whom it had, and not since when they are away.
  const started = { 'orders-v1.shop': 0, 'orders-v2.shop': 0, 'web-1.shop': 0 };
  expect(said({ lost: started }).at(-1)).toBe(
    'warning authz | not known: its sidecar is disconnected since before the control plane started; its policies act there as it had them',
  );
  // Whom a file places has none.
  const entry = `${yaml}---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: old, namespace: shop }
spec: { address: 10.0.0.9, labels: { app: orders, version: v1 } }
`;
  expect(said({ yaml: entry, workloads: [orders('v2')] })).toContain(
    'warning authz | old.shop: allowed: no sidecar, so no policy acts',
  );
});

test('TLS that the sidecar begins is no plaintext', () => {
  const outside = (resolution: string) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec: { hosts: [api.example.com], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: ${resolution} }
---
`;
  const rule = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api, namespace: shop }
spec: { host: api.example.com, trafficPolicy: { tls: { mode: SIMPLE, sni: api.example.com } } }
`;
  const host = 'api.example.com';
  const begun = 'good mTLS | TLS begun by the sidecar to api.example.com | no mesh identity is shown there';
  expect(said({ yaml: outside('DNS') + rule, host })).toContain(begun);
  expect(said({ yaml: outside('NONE') + rule, host })).toContain(begun);
  expect(said({ yaml: outside('DNS'), host }).join()).toContain('plaintext: api.example.com is an external host');
  // Nobody reads what the program sends there: it may be TLS.
  const bytes = outside('DNS').replace('name: http, protocol: HTTP', 'name: tcp, protocol: TCP');
  expect(said({ yaml: bytes, host }).join()).toContain(
    'good mTLS | as the program sends it: api.example.com is an ext',
  );
});

const asking = `${yaml}---
apiVersion: v1
kind: Service
metadata: { name: judge, namespace: shop }
spec: { selector: { app: judge }, ports: [{ name: grpc, port: 90 }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask, namespace: shop }
spec: { selector: { matchLabels: { app: orders } }, action: CUSTOM, provider: { name: judge }, rules: [{}] }
`;

const at = 'service: judge.shop.svc.cluster.local, port: 90';
const http = 'envoyExtAuthzHttp';
const judge = workload('judge-1', 'judge', 19_090, { ports: [{ port: 90, endpointPort: 19_090, protocol: 'grpc' }] });
const ofJudge = (provider: string, live: Live = {}) =>
  lines({
    yaml: asking,
    providers: `extensionProviders:\n- name: judge\n  ${provider}\n`,
    ...live,
    workloads: [orders('v1'), ...(live.workloads ?? [])],
  }).filter(({ name }) => name === 'authz');

test('an authorizer without an endpoint does not answer', () => {
  expect(ofJudge(`envoyExtAuthzGrpc: { ${at} }`)).toMatchObject([
    {
      result: 'bad',
      text: '403: the authorizer judge is asked, and does not answer',
      by: { file: 'a.yaml', field: 'spec.rules[0]' },
    },
    {
      result: 'bad',
      text: 'judge.shop has no endpoint at port 90',
      by: { file: 'meshconfig.yaml', line: 2 },
      fix: expect.stringContaining('start a workload of judge.shop'),
    },
  ]);
  expect(ofJudge(`${http}: { ${at}, statusOnError: "503" }`)[0]?.text).toMatch(/^503: /);
  const open = ofJudge(`${http}: { ${at}, failOpen: true }`);
  expect(open.map(({ result }) => result)).toEqual(['warning', 'warning']);
  expect(open[0]?.text).toMatch(/^allowed by failOpen: .* does not answer$/);
  const ill = ofJudge(`envoyExtAuthzGrpc: { ${at} }`, { workloads: [{ ...judge, health: 'unhealthy' }] });
  expect(ill[1]?.text).toBe('judge.shop has no healthy endpoint at port 90');
});

test('an authorizer that has an endpoint: what its newest answers were is told', () => {
  const provider = `envoyExtAuthzGrpc: { ${at}, statusOnError: "503", timeout: 2s }`;
  const told = (questions?: Live['questions']) =>
    ofJudge(provider, { workloads: [judge], ...(questions && { questions }) });
  expect(told()).toMatchObject([{ result: 'good', text: 'the authorizer judge is asked, and decides' }]);
  expect(told({ failed: 3, answered: 0 })).toMatchObject([
    { result: 'bad', text: '503: the authorizer judge is asked, and does not answer', by: { file: 'a.yaml' } },
    {
      result: 'bad',
      text: 'judge.shop did not answer orders-v1.shop at port 90: 3 questions failed just now',
      by: { file: 'meshconfig.yaml', line: 2 },
      fix: 'judge.shop:90 must answer within 2 s by gRPC (envoy.service.auth.v3.Authorization); weft check --from orders-v1.shop --to judge.shop:90 says whether it may be called',
    },
  ]);
  expect(told({ failed: 3, answered: 1 })).toMatchObject([
    { result: 'warning', text: 'the authorizer judge is asked, and does not always answer' },
    { result: 'warning' },
  ]);
  expect(told({ failed: 0, answered: 1 })).toHaveLength(1);
});

test('a key server without an endpoint: whoever brings a token is told 401', () => {
  const tokens = (uri: string) => `${yaml}---
apiVersion: v1
kind: Service
metadata: { name: keys, namespace: shop }
spec: { selector: { app: keys }, ports: [{ name: http, port: 80 }] }
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec:
  selector: { matchLabels: { app: orders } }
  jwtRules: [{ issuer: "https://a.example", jwksUri: "${uri}" }]
`;
  const of = (uri: string) => ({ yaml: tokens(uri), workloads: [orders('v1')] });
  const [line] = lines(of('http://keys/jwks')).filter(({ name }) => name === 'tokens');
  expect(line).toMatchObject({
    result: 'bad',
    text: 'orders-v1.shop cannot fetch the keys of https://a.example at http://keys/jwks: a token of that issuer gets 401',
    detail: 'key server: keys.shop has no endpoint at port 80',
    by: { field: 'spec.jwtRules[0].jwksUri' },
  });
  expect(said(of('http://nobody/jwks')).join()).toContain(
    'key server: orders-v1.shop knows no service nobody.shop with port 80',
  );
  expect(said(of('https://keys.example/jwks')).join()).not.toContain('cannot fetch');
  const ask = (claims: object) =>
    windowOf(of('http://keys/jwks')).answer({ ...whole, from: 'web', claims: { ...claims } });
  const answer = ask({ iss: 'https://a.example' });
  expect(answer.answers.map(({ outcome, why }) => [outcome, why])).toEqual([['unknown', 'no-keys']]);
  expect(authorizationLines(answer, whole, {}).join()).toContain(
    'unknown: 401, unless keys from before are still good: the keys of https://a.example at http://keys/jwks cannot be fetched: keys.shop has no endpoint',
  );
  expect(ask({ iss: 'https://b.example' }).answers[0]?.why).toBe('answered');
});

test('what the sidecar of the caller answers itself reaches nobody', () => {
  const rule = (text: string) => `apiVersion: v1
kind: Service
metadata: { name: orders, namespace: shop }
spec: { selector: { app: orders }, ports: [{ name: http, port: 80, targetPort: 9080 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: shop }
spec: { hosts: [orders], http: [{ ${text} }] }
`;
  const route = (text: string) => said({ yaml: rule(text), workloads: [orders('v1')] })[1];
  const to = 'route: [{ destination: { host: orders } }]';
  const name = 'route | VirtualService/shop/orders[0]';
  expect(route('directResponse: { status: 503 }')).toBe(`bad ${name}: 503 by the sidecar of the caller`);
  expect(route('directResponse: { status: 204 }')).toBe(`warning ${name}: 204 by the sidecar of the caller`);
  const abort = (what: string) => route(`fault: { abort: { ${what} } }, ${to}`);
  expect(abort('httpStatus: 418, percentage: { value: 100 }')).toBe(
    `bad ${name}: 418 by a fault, for 100% of the calls`,
  );
  expect(abort('grpcStatus: UNAVAILABLE, percentage: { value: 2.5 }')).toBe(
    `warning ${name}: gRPC status 14 by a fault, for 2.5% of the calls`,
  );
});

test('the address at which a workload is called is known', () => {
  const rule = (cidr: string) => `${yaml}---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: here, namespace: shop }
spec: { selector: { matchLabels: { app: orders } }, rules: [{ when: [{ key: destination.ip, values: ["${cidr}"] }] }] }
`;
  const outcome = (cidr: string) => windowOf({ yaml: rule(cidr) }).answer({ ...whole, from: 'web' }).outcome;
  expect(outcome(`${orders('v1').address}/32`)).toBe('allowed');
  expect(outcome('192.0.2.0/24')).toBe('refused');
});
