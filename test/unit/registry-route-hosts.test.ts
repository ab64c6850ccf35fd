import { expect, test } from 'vitest';
import type { PolicySet } from '../../src/model/policy.ts';
import { type ParseCache, parsePolicies } from '../../src/policy/parse-policies.ts';
import { type BuiltServices, buildServices } from '../../src/registry/services.ts';
import { settings } from '../support/registry-values.ts';

let cache: ParseCache | undefined;
const policiesOf = (...documents: readonly string[]): PolicySet => {
  const parsed = parsePolicies([{ path: 'policies/all.yaml', text: documents.join('---\n') }], {
    commit: 'c1',
    rootNamespace: settings.rootNamespace,
    folders: 'free',
    ...(cache && { previous: cache }),
  });
  cache = parsed.cache;
  if (!parsed.policies) throw new Error(parsed.diagnostics.map(({ message }) => message).join('\n'));
  return parsed.policies;
};
const built = (policies: PolicySet, before?: BuiltServices) => buildServices(policies, new Map(), settings, before);
const routing = (name: string, hosts: readonly string[], more = '', rule = 'directResponse: { status: 200 }') =>
  `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${hosts.map((host) => JSON.stringify(host)).join(', ')}]${more}
  http: [{ ${rule} }]
`;
const service = `apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 80 }] }
`;
const sidecar = `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: bank }
spec: { outboundTrafficPolicy: { mode: REGISTRY_ONLY } }
`;
const entry = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: bank }
spec: { hosts: [api.example.com], ports: [{ number: 8080, name: http, protocol: HTTP }], resolution: DNS }
`;
const routed = ({ services }: BuiltServices) =>
  services.filter(({ by }) => by?.object.kind === 'VirtualService').map(({ host, exportTo }) => [host, ...exportTo]);

test('decision 44: full names outside the mesh are hosts of their own, all others of a VirtualService are not', () => {
  const hosts = ['Api.Example.com', 'example.com', 'shop.example'];
  const others = [
    'reviews',
    'revews.shop',
    'x.shop.svc',
    'x.shop.svc.cluster.local',
    'x.shop.mesh',
    '*.example.org',
    '10.1.2.3',
  ];
  const now = built(policiesOf(service, routing('all', [...hosts, ...others])));
  expect(routed(now)).toEqual([
    ['api.example.com', '*'],
    ['example.com', '*'],
    ['shop.example', '*'],
  ]);
  const [api] = now.services;
  expect(api).toMatchObject({ external: true, resolution: 'request', ports: [{ number: 80, protocol: 'http' }] });
});

test('what defines the host goes before; rules about connections make none', () => {
  expect(routed(built(policiesOf(entry, routing('api', ['api.example.com']))))).toEqual([]);
  const connections = routing('db', ['db.example.com']).replace(
    / {2}http: .*/,
    '  tcp: [{ route: [{ destination: { host: reviews } }] }]',
  );
  expect(routed(built(policiesOf(service, connections)))).toEqual([]);
});

test('P6: it is known to those to whom one of its objects is', () => {
  const one = routing('one', ['api.example.com'], '\n  exportTo: ["."]');
  const two = routing('two', ['api.example.com'], '\n  exportTo: [bank]');
  expect(routed(built(policiesOf(one, two)))).toEqual([['api.example.com', '.', 'bank']]);
  expect(routed(built(policiesOf(one, routing('three', ['api.example.com']))))).toEqual([['api.example.com', '*']]);
});

test('D18: where something is REGISTRY_ONLY what no rule takes goes nowhere', () => {
  const open = built(policiesOf(routing('api', ['api.example.com'])));
  const closed = built(policiesOf(routing('api', ['api.example.com']), sidecar), open);
  expect([open, closed].map(({ services }) => services[0]?.resolution)).toEqual(['request', 'registry']);
  expect([...closed.endpoints.keys()]).toEqual(closed.services.map(({ key }) => key));
});

test('a rule that changes changes no service', () => {
  const before = built(policiesOf(service, routing('api', ['api.example.com'])));
  const after = built(
    policiesOf(service, routing('api', ['api.example.com'], '', 'directResponse: { status: 404 }')),
    before,
  );
  expect(after.services).toBe(before.services);
});
