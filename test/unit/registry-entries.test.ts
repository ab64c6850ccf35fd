import { expect, test } from 'vitest';
import type { Policy } from '../../src/model/policy.ts';
import { serviceKeyOf } from '../../src/model/service.ts';
import type { Workload } from '../../src/model/workload.ts';
import { createJoinedProxies } from '../../src/registry/joined-proxies.ts';
import { buildServices } from '../../src/registry/services.ts';
import { workloadsOfEntries } from '../../src/registry/workload-entries.ts';
import { key, places, port } from '../support/built-services.ts';
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
