import { describe, expect, it } from 'vitest';
import type { PortItem, WorkloadItem } from '../../src/admin/mesh-values.ts';
import { chooseProxy } from '../../src/cli/find-proxy.ts';
import { dumpParts, resourcesOf } from '../../src/cli/render/config-dump.ts';
import { edgeColumns } from '../../src/cli/render/edges.ts';
import { environment, shellLine } from '../../src/cli/render/environment.ts';
import { workloadColumns } from '../../src/cli/render/kinds.ts';
import { provenancePlaces } from '../../src/cli/render/provenance-places.ts';
import { routeRows } from '../../src/cli/render/route-rows.ts';
import { shortSpan, spanInWords } from '../../src/cli/render/span.ts';
import type { EdgeRow } from '../../src/model/traffic.ts';
import { fakeDump } from '../support/fake-dump.ts';
import { proxyStatus } from '../support/fake-proxies.ts';

it('says how long', () => {
  const seconds = (count: number) => count * 1000;
  expect([0, 41, 720, 11_520, 10_800, 187_200].map((s) => shortSpan(seconds(s)))).toEqual([
    '0s',
    '41s',
    '12m',
    '3h12m',
    '3h',
    '2d4h',
  ]);
  expect([-5, 40, 180, 36_000, 400_000].map((s) => spanInWords(seconds(s)))).toEqual([
    '0 s',
    '40 s',
    '3 min',
    '10 h',
    '4 days',
  ]);
});

it('calls nobody healthy whom nobody probes', () => {
  const cell = (over: Partial<WorkloadItem>) => {
    const item: WorkloadItem = {
      id: 'reviews-1.shop',
      name: 'reviews-1',
      namespace: 'shop',
      labels: {},
      address: '10.0.0.1',
      ports: [],
      weight: 1,
      health: 'healthy',
      source: 'proxy',
      ...over,
    };
    return workloadColumns.find(({ title }) => title === 'HEALTH')?.of(item);
  };
  expect(cell({})).toBe('not probed');
  expect(cell({ group: { name: 'reviews' } })).toBe('not probed');
  expect(cell({ group: { name: 'reviews', probed: true } })).toBe('healthy');
  expect(cell({ health: 'unhealthy', group: { name: 'reviews', probed: true } })).toBe('unhealthy');
  expect(cell({ health: 'draining' })).toBe('draining');
});

it('never rounds a failure away', () => {
  const row: EdgeRow = {
    from: 'a',
    to: 'b',
    protocol: 'tcp',
    requests: 1,
    rps: 0.25,
    success: 0.999999,
    split: [{ version: 'v1', requests: 1, share: 1 }],
    flags: [],
    codes: [],
    reporter: 'source',
  };
  const cells = edgeColumns({ good: 'ok', warning: '!', bad: 'x' }).map((column) => column.of(row).trim());
  expect(cells.slice(2, 8)).toEqual(['0.3', '99.99%', '-', '-', '-', 'tcp']);
});

describe('weft env', () => {
  const port = (name: string, namespace: string, localPort: number, over: Partial<PortItem> = {}): PortItem => ({
    name,
    namespace,
    host: `${name}.${namespace}.svc.cluster.local`,
    port: 9080,
    protocol: 'http',
    localPort,
    ...over,
  });
  const listener = (address: string, portValue: number) => ({
    name: 'x',
    version: '',
    // The JSON names, as canonical JSON has them.
    resource: { address: { socketAddress: { address, portValue } } },
  });

  it('gives each port one name, the plain one to what is nearest', () => {
    const items = environment(
      [
        port('reviews', 'other', 21_000),
        port('reviews', 'shop', 21_001),
        port('reviews', 'shop', 21_002, { port: 9090, portName: 'grpc', protocol: 'grpc' }),
        port('db', 'shop', 21_003, { protocol: 'tcp' }),
        port('api.example.com', 'shop', 21_004, { host: 'api.example.com' }),
        port('2nd', 'shop', 21_005),
        port('hidden', 'shop', 21_006),
      ],
      [21_000, 21_001, 21_002, 21_003, 21_004, 21_005].map((number) => listener('127.0.0.1', number)),
      'shop',
    );
    expect(items.map(({ name, value }) => `${name}=${value}`)).toEqual([
      'API_EXAMPLE_COM_URL=http://127.0.0.1:21004',
      'DB_URL=tcp://127.0.0.1:21003',
      'REVIEWS_GRPC_URL=http://127.0.0.1:21002',
      'REVIEWS_OTHER_URL=http://127.0.0.1:21000',
      'REVIEWS_URL=http://127.0.0.1:21001',
      '_2ND_URL=http://127.0.0.1:21005',
    ]);
  });

  it('names an address that can be called', () => {
    const of = (address: string) =>
      environment([port('a', 'shop', 21_000)], [listener(address, 21_000)], 'shop')[0]?.value;
    expect(['0.0.0.0', '::', '::1', '127.0.0.3'].map(of)).toEqual([
      'http://127.0.0.1:21000',
      'http://[::1]:21000',
      'http://[::1]:21000',
      'http://127.0.0.3:21000',
    ]);
    expect(shellLine({ name: 'A_URL', value: 'http://x', host: 'a' }, 'powershell')).toBe("$env:A_URL = 'http://x'");
  });
});

