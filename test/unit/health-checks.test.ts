import { describe, expect, test } from 'vitest';
import type { HealthCheckObject } from '../../src/model/policy.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkReferences } from '../../src/policy/references.ts';
import { buildServices } from '../../src/registry/services.ts';
import { resolveView } from '../../src/resolve/view.ts';
import {
  destinationRule,
  healthCheck,
  mesh,
  outboundPort,
  service,
  settings,
  viewOf,
} from '../support/resolve-values.ts';

const services = [service('shop/reviews', { 9080: 'http', 9090: 'tcp' }), service('bank/reviews', { 9080: 'http' })];

/** The names of the checks that clients of a namespace make of port `port` of shop/reviews. */
function chosen(checks: readonly HealthCheckObject[], client = 'shop', port = 9080): readonly string[] {
  const destinations = outboundPort(viewOf({ services, policies: checks }, client), 'shop/reviews', port).destinations;
  return (destinations[0]?.healthChecks ?? []).map(({ value }) => `${value.namespace}/${value.name}`);
}

describe('which check acts (P1, P20)', () => {
  const full = 'reviews.shop.svc.cluster.local';
  const all = ['bank', 'shop', 'istio-system'].map((namespace) => healthCheck(`${namespace}/check`, { host: full }));

  test('the client’s namespace, the service’s, the root namespace, in this order', () => {
    expect(chosen(all, 'bank')).toEqual(['bank/check']);
    expect(chosen(all.slice(1), 'bank')).toEqual(['shop/check']);
    expect(chosen(all.slice(2), 'bank')).toEqual(['istio-system/check']);
    expect(chosen([healthCheck('zoo/check', { host: full })], 'bank')).toEqual([]);
  });

  test('a short host is of the check’s own namespace; a nearer wildcard ends the search; the most specific host wins', () => {
    expect(chosen([healthCheck('bank/check', { host: 'reviews' })], 'bank')).toEqual([]);
    expect(chosen([healthCheck('bank/wide', { host: '*.cluster.local' }), ...all.slice(1)], 'bank')).toEqual([
      'bank/wide',
    ]);
    expect(chosen([healthCheck('shop/wide', { host: '*.cluster.local' }), healthCheck('shop/check', {})])).toEqual([
      'shop/check',
    ]);
  });

  test('those that name the port; else those that name none and speak its protocol; all of them, by name', () => {
    const http = healthCheck('shop/http', { probe: { kind: 'http', path: '/', expect: [{ from: 200, to: 200 }] } });
    const tcp = healthCheck('shop/tcp', {});
    const named = healthCheck('shop/named', { port: 9080 });
    expect(chosen([tcp, http])).toEqual(['shop/http', 'shop/tcp']);
    expect(chosen([tcp, http], 'shop', 9090)).toEqual(['shop/tcp']);
    expect(chosen([tcp, http, named])).toEqual(['shop/named']);
    expect(chosen([tcp, http, named], 'shop', 9090)).toEqual(['shop/tcp']);
  });

  test('every subset is checked as the service is', () => {
    const rule = destinationRule('shop/reviews', { host: 'reviews', subsets: [{ name: 'v1', labels: {} }] });
    const view = viewOf({ services, policies: [rule, healthCheck('shop/check', {})] });
    const { destinations } = outboundPort(view, 'shop/reviews');
    expect(destinations.map(({ healthChecks }) => healthChecks?.length)).toEqual([1, 1]);
  });

  test('where each request brings its own address there is nothing to check', () => {
    const everything = [service('shop/reviews', { 9080: 'http' }, { resolution: 'request' })];
    const view = viewOf({ services: everything, policies: [healthCheck('shop/check', {})] });
    expect(outboundPort(view, 'shop/reviews').destinations[0]?.healthChecks).toBeUndefined();
  });

  test('as long as the check is the same object, so is the destination', () => {
    const check = healthCheck('shop/check', {});
    const scope = { namespace: 'shop', labels: {} };
    const own = { ...settings };
    const destinations = [healthCheck('bank/a', {}), healthCheck('bank/b', {})].map((other) => {
      const now = mesh({ services, policies: [check, other], settings: own });
      return outboundPort(resolveView(now, scope), 'shop/reviews').destinations[0];
    });
    expect(destinations[1]).toBe(destinations[0]);
  });
});

const text = (spec: string) =>
  `apiVersion: weft.dev/v1alpha1\nkind: HealthCheck\nmetadata: { name: x, namespace: shop }\nspec: ${spec}\n`;
const read = (spec: string, more = '') =>
  parsePolicies([{ path: 'policies/a.yaml', text: text(spec) + more }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'free',
  });

