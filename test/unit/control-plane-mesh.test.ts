import { expect, test } from 'vitest';
import { createMeshSource } from '../../src/control-plane/mesh-source.ts';
import { createProxySnapshots } from '../../src/control-plane/proxy-snapshots.ts';
import type { PolicySet } from '../../src/model/policy.ts';
import { createCell } from '../../src/model/readable.ts';
import { createLocalPorts } from '../../src/registry/local-ports.ts';
import type { RegistryState } from '../../src/registry/registry.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { translateCounters } from '../../src/translate/envoy-resource.ts';
import type { SecretMaterial } from '../../src/translate/translate-secrets.ts';
import { endpointType, listenerType } from '../../src/xds/resource-types.ts';
import { lookup, namesOf } from '../../src/xds/snapshot.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { jsonOf } from '../support/golden-resources.ts';
import { memoryStore } from '../support/memory-store.ts';
import {
  connected,
  counted,
  moved,
  proxies,
  proxyCount,
  serviceCount,
  texts,
  virtualServiceText,
  workloads,
} from '../support/plain-mesh.ts';
import { byId, settings } from '../support/registry-values.ts';
import { secretMaterial } from '../support/spine-mesh.ts';

test('proxies of one scope share one layer object, and what is in it is encoded once', () => {
  const cost = counted(translateCounters, () => {
    const { all } = connected();
    const [first] = all();
    expect(new Set(all().map(({ layers }) => layers[0]))).toEqual(new Set([first?.layers[0]]));
    expect(new Set(all().map(({ layers }) => layers[1])).size).toBe(1);
    expect([...namesOf(first?.layers ?? [], endpointType)]).toHaveLength(serviceCount);
  });
  expect(cost.endpoints).toBe(serviceCount);
  // One each, the cluster of unknown hosts, and one inbound cluster for each proxy, as each proxy is a value of its own.
  expect(cost.clusters).toBeLessThanOrEqual(serviceCount + 1 + proxyCount);
  // Its own, the bundle, and the roots of the system.
  expect(cost.secrets).toBe(3);
});

test('one endpoint change encodes one resource, whoever receives it', () => {
  const { register, all, version } = connected();
  const before = all();
  const name = [...namesOf(before[0]?.layers ?? [], endpointType)].find((one) => one.includes('s007')) ?? '';
  const old = version(0, endpointType, name);
  const cost = counted(translateCounters, () => {
    expect(counted(resolveCounters, () => register(moved(workloads, 's007-1.shop', 29_999)))).toEqual({ endpoints: 1 });
  });
  expect(cost).toEqual({ endpoints: 1 });
  expect(version(0, endpointType, name)).not.toBe(old);
  const now = all();
  expect(new Set(now.map(({ layers }) => layers[0])).size).toBe(1);
  for (const [index, snapshot] of now.entries()) {
    expect(snapshot.generation).toBe((before[index]?.generation ?? 0) + 1);
    expect(snapshot.layers.slice(1)).toEqual(before[index]?.layers.slice(1));
  }
});

test('a change of one VirtualService resolves one service anew', () => {
  const { parse, serve, all } = connected();
  const set = parse({ ...texts, 'shop/s007-routes.yaml': virtualServiceText('s007', '4s') });
  const cost = counted(translateCounters, () => {
    expect(counted(resolveCounters, () => serve(set)).services).toBe(1);
  });
  // The route configuration of its local port, and its virtual host behind the proxy port (decision 42).
  expect(cost).toEqual({ routes: 1, virtualHosts: 1 });
  expect(new Set(all().map(({ commit }) => commit))).toEqual(new Set([set.commit]));
  expect(new Set(all().map(({ layers }) => layers[0])).size).toBe(1);
});

