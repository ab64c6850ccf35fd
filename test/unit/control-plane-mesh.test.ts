import { expect, test } from 'vitest';
import { createMeshSource } from '../../src/control-plane/mesh-source.ts';
import { createProxySnapshots } from '../../src/control-plane/proxy-snapshots.ts';
import type { PolicySet } from '../../src/model/policy.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import { createCell } from '../../src/model/readable.ts';
import type { Workload } from '../../src/model/workload.ts';
import { createLocalPorts } from '../../src/registry/local-ports.ts';
import type { RegistryState } from '../../src/registry/registry.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { translateCounters } from '../../src/translate/envoy-resource.ts';
import type { SecretMaterial } from '../../src/translate/translate-secrets.ts';
import { clusterType, endpointType, secretType } from '../../src/xds/resource-types.ts';
import { lookup, namesOf } from '../../src/xds/snapshot.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryStore } from '../support/memory-store.ts';
import { byId, settings, workload } from '../support/registry-values.ts';
import { proxy } from '../support/resolve-values.ts';
import { secretMaterial, spineMesh, type Texts } from '../support/spine-mesh.ts';

const serviceCount = 200;
const proxyCount = 50;

function virtualServiceText(name: string, timeout: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${name}], http: [{ timeout: ${timeout}, route: [{ destination: { host: ${name} } }] }] }
`;
}

function serviceIn(namespace: string, name: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 9080 }] }
`;
}

const names = Array.from({ length: serviceCount }, (_, index) => `s${String(index).padStart(3, '0')}`);
const texts: Texts = Object.fromEntries(
  names.flatMap((name) => [
    [`shop/${name}.yaml`, serviceIn('shop', name)],
    [`shop/${name}-routes.yaml`, virtualServiceText(name, '3s')],
  ]),
);
const workloads = names.map((name, index) => workload(`${name}-1`, name, 20_000 + index));
const proxies = Array.from({ length: proxyCount }, (_, index) =>
  proxy(`s000-${index + 1}.shop`, { labels: { app: 's000' }, service: 's000' }),
);

function moved(list: readonly Workload[], id: string, endpointPort: number): readonly Workload[] {
  return list.map((one) =>
    one.id === id ? { ...one, ports: one.ports.map((port) => ({ ...port, endpointPort })) } : one,
  );
}

/** The mesh with all proxies connected. */
function connected(secrets?: (of: Proxy) => ReturnType<typeof createCell<SecretMaterial | undefined>>) {
  const spine = spineMesh({ texts, workloads, ...(secrets ? { secrets } : {}) });
  const held = proxies.map((one) => spine.snapshots.hold(one));
  const snapshotOf = (index: number) => {
    const snapshot = held[index]?.snapshot.get();
    if (!snapshot) throw new Error(`proxy ${index} has no snapshot`);
    return snapshot;
  };
  const version = (index: number, typeUrl: string, name: string) =>
    lookup(snapshotOf(index).layers, typeUrl, name)?.version;
  return { ...spine, held, snapshotOf, version, all: () => proxies.map((_, index) => snapshotOf(index)) };
}

function counted<Counters extends object>(counters: Counters, action: () => void): Partial<Counters> {
  const before = { ...counters };
  action();
  const entries = Object.entries(counters).map(
    ([key, now]) => [key, now - Number(before[key as keyof Counters])] as const,
  );
  return Object.fromEntries(entries.filter(([, count]) => count !== 0)) as Partial<Counters>;
}

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

function breakable() {
  const cells = new Map(proxies.map(({ id }) => [id, createCell<SecretMaterial | undefined>(secretMaterial(id))]));
  const cellOf = ({ id }: Proxy) => {
    const cell = cells.get(id);
    if (!cell) throw new Error(`no ${id}`);
    return cell;
  };
  /** Material that no secret can be made of. */
  const broken = (): SecretMaterial => ({
    ...secretMaterial(),
    get certificateChain(): string {
      throw new Error('damaged certificate');
    },
  });
  return { cellOf, broken };
}

test("F28 a failure in one proxy's own part leaves all others updated, and its last part in force", () => {
  const { cellOf, broken } = breakable();
  const { register, all, failures, version } = connected(cellOf);
  const victim = proxies[7];
  if (!victim) throw new Error('no proxy 7');
  const own = all()[7]?.layers[2];
  const identity = version(7, secretType, 'identity');
  expect(identity).toBeDefined();
  cellOf(victim).set(broken());
  expect(failures).toEqual([`proxy ${victim.id}`]);
  const before = all();
  register(moved(workloads, 's009-1.shop', 29_009));
  for (const [index, snapshot] of all().entries())
    expect(snapshot.generation).toBe((before[index]?.generation ?? 0) + 1);
  expect(all()[7]?.layers[2]).toBe(own);
  expect(version(7, secretType, 'identity')).toBe(identity);
  cellOf(victim).set(secretMaterial('renewed'));
  expect(all()[7]?.layers[2]).not.toBe(own);
});