it('finds the lines of what a proxy holds: of routes by their names, of resources file by file', () => {
  const at = { file: 'policies/reviews.yaml', commit: '4f1c2ab', column: 5, now: 'same' } as const;
  const route = 'VirtualService/shop/reviews[canary]';
  const rule = 'DestinationRule/shop/reviews';
  const places = provenancePlaces([
    { resource: 'out_proxy', part: route, field: 'route', ref: route, ...at, line: 12 },
    { resource: 'out_proxy', part: route, field: 'timeout', ref: route, ...at, line: 13 },
    { resource: 'c', field: 'maxConnections', ref: rule, ...at, line: 30, now: 'changed' },
    { resource: 'c', field: 'loadBalancer', ref: rule, ...at, line: 28 },
    {
      resource: 'c',
      field: 'connectTimeout',
      ref: 'MeshConfig/istio-system/mesh',
      ...at,
      file: 'meshconfig.yaml',
      line: 1,
    },
    { resource: 'gone', field: 'loadBalancer', ref: 'DestinationRule/shop/gone' },
  ]);
  expect(places.ofRoute(route)).toBe('policies/reviews.yaml:12');
  expect(places.ofRoute('default/shop/reviews')).toBeUndefined();
  expect(places.ofResource('c')).toBe('policies/reviews.yaml:28,30 meshconfig.yaml:1');
  expect(places.fieldsOf('c')).toContain('maxConnections policies/reviews.yaml:30 (changed since), loadBalancer');
  expect([places.ofResource('gone'), places.fieldsOf('gone')]).toEqual(['-', 'loadBalancer DestinationRule/shop/gone']);
  expect(places.ofResource('other')).toBe('-');
});

it('reads the conditions of routes in either spelling', () => {
  const configuration = {
    virtualHosts: [
      {
        domains: ['a'],
        routes: [
          { match: { pathSeparatedPrefix: '/api' }, route: { cluster: 'c1' } },
          {
            match: { prefix: '/', headers: [{ name: 'end-user', stringMatch: { exact: 'jason' } }] },
            route: { cluster: 'c2' },
          },
          { match: { safeRegex: { regex: '/x.*' }, queryParameters: [{ name: 'q', stringMatch: { prefix: 'a' } }] } },
          { match: { connectMatcher: {} }, directResponse: { status: 404 } },
          { match: { prefix: '/' }, redirect: { hostRedirect: 'b', portRedirect: 8080, schemeRedirect: 'https' } },
        ],
      },
    ],
  };
  const at = (port: number, routes: string) => ({
    name: `l${port}`,
    version: '',
    resource: {
      address: { socketAddress: { address: '127.0.0.2', portValue: port } },
      filterChains: [{ filters: [{ typedConfig: { rds: { routeConfigName: routes } } }] }],
    },
  });
  const listeners = [at(21_000, 'r'), at(21_001, 'other'), at(21_002, 'r')];
  const rows = routeRows([{ name: 'r', version: '', resource: configuration }], listeners, () => undefined);
  // Where requests to them come in, at each listener that has them.
  expect(new Set(rows.map(({ listener }) => listener))).toEqual(new Set(['127.0.0.2:21000,127.0.0.2:21002']));
  expect(routeRows([{ name: 'r', version: '', resource: configuration }], [], () => undefined)[0]?.listener).toBe('-');
  expect(rows.map(({ match, cluster }) => [match, cluster])).toEqual([
    ['/api/*', 'c1'],
    ['end-user=jason', 'c2'],
    ['~/x.* ?q=a*', '-'],
    ['CONNECT', 'answers 404'],
    ['any', 'redirect https://b:8080'],
  ]);
});

it('leaves out a listener that is not active', () => {
  const [part] = fakeDump().configs;
  const warming = { ...part, dynamic_listeners: [{ name: 'w', warming_state: { listener: { name: 'w' } } }] };
  expect(resourcesOf(dumpParts({ configs: [warming] }, 'x'), 'listeners')).toEqual([]);
});

it('finds the proxy that a name means', () => {
  const all = [proxyStatus('reviews-1', 'reviews'), proxyStatus('reviews-1', 'reviews', { namespace: 'other' })];
  expect(chooseProxy(all, 'proxy/reviews-1.shop', undefined).namespace).toBe('shop');
  expect(chooseProxy(all, 'reviews-1', 'other').namespace).toBe('other');
  expect(chooseProxy(all, 'reviews', 'shop').name).toBe('reviews-1');
  expect(() => chooseProxy(all, 'reviews-1', undefined)).toThrow('"reviews-1" is in shop and other');
  expect(() => chooseProxy(all, 'reviews-9', 'shop')).toThrow('there is no proxy "reviews-9" in shop');
});
