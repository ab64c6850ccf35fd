import { expect, test } from 'vitest';
import type { Proxy } from '../../src/model/proxy.ts';
import { createCell } from '../../src/model/readable.ts';
import type { Workload } from '../../src/model/workload.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { translateCounters } from '../../src/translate/envoy-resource.ts';
import type { SecretMaterial } from '../../src/translate/translate-secrets.ts';
import { clusterType, endpointType, secretType } from '../../src/xds/resource-types.ts';
import { namesOf } from '../../src/xds/snapshot.ts';
import {
  connected,
  counted,
  moved,
  proxies,
  serviceCount,
  serviceIn,
  texts,
  workloads,
} from '../support/plain-mesh.ts';
import { workload } from '../support/registry-values.ts';
import { proxy } from '../support/resolve-values.ts';
import { secretMaterial, spineMesh } from '../support/spine-mesh.ts';

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
