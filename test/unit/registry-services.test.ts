import { expect, test } from 'vitest';
import type { Policy } from '../../src/model/policy.ts';
import type { ServicePortSpec } from '../../src/model/registry-objects.ts';
import { serviceKeyOf } from '../../src/model/service.ts';
import type { Workload } from '../../src/model/workload.ts';
import { createJoinedProxies } from '../../src/registry/joined-proxies.ts';
import type { BuiltServices } from '../../src/registry/services.ts';
import { buildServices } from '../../src/registry/services.ts';
import { workloadsOfEntries } from '../../src/registry/workload-entries.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryStore } from '../support/memory-store.ts';
import {
  byId,
  policySet,
  service,
  serviceEntry,
  settings,
  workload,
  workloadEntry,
} from '../support/registry-values.ts';

const key = (name: string, namespace = 'shop') => serviceKeyOf(namespace, `${name}.${namespace}.svc.cluster.local`);
const places = (built: BuiltServices, of: ReturnType<typeof key>, port = 80) =>
  built.endpoints
    .get(of)
    ?.get(port)
    ?.map((endpoint) => `${endpoint.workload}@${endpoint.address}:${endpoint.port}`);
const port = (over: Partial<ServicePortSpec> = {}): ServicePortSpec => ({
  port: 80,
  protocol: 'http',
  declared: true,
  ...over,
});

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

test('ServiceEntry: one service per host, resolutions, inline endpoints and selectors', () => {
  const joined = workload('legacy-1', 'legacy', 21_001);
  const policies = policySet(
    serviceEntry('api', { hosts: ['a.example', '*.b.example'], resolution: 'DNS' }),
    serviceEntry('first', {
      resolution: 'DNS_ROUND_ROBIN',
      endpoints: [
        { address: 'x.example', ports: {}, labels: {} },
        { address: 'y.example', ports: {}, labels: {} },
      ],
    }),
    serviceEntry('inside', {
      location: 'MESH_INTERNAL',
      resolution: 'STATIC',
      exportTo: ['.'],
      ports: [port({ port: 443, name: 'https', targetPort: 8443 })],
      endpoints: [
        { address: '10.1.0.1', ports: { https: 9443 }, labels: {}, serviceAccount: 'inside', weight: 3 },
        { address: '10.1.0.2', ports: {}, labels: {} },
      ],
    }),
    serviceEntry('outside', { resolution: 'STATIC', workloadSelector: { app: 'legacy' } }),
    serviceEntry('pass', {}),
  );
  const built = buildServices(policies, byId(joined), settings);
  const of = (host: string) => built.services.find((item) => item.host === host);
  const at = (host: string) => built.endpoints.get(serviceKeyOf('shop', host))?.get(443);
  expect(of('a.example')).toMatchObject({ name: 'a.example', resolution: 'dns', external: true, exportTo: ['*'] });
  expect(at('a.example')).toMatchObject([{ address: 'a.example', port: 443 }]);
  expect(at('*.b.example')).toEqual([]);
  expect(at('first.example')).toMatchObject([{ address: 'x.example' }]);
  expect(of('inside.example')).toMatchObject({ external: false, exportTo: ['.'] });
  expect(at('inside.example')).toMatchObject([
    { address: '10.1.0.1', port: 9443, weight: 3, identity: 'spiffe://demo.mesh/ns/shop/sa/inside' },
    { address: '10.1.0.2', port: 8443, weight: 1 },
  ]);
  expect(of('pass.example')?.resolution).toBe('request');
  expect(at('pass.example')).toEqual([]);
  // MESH_EXTERNAL has no automatic mesh TLS, though a proxy stands there (P35); a proxy serves only ports it declares.
  expect(at('outside.example')).toEqual([]);
});

test('one changed endpoint computes one service and keeps the identity of all others', () => {
  const names = Array.from({ length: 50 }, (_, index) => `s${index}`);
  const policies = policySet(...names.slice(0, 25).map((name) => service(name)));
  const workloads = names.map((name, index) => workload(`${name}-1`, name, 21_000 + index));
  const first = buildServices(policies, byId(...workloads), settings);
  expect(first.computed).toBe(50);
  const same = buildServices(policies, byId(...workloads), settings, first);
  expect(same.computed).toBe(0);
  expect(same.services).toBe(first.services);
  expect(same.endpoints).toBe(first.endpoints);

  for (const changed of ['s3', 's40']) {
    const next = buildServices(
      policies,
      byId(...workloads, workload(`${changed}-2`, changed, 29_000)),
      settings,
      first,
    );
    expect(next.computed).toBe(1);
    expect(next.services).toBe(first.services);
    const differing = [...next.endpoints].filter(([at, lists]) => first.endpoints.get(at) !== lists);
    expect(differing.map(([at]) => at)).toEqual([key(changed)]);
    const fresh = buildServices(policies, next.memory.workloads, settings);
    expect([...next.endpoints]).toEqual([...fresh.endpoints]);
  }
});

test('a commit that changes one Service keeps the others, and a rejoin that says the same changes nothing', () => {
  const workloads = byId(workload('a-1', 'a', 21_001), workload('b-1', 'b', 21_002));
  const first = buildServices(policySet(service('a'), service('b')), workloads, settings);
  const ports = [port({ name: 'http', port: 8080 })];
  const edited = policySet(service('a', {}, 'shop', 'c1'), service('b', { ports }, 'shop', 'c1'));
  const second = buildServices(edited, workloads, settings, first);
  expect(second.services[0]).toBe(first.services[0]);
  expect(second.services[1]).not.toBe(first.services[1]);
  expect(second.endpoints.get(key('a'))).toBe(first.endpoints.get(key('a')));
  expect(second.computed).toBe(1);

  const again = byId(workload('a-1', 'a', 21_001), workload('b-1', 'b', 21_002));
  const third = buildServices(edited, again, settings, second);
  expect(third.endpoints).toBe(second.endpoints);
  expect(third.services).toBe(second.services);
});

