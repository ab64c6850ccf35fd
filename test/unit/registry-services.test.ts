import { expect, test } from 'vitest';
import { buildServices } from '../../src/registry/services.ts';
import { workloadsOfEntries } from '../../src/registry/workload-entries.ts';
import { key, places, port } from '../support/built-services.ts';
import { byId, policySet, service, settings, workload, workloadEntry } from '../support/registry-values.ts';

test('a v1/Service selects the workloads of its namespace with its labels, sorted by id', () => {
  const built = buildServices(
    policySet(service('reviews')),
    byId(
      workload('reviews-2', 'reviews', 21_002),
      workload('reviews-1', 'reviews', 21_001),
      workload('reviews-9', 'reviews', 21_009, { namespace: 'test' }),
    ),
    settings,
  );
  expect(places(built, key('reviews'))).toEqual(['reviews-1.shop@127.0.0.1:21001', 'reviews-2.shop@127.0.0.1:21002']);
  // P29: policies name the port of the application, callers come to that of its sidecar.
  expect([...(built.endpoints.get(key('reviews'))?.values() ?? [])].flat()[0]?.applicationPort).toBe(9080);
  expect(built.services.map((item) => `${item.key} ${item.origin}`)).toEqual([
    'shop/reviews.shop.svc.cluster.local service',
    'test/reviews.test.svc.cluster.local implied',
  ]);
});

test.each([
  ['the port named as the service port', port({ name: 'admin', targetPort: 9080 }), ':22002'],
  ['else the target port number', port({ name: 'web', targetPort: 9080 }), ':22001'],
  ['else the target port name', port({ targetPort: 'admin' }), ':22002'],
  ['else the service port', port({ port: 9080 }), ':22001'],
  ['and only what a proxy declares', port({ targetPort: 7000 }), undefined],
])('endpoint port of a proxy: %s', (_, servicePort, expected) => {
  const ports = [
    { name: 'http', port: 9080, endpointPort: 22_001 },
    { name: 'admin', port: 9090, endpointPort: 22_002 },
  ];
  const built = buildServices(
    policySet(service('reviews', { ports: [servicePort] })),
    byId(workload('reviews-1', 'reviews', 0, { ports })),
    settings,
  );
  const list = places(built, key('reviews'), servicePort.port);
  expect(list).toEqual(expected === undefined ? [] : [`reviews-1.shop@127.0.0.1${expected}`]);
});

test('workloads of files: named port, any target port, identity only with a mesh proxy (P35)', () => {
  const policies = policySet(
    service('db', {
      ports: [port({ port: 5432, name: 'pg', protocol: 'tcp' }), port({ port: 81, targetPort: 8081 })],
    }),
    workloadEntry('db-1', { address: '10.0.0.1', ports: { pg: 6432 }, labels: { app: 'db' } }),
    workloadEntry('db-2', { address: '10.0.0.2', labels: { app: 'db' }, serviceAccount: 'db' }),
    workloadEntry('db-3', { address: '10.0.0.3', labels: { app: 'db', 'security.istio.io/tlsMode': 'istio' } }),
  );
  const built = buildServices(policies, workloadsOfEntries(policies, settings), settings);
  expect(places(built, key('db'), 5432)).toEqual([
    'db-1.shop@10.0.0.1:6432',
    'db-2.shop@10.0.0.2:5432',
    'db-3.shop@10.0.0.3:5432',
  ]);
  expect(places(built, key('db'), 81)?.[0]).toBe('db-1.shop@10.0.0.1:8081');
  expect(
    built.endpoints
      .get(key('db'))
      ?.get(81)
      ?.map((endpoint) => endpoint.identity),
  ).toEqual([undefined, 'spiffe://demo.mesh/ns/shop/sa/db', 'spiffe://demo.mesh/ns/shop/sa/default']);
});

test('a DNS name cannot travel by EDS: it is left out', () => {
  const policies = policySet(service('db'), workloadEntry('db-1', { address: 'db.example', labels: { app: 'db' } }));
  const built = buildServices(policies, workloadsOfEntries(policies, settings), settings);
  expect(places(built, key('db'))).toEqual([]);
});

test('an implied Service is the union of the ports of workloads that no Service selects', () => {
  const built = buildServices(
    policySet(service('reviews')),
    byId(
      workload('reviews-1', 'reviews', 21_001),
      workload('pay-1', 'pay', 21_002),
      workload('pay-2', 'pay', 21_003, {
        ports: [
          { name: 'tcp-x', port: 9080, endpointPort: 21_003 },
          { name: 'grpc-api', port: 9090, endpointPort: 21_004 },
        ],
      }),
    ),
    settings,
  );
  const pay = built.services.find((item) => item.key === key('pay'));
  expect(pay).toMatchObject({ name: 'pay', origin: 'implied', external: false });
  expect(pay?.ports).toEqual([
    { name: 'http', number: 9080, protocol: 'http' },
    { name: 'grpc-api', number: 9090, protocol: 'grpc' },
  ]);
  expect(places(built, key('pay'), 9080)).toEqual(['pay-1.shop@127.0.0.1:21002', 'pay-2.shop@127.0.0.1:21003']);
  expect(places(built, key('pay'), 9090)).toEqual(['pay-2.shop@127.0.0.1:21004']);
  expect(built.services).toHaveLength(2);
});

test('a Service in git replaces the implied one, also when it selects another part', () => {
  const workloads = byId(
    workload('pay-1', 'pay', 21_001, { labels: { app: 'pay', track: 'a' }, granted: { track: 'a' } }),
    workload('pay-2', 'pay', 21_002, { labels: { app: 'pay', track: 'b' }, granted: { track: 'b' } }),
  );
  const before = buildServices(policySet(), workloads, settings);
  expect(places(before, key('pay'), 9080)).toHaveLength(2);
  const named = buildServices(policySet(service('pay', { selector: { track: 'x' } })), workloads, settings, before);
  expect(named.services.map((item) => item.origin)).toEqual(['service']);
  const partly = buildServices(policySet(service('other', { selector: { track: 'a' } })), workloads, settings, before);
  expect(places(partly, key('pay'), 9080)).toEqual(['pay-2.shop@127.0.0.1:21002']);
  expect(partly).toMatchObject({ services: buildServices(partly.memory.policies, workloads, settings).services });
});

test('a draining workload is left out at once; an empty selector selects nothing', () => {
  const draining = workload('reviews-1', 'reviews', 21_001, { health: 'draining' });
  const built = buildServices(
    policySet(service('reviews'), service('all', { selector: {} })),
    byId(draining),
    settings,
  );
  expect(places(built, key('reviews'))).toEqual([]);
  expect(places(built, key('all'))).toEqual([]);
});
