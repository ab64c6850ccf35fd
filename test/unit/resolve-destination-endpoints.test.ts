import { describe, expect, test } from 'vitest';
import type { Labels } from '../../src/model/policy.ts';
import { resolveEndpoints } from '../../src/resolve/endpoints.ts';
import { resolveView } from '../../src/resolve/view.ts';
import { key, services } from '../support/destinations-of.ts';
import type { MeshParts } from '../support/resolve-values.ts';
import {
  destinationOf,
  destinationRule,
  endpoint,
  entry,
  identityOf,
  mesh,
  peerAuthentication,
  service,
  viewOf,
  workload,
} from '../support/resolve-values.ts';

describe('P25, P35 endpoints of a destination', () => {
  const shop = (name: string, labels: Labels = {}) => workload(`${name}.shop`, { labels });
  const list = [
    endpoint('b.shop', { labels: { version: 'v2' }, identity: identityOf('shop', 'reviews'), address: '10.0.0.2' }),
    endpoint('a.shop', { labels: { version: 'v1' }, identity: identityOf('shop', 'reviews') }),
    endpoint('plain.shop', { labels: { version: 'v1' }, health: 'unhealthy' }),
    endpoint('leaving.shop', { labels: { version: 'v1' }, health: 'draining' }),
  ];
  const parts: MeshParts = {
    services,
    endpoints: { [key]: { 9080: list } },
    workloads: [shop('a', { version: 'v1' }), shop('b', { version: 'v2' }), shop('plain'), shop('leaving')],
  };
  const resolved = (policies: MeshParts['policies'], subset?: string) => {
    const whole = mesh({ ...parts, policies: policies ?? [] });
    const view = resolveView(whole, { namespace: 'shop', labels: {} });
    return resolveEndpoints(whole, destinationOf(view, 'shop/reviews', subset));
  };
  const subsets = [{ name: 'v1', labels: { version: 'v1' } }];
  const rule = destinationRule('shop/reviews', { host: 'reviews', subsets });

  test('sorted by workload, draining ones left out, plaintext where no identity stands', () => {
    const { endpoints } = resolved([]);
    expect(endpoints.map(({ workload, healthy, meshTls }) => [workload, healthy, meshTls])).toEqual([
      ['a.shop', true, true],
      ['b.shop', true, true],
      ['plain.shop', false, false],
    ]);
    expect(endpoints.map(({ version }) => version)).toEqual(['v1', 'v2', 'v1']);
  });

  test('a subset has those that carry its labels', () => {
    const set = resolved([rule], 'v1');
    expect(set.ref.subset).toBe('v1');
    expect(set.endpoints.map(({ workload }) => workload)).toEqual(['a.shop', 'plain.shop']);
  });

  test.each([
    ['selected', { selector: { version: 'v2' }, mode: 'DISABLE' }, [true, false]],
    ['its workload port', { selector: { version: 'v2' }, portLevelMtls: { 9080: 'DISABLE' } }, [true, false]],
    ['another port', { selector: { version: 'v2' }, portLevelMtls: { 19080: 'DISABLE' } }, [true, true]],
    ['namespace', { mode: 'DISABLE' }, [false, false]],
    ['STRICT', { mode: 'STRICT' }, [true, true]],
  ] as const)('the endpoint’s own mode decides: %s', (_, spec, expected) => {
    const { endpoints } = resolved([peerAuthentication('shop/peer', spec)]);
    expect(endpoints.slice(0, 2).map(({ meshTls }) => meshTls)).toEqual(expected);
  });

  test('MESH_EXTERNAL is never called with mesh TLS', () => {
    const external = entry('shop', 'api.example.com', { external: true });
    const endpoints = { [external.key]: { 80: [endpoint('x', { identity: identityOf('shop', 'x') })] } };
    const whole = mesh({ services: [external], endpoints });
    const destination = destinationOf(
      resolveView(whole, { namespace: 'shop', labels: {} }),
      'shop/api.example.com',
      undefined,
      80,
    );
    expect(destination.security).toEqual({ kind: 'plain' });
    expect(resolveEndpoints(whole, destination).endpoints[0]?.meshTls).toBe(false);
  });

  test('a service that is gone has none', () => {
    const destination = destinationOf(viewOf(parts), 'shop/reviews');
    expect(resolveEndpoints(mesh({}), destination).endpoints).toEqual([]);
  });
});

describe('P36 whom a caller accepts', () => {
  const of = (names: readonly string[]) => names.map((name) => endpoint(name, { identity: identityOf('shop', name) }));
  const security = (more: Parameters<typeof service>[2], subset?: string) => {
    const policies = [
      destinationRule('shop/reviews', { host: 'reviews', subsets: [{ name: 'v1', labels: { version: 'v1' } }] }),
    ];
    const endpoints = { [key]: { 9080: of(['b', 'a']), 9090: of(['c', 'a']) } };
    const services = [service('shop/reviews', { 9080: 'http', 9090: 'http' }, more)];
    return destinationOf(viewOf({ services, policies, endpoints }), 'shop/reviews', subset).security;
  };

  test('the identities of the whole service, not of the port or subset', () => {
    const accepted = ['a', 'b', 'c'].map((name) => identityOf('shop', name));
    const serverName = 'outbound_.9080_._.reviews.shop.svc.cluster.local';
    expect(security({})).toEqual({ kind: 'mesh', accepted, serverName });
    const subsetName = 'outbound_.9080_.v1_.reviews.shop.svc.cluster.local';
    expect(security({}, 'v1')).toEqual({ kind: 'mesh', accepted, serverName: subsetName });
  });

  test('or subjectAltNames', () => {
    expect(security({ subjectAltNames: ['spiffe://other/x'] })).toMatchObject({ accepted: ['spiffe://other/x'] });
  });

  test('nobody where no workload has an identity', () => {
    expect(destinationOf(viewOf({ services }), 'shop/reviews').security).toMatchObject({ accepted: [] });
  });
});

describe('addresses that the proxy resolves', () => {
  const addresses = (resolution: 'dns' | 'dns-round-robin' | 'request', external = true) => {
    const api = entry('shop', 'api.example.com', { resolution, external });
    const list = [
      endpoint('0', { address: 'a.example.com', port: 8080, weight: 2 }),
      endpoint('1', { address: 'b.example.com', port: 80, identity: identityOf('shop', 'api') }),
    ];
    const view = viewOf({ services: [api], endpoints: { [api.key]: { 80: list } } });
    return destinationOf(view, 'shop/api.example.com', undefined, 80).addresses;
  };

  test('all, or the first, or the request’s own', () => {
    const first = { address: 'a.example.com', port: 8080, weight: 2 };
    const second = { address: 'b.example.com', port: 80, weight: 1 };
    expect(addresses('dns')).toEqual([first, second]);
    expect(addresses('dns-round-robin')).toEqual([first]);
    expect(addresses('request')).toEqual([]);
    expect(addresses('dns', false)).toEqual([first, { ...second, meshTls: true }]);
  });
});