test.each([
  ['a label that the token does not grant', { tier: 'payments' }, {}, []],
  ['one that it grants', { tier: 'payments' }, { labels: { tier: 'payments' } }, ['intruder-1.shop']],
  ['another one is granted', { tier: 'payments' }, { labels: { team: 'payments' } }, []],
  ['the service and a claimed label', { app: 'intruder', tier: 'payments' }, {}, ['intruder-1.shop']],
  ['no label at all', {}, {}, ['intruder-1.shop']],
])('a joined workload is selected by %s', async (_, selector, grants, expected) => {
  const store = memoryStore();
  const clock = fakeClock();
  const joined = createJoinedProxies({ settings, clock, store });
  const credential = { tokenId: 't', namespace: 'shop', serviceAccount: 'intruder', service: 'intruder', ...grants };
  const ports = [{ port: 80, inbound: 21_000 }];
  const weft = { service: 'intruder', namespace: 'shop', labels: { tier: 'payments' }, ports };
  joined.join({ id: 'a', peerAddress: '127.0.0.1' }, credential, { id: 'intruder-1.shop', weft });
  const policies = policySet(
    ...(Object.keys(selector).length === 0 ? [] : [service('payments', { selector })]),
    serviceEntry('paid', {
      hosts: ['paid.shop'],
      location: 'MESH_INTERNAL',
      resolution: 'STATIC',
      workloadSelector: selector,
      ports: [port()],
    }),
  );
  await joined.close();
  const restarted = createJoinedProxies({ settings, clock, store });
  await restarted.restore();
  for (const registry of [joined, restarted]) {
    const built = buildServices(policies, registry.workloads.get(), settings);
    const selected = (of: ReturnType<typeof key>) =>
      built.endpoints
        .get(of)
        ?.get(80)
        ?.map(({ workload: id }) => id);
    if (Object.keys(selector).length > 0) expect(selected(key('payments'))).toEqual(expected);
    expect(selected(serviceKeyOf('shop', 'paid.shop'))).toEqual(expected);
    // Who is no endpoint of a Service keeps the service that its credential names.
    const own = built.services.some((item) => item.name === 'intruder' && item.origin === 'implied');
    expect(own).toBe(expected.length === 0 || Object.keys(selector).length === 0);
  }
});

test('ServiceEntry with DNS: the workloads that it selects, by name or address, never its hosts', () => {
  const chosen = (resolution: 'DNS' | 'DNS_ROUND_ROBIN') =>
    serviceEntry('far', {
      resolution,
      workloadSelector: { app: 'far' },
      ports: [port({ port: 443, name: 'https', targetPort: 8443 })],
    });
  const entries = [
    workloadEntry('far-1', { address: 'far.example', ports: { https: 9443 }, labels: { app: 'far' }, weight: 3 }),
    workloadEntry('far-2', { address: '10.1.0.2', labels: { app: 'far' } }),
    workloadEntry('far-3', { address: 'unix:///run/far.sock', labels: { app: 'far' } }),
    workloadEntry('near', { address: 'near.example', labels: { app: 'near' } }),
  ];
  const at = (...objects: readonly Policy[]) => {
    const policies = policySet(...objects);
    const workloads = new Map([
      ...workloadsOfEntries(policies, settings),
      ...byId(workload('far-9', 'far', 21_009, { ports: [{ port: 8443, endpointPort: 21_009 }] })),
    ]);
    const built = buildServices(policies, workloads, settings);
    return places(built, serviceKeyOf('shop', 'far.example'), 443);
  };
  const all = ['far-1.shop@far.example:9443', 'far-2.shop@10.1.0.2:8443', 'far-9.shop@127.0.0.1:21009'];
  expect(at(chosen('DNS'), ...entries)).toEqual(all);
  expect(at(chosen('DNS_ROUND_ROBIN'), ...entries)).toEqual(all.slice(0, 1));
  const nobody = serviceEntry('far', {
    resolution: 'DNS',
    workloadSelector: { app: 'nobody' },
    ports: [port({ port: 443 })],
  });
  expect(at(nobody)).toEqual([]);
});

test('ServiceEntry with DNS_ROUND_ROBIN: who is unhealthy is not the one that is resolved while another is not', () => {
  const one = serviceEntry('far', {
    resolution: 'DNS_ROUND_ROBIN',
    workloadSelector: { app: 'far' },
    ports: [port({ port: 443, targetPort: 8443 })],
  });
  const chosen = (...healths: readonly Workload['health'][]) => {
    const workloads = byId(
      ...healths.map((health, index) => ({
        ...workload(`far-${index}`, 'far', 21_000 + index, { ports: [{ port: 8443, endpointPort: 21_000 + index }] }),
        health,
      })),
    );
    return places(buildServices(policySet(one), workloads, settings), serviceKeyOf('shop', 'far.example'), 443);
  };
  expect(chosen('unhealthy', 'healthy')).toEqual(['far-1.shop@127.0.0.1:21001']);
  expect(chosen('unhealthy', 'unhealthy')).toEqual(['far-0.shop@127.0.0.1:21000']);
  expect(chosen('draining', 'unhealthy')).toEqual(['far-1.shop@127.0.0.1:21001']);
});
