import { describe, expect, test } from 'vitest';
import { createAdminServer } from '../../src/admin/admin-server.ts';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { answerRoute } from '../../src/control-plane/route-answer.ts';
import { callerOf } from '../../src/control-plane/route-caller.ts';
import type { RouteAnswer, RouteQuestion } from '../../src/model/route-answer.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { fakeSource } from '../support/fake-admin-source.ts';

const settings = { trustDomain: 'demo.mesh', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };

const service = (name: string, ports: string) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [${ports}] }
`;
const rules = (name: string, namespace: string, spec: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}
`;
const http = '{ name: http, port: 80 }';
const to = 'route: [{ destination: { host: reviews.shop.svc.cluster.local } }]';

/** What is answered to a caller; YAML documents make the mesh. */
function answer(documents: readonly string[], question: Partial<RouteQuestion>): RouteAnswer {
  const options = { commit: '4f1c2ab', rootNamespace: settings.rootNamespace, folders: 'free' } as const;
  const { policies, diagnostics } = parsePolicies([{ path: 'a.yaml', text: documents.join('---') }], options);
  if (policies === undefined) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join('\n'));
  const mesh = offlineMesh({ policies, settings });
  const whole = { namespace: 'shop', host: 'reviews', method: 'GET', path: '/', headers: [], ...question };
  return answerRoute(mesh, callerOf(mesh, whole), whole);
}

const verdicts = ({ candidates }: RouteAnswer) =>
  candidates.map(({ name, verdict, condition }) => [name, verdict, condition?.field]);

