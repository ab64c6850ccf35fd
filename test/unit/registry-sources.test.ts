import { expect, test } from 'vitest';
import { Failure } from '../../src/model/failure.ts';
import { localPortKey } from '../../src/model/mesh.ts';
import type { PolicySet } from '../../src/model/policy.ts';
import { createCell } from '../../src/model/readable.ts';
import { serviceKeyOf } from '../../src/model/service.ts';
import { createLocalPorts, localPortRest } from '../../src/registry/local-ports.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { buildServices } from '../../src/registry/services.ts';
import { entryWorkloads } from '../../src/registry/workload-entries.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryStore } from '../support/memory-store.ts';
import { byId, policySet, service, settings, workload, workloadEntry } from '../support/registry-values.ts';

test('sources compose in their order, and a clash is reported', () => {
  const policies = createCell<PolicySet>(policySet(workloadEntry('b-1', { labels: { app: 'b' } })));
  const proxies = createCell(byId(workload('b-1', 'b', 21_001), workload('a-1', 'a', 21_002)));
  const registry = createRegistry([
    { name: 'files', workloads: entryWorkloads(policies, settings) },
    { name: 'proxies', workloads: proxies },
  ]);
  expect([...registry.get().workloads].map(([id, item]) => `${id} ${item.source}`)).toEqual([
    'a-1.shop proxy',
    'b-1.shop file',
  ]);
  expect(registry.get().sources).toEqual([
    { name: 'files', workloads: 1, clashes: [] },
    { name: 'proxies', workloads: 2, clashes: ['b-1.shop'] },
  ]);
  const seen: number[] = [];
  registry.watch((state) => seen.push(state.workloads.size));
  const before = registry.get().workloads;
  policies.set(policySet(workloadEntry('b-1', { labels: { app: 'b' } }, 'shop', 'c1')));
  expect(registry.get().workloads).toBe(before);
  policies.set(policySet());
  expect(seen).toEqual([2]);
  expect(registry.get().workloads.get('b-1.shop')?.source).toBe('proxy');
  registry.close();
  proxies.set(new Map());
  expect(registry.get().workloads.size).toBe(2);
});

test('local ports: allocated once, kept over a restart, rested for a day', async () => {
  const store = memoryStore();
  const clock = fakeClock();
  const servicesOf = (...names: readonly string[]) =>
    buildServices(policySet(...names.map((name) => service(name))), new Map(), settings).services;
  const key = (name: string) => localPortKey(serviceKeyOf('shop', `${name}.shop.svc.cluster.local`), 80);

  const first = createLocalPorts(store, clock);
  await first.restore();
  const two = servicesOf('a', 'c');
  const ports = first.assign(two);
  expect([...ports]).toEqual([
    [key('a'), 21_000],
    [key('c'), 21_001],
  ]);
  expect(first.assign(two)).toBe(ports);
  expect(first.assign(servicesOf('a', 'c'))).toBe(ports);
  await first.flush();

  const second = createLocalPorts(store, clock);
  await second.restore();
  expect(second.assign(servicesOf('a', 'b', 'c')).get(key('b'))).toBe(21_002);
  second.assign(servicesOf('b'));
  expect(second.assign(servicesOf('b', 'd')).get(key('d'))).toBe(21_003);
  expect(second.assign(servicesOf('b', 'c', 'd')).get(key('c'))).toBe(21_001);
  clock.advance(localPortRest);
  expect(second.assign(servicesOf('b', 'c', 'd', 'e')).get(key('e'))).toBe(21_000);
});

test('local ports: a full range is counted, a damaged state is a failure with a fix', async () => {
  const store = memoryStore();
  const ports = createLocalPorts(store, fakeClock(), { first: 30_000, last: 30_000 });
  const { services } = buildServices(policySet(service('a'), service('b')), new Map(), settings);
  expect(ports.assign(services).size).toBe(1);
  expect(ports.exhausted()).toBe(1);
  store.content.set('registry/local-ports.json', new TextEncoder().encode('{"version":1}'));
  await expect(ports.restore()).rejects.toThrow(Failure);
});