test('F28 a proxy whose secrets cannot be had keeps its own part, is tried again, and all others are updated', () => {
  const { cellOf } = breakable();
  let fails = false;
  const { register, serve, parse, all, failures } = connected((of) => {
    const cell = cellOf(of);
    const get = () => {
      if (fails && of.id === proxies[0]?.id) throw new Error('the authority is closed');
      return cell.get();
    };
    return { ...cell, get };
  });
  const before = all();
  const failure = `snapshot of ${proxies[0]?.id}`;
  fails = true;
  serve(parse({ ...texts, 'shop/note.yaml': '# nothing but words\n' }));
  expect(failures).toEqual([failure]);
  // It does not have what the commit says, though nothing is on its way to it.
  const commits = () => [0, 1].map((index) => all()[index]?.commit);
  expect(commits()).toEqual(['c1', 'c2']);
  register(moved(workloads, 's009-1.shop', 29_009));
  expect(failures).toEqual([failure, failure]);
  for (const [index, snapshot] of all().entries()) {
    expect(snapshot.generation).toBe((before[index]?.generation ?? 0) + 2);
    expect(snapshot.layers[2]).toBe(before[index]?.layers[2]);
  }
  fails = false;
  register(moved(workloads, 's009-1.shop', 29_010));
  register(moved(workloads, 's009-1.shop', 29_011));
  expect(failures).toHaveLength(2);
  expect(commits()).toEqual(['c2', 'c2']);
});

test('a change of one scope wakes no proxy of another', () => {
  const others = {
    ...texts,
    'bank/ledger.yaml': `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ledger, namespace: bank }
spec:
  hosts: [ledger.bank.internal]
  exportTo: ["."]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  workloadSelector: { labels: { app: ledger } }
`,
  };
  // It joined for no service of its own: only the entry selects it, which shop does not see.
  const ledgerAt = (port: number): Workload => {
    const { service: _none, ...rest } = workload('ledger-1', 'ledger', port, { namespace: 'bank' });
    return rest;
  };
  const spine = spineMesh({ texts: others, workloads: [ledgerAt(30_000)] });
  const [shop, bank] = [proxy('s000-1.shop'), proxy('ledger-2.bank')].map((one) => spine.snapshots.hold(one));
  const woken: string[] = [];
  shop?.snapshot.watch(() => woken.push('shop'));
  bank?.snapshot.watch(() => woken.push('bank'));
  spine.register([ledgerAt(30_001)]);
  expect(woken).toEqual(['bank']);
  expect(shop?.snapshot.get()?.layers.map(({ scope }) => scope)).toEqual([
    'view shop',
    'capture shop 127.0.0.1 - false',
    '',
  ]);
});

test('one endpoint change in a mesh of 1,000 services and 200 proxies costs one assignment and one layer', () => {
  const thousand = Array.from({ length: 1_000 }, (_, index) => `t${String(index).padStart(4, '0')}`);
  const everybody = thousand.map((name, index) => workload(`${name}-1`, name, 20_000 + index));
  const spine = spineMesh({
    texts: Object.fromEntries(thousand.map((name) => [`shop/${name}.yaml`, serviceIn('shop', name)])),
    workloads: everybody,
  });
  const held = Array.from({ length: 200 }, (_, index) => spine.snapshots.hold(proxy(`client-${index}.shop`)));
  const layers = () => new Set(held.flatMap(({ snapshot }) => snapshot.get()?.layers ?? []));
  const before = layers();
  const resolved = counted(resolveCounters, () => {
    const translated = counted(translateCounters, () => spine.register(moved(everybody, 't0007-1.shop', 29_999)));
    expect(translated).toEqual({ endpoints: 1 });
  });
  expect(resolved).toEqual({ endpoints: 1 });
  const [made, ...more] = [...layers()].filter((layer) => !before.has(layer));
  expect(more).toEqual([]);
  expect(made?.history[0]?.names).toEqual(new Map([[endpointType, ['out_shop_t0007_80']]]));
  expect([...before].map(({ id }) => id)).toContain(made?.history[0]?.from);
  expect(new Set(held.map(({ snapshot }) => snapshot.get()?.layers[0]))).toEqual(new Set([made]));
});

test('F28 a stream that fails while it is told does not keep others from being told', () => {
  const { held, register, all, failures } = connected();
  held[3]?.snapshot.watch(() => {
    throw new Error('the stream broke');
  });
  const before = all();
  register(moved(workloads, 's009-1.shop', 29_009));
  expect(failures).toEqual([`snapshot of ${proxies[3]?.id}`]);
  for (const [index, snapshot] of all().entries())
    expect(snapshot.generation).toBe((before[index]?.generation ?? 0) + 1);
});

test('a proxy whose own part was never made has no snapshot: an empty one would take away what its Envoy holds', () => {
  const { cellOf, broken } = breakable();
  const first = proxies[0];
  if (!first) throw new Error('no proxy');
  cellOf(first).set(broken());
  const spine = spineMesh({ texts, workloads, secrets: cellOf });
  const held = spine.snapshots.hold(first);
  expect(held.snapshot.get()).toBeUndefined();
  cellOf(first).set(secretMaterial());
  expect([...namesOf(held.snapshot.get()?.layers ?? [], clusterType)].length).toBeGreaterThan(serviceCount);
});

test('an identity without a certificate fails closed: no snapshot', () => {
  const nothing = createCell<SecretMaterial | undefined>(undefined);
  const spine = spineMesh({ texts, workloads, secrets: () => nothing });
  const [first] = proxies;
  const held = first && spine.snapshots.hold(first);
  expect(held?.snapshot.get()).toBeUndefined();
  nothing.set(secretMaterial());
  expect(held?.snapshot.get()).toBeDefined();
});