describe('which rule takes a request', () => {
  const reviews = service('reviews', http);

  test('P9 the rules of the client before those for everybody', () => {
    const objects = [
      reviews,
      rules('producer', 'shop', `{ hosts: [reviews], http: [{ ${to} }] }`),
      rules('consumer', 'bank', `{ hosts: [reviews.shop.svc.cluster.local], exportTo: ["."], http: [{ ${to} }] }`),
    ];
    expect(answer(objects, {}).route).toBe('VirtualService/shop/producer[0]');
    const fromBank = answer(objects, { namespace: 'bank', host: 'reviews.shop' });
    expect(fromBank.route).toBe('VirtualService/bank/consumer[0]');
  });

  test('P10 where no rule is left for the caller and port, the service itself', () => {
    const toPort = 'route: [{ destination: { host: reviews, port: { number: 80 } } }]';
    const spec = `{ hosts: [reviews], http: [{ match: [{ port: 81 }], ${toPort} }, { match: [{ sourceNamespace: bank }], ${toPort} }] }`;
    const both = service('reviews', '{ name: http, port: 80 }, { name: http-other, port: 81 }');
    expect(verdicts(answer([both, rules('r', 'shop', spec)], { port: 80 }))).toEqual([
      ['VirtualService/shop/r[0]', 'differs', 'port'],
      ['VirtualService/shop/r[1]', 'differs', 'sourceNamespace'],
      ['default/shop/reviews', 'chosen', undefined],
    ]);
  });

  test('P11 what stands behind a rule for everything is not asked, whether or not that one is reached', () => {
    const spec = `{ hosts: [reviews], http: [{ name: a, match: [{ method: { exact: PUT } }], ${to} }, { name: b, ${to} }, { name: c, match: [{ uri: { exact: /c } }], ${to} }, { name: d, match: [{ sourceNamespace: bank }], ${to} }] }`;
    const objects = [reviews, rules('r', 'shop', spec)];
    expect(verdicts(answer(objects, { path: '/c' }))).toEqual([
      ['VirtualService/shop/r[a]', 'differs', 'method'],
      ['VirtualService/shop/r[b]', 'chosen', undefined],
      ['VirtualService/shop/r[c]', 'behind', undefined],
      ['VirtualService/shop/r[d]', 'differs', 'sourceNamespace'],
    ]);
    expect(verdicts(answer(objects, { method: 'PUT' })).map(([, verdict]) => verdict)).toEqual([
      'chosen',
      'behind',
      'behind',
      'differs',
    ]);
  });

  test('P12 a header that must not be there is told by the name that was written', () => {
    const spec = `{ hosts: [reviews], http: [{ match: [{ withoutHeaders: { X-Bot: { regex: ".*" } } }], ${to} }] }`;
    const { outcome, candidates } = answer([reviews, rules('r', 'shop', spec)], { headers: [['x-bot', 'yes']] });
    expect(outcome).toBe('no-rule');
    expect(candidates[0]?.condition).toMatchObject({
      field: 'withoutHeaders.X-Bot',
      wanted: 'is not one that matches ".*" as a whole',
      got: 'yes',
    });
  });

  test('a Host header stands before the host; a destination that is gone is told', () => {
    const spec = `{ hosts: [reviews], http: [{ route: [{ destination: { host: reviews, subset: v9 } }] }] }`;
    const { request, notes, clusters } = answer([reviews, rules('r', 'shop', spec)], {
      host: 'elsewhere',
      headers: [['Host', 'reviews']],
    });
    expect(request?.authority).toBe('reviews');
    expect(clusters).toEqual([expect.not.objectContaining({ discovery: expect.anything() })]);
    expect(notes).toEqual(['there is no destination out_shop_reviews_80_v9: calls that go there get 503 (NC)']);
  });

  test('endpoints that wait until others fail say so (D12)', () => {
    const entry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec:
  hosts: [api.example.com]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: 192.0.2.1, labels: { rack: r1 } }, { address: 192.0.2.2, labels: { rack: r2 } }]
`;
    const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api, namespace: shop }
spec:
  host: api.example.com
  trafficPolicy:
    outlierDetection: {}
    loadBalancer: { localityLbSetting: { failoverPriority: [rack=r2] } }
`;
    const [cluster] = answer([entry, rule], { host: 'api.example.com' }).clusters;
    expect(cluster?.endpoints.map(({ address, priority }) => [address, priority])).toEqual([
      ['192.0.2.1:80', 1],
      ['192.0.2.2:80', undefined],
    ]);
  });

  test('P48 a service that is not exported to the caller is named', () => {
    const entry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec: { hosts: [api.example.com], exportTo: ["."], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS }
`;
    const { outcome, notes } = answer([entry], { namespace: 'bank', host: 'api.example.com' });
    expect(outcome).toBe('pass');
    expect(notes[0]).toBe(
      'this caller knows no service called "api.example.com": exportTo of api.example.com keeps it from namespace bank',
    );
  });
});

describe('which rule takes a connection', () => {
  const vault = service('vault', '{ name: tls, port: 443 }');
  const destination = 'route: [{ destination: { host: vault } }]';
  const spec = `{ hosts: [vault, "*.vault.test"], tls: [{ match: [{ sniHosts: ["*.vault.test"] }], ${destination} }, { match: [{ sniHosts: [a.vault.test] }], ${destination} }] }`;
  const objects = [vault, rules('v', 'shop', spec)];

  test('P19 the one that names the server most closely, wherever it stands', () => {
    expect(verdicts(answer(objects, { host: 'vault', port: 443, serverName: 'A.vault.test' }))).toEqual([
      ['VirtualService/shop/v[tls.0]', 'closer', undefined],
      ['VirtualService/shop/v[tls.1]', 'chosen', undefined],
    ]);
    expect(verdicts(answer(objects, { host: 'vault', serverName: 'b.vault.test' }))).toEqual([
      ['VirtualService/shop/v[tls.0]', 'chosen', undefined],
      ['VirtualService/shop/v[tls.1]', 'differs', 'sniHosts'],
    ]);
  });

  test('R11 a tunnel goes where connections go whose server nobody sees', () => {
    const { route, notes } = answer(objects, { host: 'vault', port: 443, method: 'CONNECT' });
    expect(route).toBe('default/shop/vault');
    expect(notes).toEqual(['what is inside a tunnel is seen by no rule about HTTP or server names (R11)']);
  });
});

test('GET /api/v1/route refuses what is no question', async () => {
  const app = createAdminServer(fakeSource(), { loopbackReads: true });
  const ask = async (query: string) => {
    const { statusCode, body } = await app.inject({ url: `/api/v1/route?${query}`, headers: { host: 'localhost' } });
    return [statusCode, JSON.parse(body)] as const;
  };
  expect(await ask('host=reviews&path=%2Fa&header=x%3A%20y')).toEqual([
    200,
    expect.objectContaining({ kind: 'RouteDecision', notes: ['GET /a'] }),
  ]);
  for (const query of ['', 'host=', 'host=a&port=0', 'host=a&scheme=ftp', 'host=a&header=x', 'host=a&other=1']) {
    const [status, { code }] = await ask(query);
    expect([query, status, code]).toEqual([query, 400, 'WEFT0921']);
  }
  await app.close();
});