describe('what may be written', () => {
  test('what is left out', () => {
    const [object] = read('{ host: reviews, http: { path: /healthz } }').policies?.objects ?? [];
    expect(object?.spec).toEqual({
      host: 'reviews',
      interval: 10_000,
      timeout: 1_000,
      unhealthyAfter: 3,
      healthyAfter: 2,
      probe: { kind: 'http', path: '/healthz', expect: [{ from: 200, to: 200 }] },
    });
  });

  test.each([
    [
      '{ host: reviews, http: { path: /, expect: ["200-299", "404"] } }',
      {
        expect: [
          { from: 200, to: 299 },
          { from: 404, to: 404 },
        ],
      },
    ],
    ['{ host: reviews, grpc: { service: shop.Reviews } }', { kind: 'grpc', service: 'shop.Reviews' }],
    ['{ host: reviews, grpc: {} }', { kind: 'grpc' }],
    ['{ host: reviews, tcp: {} }', { kind: 'tcp' }],
  ])('%s', (spec, probe) => {
    const { policies, diagnostics } = read(spec);
    expect(diagnostics).toEqual([]);
    expect(policies?.objects[0]?.spec).toMatchObject({ probe });
  });

  test.each([
    ['{ host: reviews }', 'WEFT0002', 'spec'],
    ['{ tcp: {} }', 'WEFT0002', 'spec'],
    ['{ host: reviews, tcp: {}, grpc: {} }', 'WEFT0137', 'spec'],
    ['{ host: reviews, http: {} }', 'WEFT0002', 'spec.http'],
    ['{ host: reviews, http: { path: healthz } }', 'WEFT0002', 'spec.http.path'],
    ['{ host: reviews, http: { path: "/a b" } }', 'WEFT0002', 'spec.http.path'],
    ['{ host: reviews, http: { path: /, expect: [] } }', 'WEFT0002', 'spec.http.expect'],
    ['{ host: reviews, http: { path: /, expect: ["2xx"] } }', 'WEFT0002', 'spec.http.expect[0]'],
    ['{ host: reviews, http: { path: /, expect: ["299-200"] } }', 'WEFT0002', 'spec.http.expect[0]'],
    ['{ host: reviews, tcp: {}, interval: 1ms }', 'WEFT0002', 'spec.interval'],
    ['{ host: reviews, tcp: {}, port: 0 }', 'WEFT0002', 'spec.port'],
    ['{ host: reviews, tcp: {}, unhealthyAfter: 0 }', 'WEFT0002', 'spec.unhealthyAfter'],
    ['{ host: reviews, tcp: {}, every: 5s }', 'WEFT0002', 'spec'],
  ])('%s is %s', (spec, code, field) => {
    const errors = read(spec).diagnostics.filter(({ severity }) => severity === 'error');
    expect(errors.map((error) => [error.code, error.field?.startsWith(field)])).toEqual([[code, true]]);
  });
});

describe('what it names', () => {
  const known = `---
apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec: { ports: [{ name: http, port: 80 }, { name: tcp, port: 90 }] }
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: shop }
spec: { ports: [{ name: tcp, port: 5432 }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: wide, namespace: shop }
spec: { hosts: ["*.example.com"], ports: [{ number: 80, name: http, protocol: HTTP }] }
`;
  test.each([
    ['{ host: reviews, tcp: {} }', []],
    ['{ host: reviews, port: 80, tcp: {} }', []],
    ['{ host: reviews, port: 81, tcp: {} }', ['WEFT0113']],
    ['{ host: reveiws, tcp: {} }', ['WEFT0174']],
    ['{ host: "*.example.com", tcp: {} }', ['WEFT0174']],
    ['{ host: db, tcp: {} }', []],
    ['{ host: db, port: 5432, tcp: {} }', []],
    ['{ host: reviews, http: { path: / } }', []],
    ['{ host: "*.svc.cluster.local", http: { path: / } }', []],
    ['{ host: reviews, port: 90, http: { path: / } }', ['WEFT0136']],
    ['{ host: db, http: { path: / } }', ['WEFT0136']],
    ['{ host: db, port: 5432, http: { path: / } }', ['WEFT0136']],
    ['{ host: db, port: 5432, grpc: {} }', ['WEFT0136']],
    ['{ host: db, port: 5433, http: { path: / } }', ['WEFT0113']],
  ])('%s', (spec, codes) => {
    const { policies } = read(spec, known);
    if (!policies) throw new Error('not read');
    const built = buildServices(policies, new Map(), settings);
    const found = checkReferences(policies.objects, built.services, undefined, settings);
    expect(found.filter(({ object }) => object?.kind === 'HealthCheck').map(({ code }) => code)).toEqual(codes);
  });
});