test('a commit without an effect changes the commit and no layer', () => {
  const { parse, serve, all, mesh } = connected();
  const before = all();
  const generation = mesh.get()?.generation ?? 0;
  const set = parse({ ...texts, 'shop/note.yaml': '# nothing but words\n' });
  expect(counted(translateCounters, () => serve(set))).toEqual({});
  expect(mesh.get()?.generation).toBe(generation + 1);
  for (const [index, snapshot] of all().entries()) {
    expect(snapshot.commit).toBe(set.commit);
    expect(snapshot.layers).toBe(before[index]?.layers);
  }
});

test('what changes nothing makes no new mesh', () => {
  const { register, mesh, all } = connected();
  const [before, first] = [mesh.get(), all()[0]];
  register([...workloads]);
  expect(mesh.get()?.services).toBe(before?.services);
  expect(all()[0]?.layers).toBe(first?.layers);
});

test('X99 workloads wait 10 ms, policies 100 ms; publish does not wait', () => {
  const { mesh, register, serve, parse, clock } = connected();
  const generations: number[] = [];
  mesh.watch((now) => generations.push(now?.generation ?? 0));
  register(moved(workloads, 's001-1.shop', 29_001));
  expect(generations).toEqual([2]);
  serve(parse({ ...texts, 'shop/s001-routes.yaml': virtualServiceText('s001', '9s') }));
  expect(generations).toEqual([2, 3]);
  mesh.publish();
  clock.advance(1_000);
  expect(generations).toEqual([2, 3]);
  mesh.stop();
  register(workloads);
  expect(generations).toEqual([2, 3]);
});

test('X9 before policies are served there is no mesh, and nobody has a snapshot', () => {
  const clock = fakeClock();
  const policies = createCell<PolicySet | undefined>(undefined);
  const mesh = createMeshSource({
    settings,
    policies,
    registry: createCell<RegistryState>({ workloads: byId(...workloads), sources: [] }),
    localPorts: createLocalPorts(memoryStore(), clock),
    clock,
    quiet: 100,
    longest: 1_000,
    onFailure: (error) => {
      throw error;
    },
  });
  const [first] = proxies;
  if (!first) throw new Error('no proxy');
  const material = createCell<SecretMaterial | undefined>(secretMaterial());
  const { hold } = createProxySnapshots({
    atOnce: Number.POSITIVE_INFINITY,
    mesh,
    secrets: () => material,
    onFailure: (error) => expect(error).toBe(''),
  });
  const { snapshot } = hold(first);
  mesh.publish();
  expect([mesh.get(), snapshot.get()]).toEqual([undefined, undefined]);
  policies.set({ commit: 'c1', objects: [] });
  expect(mesh.get()).toBeUndefined();
  clock.advance(100);
  expect([mesh.get()?.generation, snapshot.get()?.commit]).toEqual([1, 'c1']);
});

test('a released proxy is followed no more', () => {
  const { held, register, snapshots } = connected();
  const seen: unknown[] = [];
  held[0]?.snapshot.watch((now) => seen.push(now));
  held[0]?.release();
  register(moved(workloads, 's007-1.shop', 29_999));
  expect(seen).toEqual([]);
  expect(snapshots.of(proxies[0]?.id ?? '')).toBeUndefined();
  expect(snapshots.of(proxies[1]?.id ?? '')).toBe(held[1]?.snapshot.get());
});

test('once a compromised root is gone, the chains of mesh TLS are others, and nothing else is (F10)', () => {
  const { distrust, all } = connected();
  const chains = () =>
    all().map(({ layers }) =>
      [...namesOf(layers, listenerType)].map((name) => {
        const found = lookup(layers, listenerType, name);
        return found && jsonOf(found);
      }),
    );
  const before = JSON.stringify(chains());
  distrust('ab'.repeat(32));
  const after = JSON.stringify(chains());
  expect(after).toContain('distrustedRoot');
  const mark = `"metadata":{"filterMetadata":{"weft.dev":{"distrustedRoot":"${'ab'.repeat(32)}"}}},`;
  expect(after.replaceAll(mark, '')).toBe(before);
});
