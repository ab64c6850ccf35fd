import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ProxyPlan, planChange, planText } from '../../src/control-plane/plan-change.ts';
import { clusterType, endpointType, listenerType, routeType, virtualHostType } from '../../src/xds/resource-types.ts';
import { lookup, namesOf, type Snapshot } from '../../src/xds/snapshot.ts';
import { workload } from '../support/registry-values.ts';
import { proxy } from '../support/resolve-values.ts';
import { spineMesh, type Texts } from '../support/spine-mesh.ts';

function serviceText(name: string, port = 80): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: ${port}, targetPort: 9080 }] }
`;
}

const base: Texts = {
  'shop/reviews.yaml': serviceText('reviews'),
  'shop/catalog.yaml': serviceText('catalog'),
  'shop/frontend.yaml': serviceText('frontend'),
};

/** Files that may be there or not: one or more of each field that reaches an Envoy. */
const additions: Texts = {
  'shop/ratings.yaml': serviceText('ratings'),
  'shop/catalog.yaml': serviceText('catalog', 8080),
  'shop/routes.yaml': `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec: { hosts: [reviews], http: [{ timeout: 3s, route: [{ destination: { host: reviews } }] }] }
`,
  'shop/subsets.yaml': `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog, namespace: shop }
spec: { host: catalog, subsets: [{ name: v1, labels: { version: v1 } }] }
`,
  'shop/limits.yaml': `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, namespace: shop }
spec: { host: reviews, trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } } }
`,
  'shop/mtls.yaml': `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: STRICT } }
`,
  'shop/authz.yaml': `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: reviews, namespace: shop }
spec: { selector: { matchLabels: { app: reviews } }, rules: [{ from: [{ source: { principals: [demo.mesh/ns/shop/sa/frontend] } }] }] }
`,
  'shop/scoped.yaml': `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: catalog, namespace: shop }
spec: { hosts: [catalog], http: [{ match: [{ sourceLabels: { app: frontend } }], timeout: 1s, route: [{ destination: { host: catalog } }] }, { route: [{ destination: { host: catalog } }] }] }
`,
  'shop/entry.yaml': `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: bank, namespace: shop }
spec: { hosts: [bank.example], ports: [{ number: 443, name: tls, protocol: TLS }], resolution: DNS, location: MESH_EXTERNAL }
`,
  'shop/machine.yaml': `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: old-machine, namespace: shop }
spec: { address: 10.0.0.9, labels: { app: reviews }, ports: { http: 9080 } }
`,
  'shop/words.yaml': '# nothing but words\n',
};

const workloads = ['reviews', 'catalog', 'frontend', 'ratings'].map((name, index) =>
  workload(`${name}-1`, name, 19_000 + index),
);
const proxies = [
  proxy('frontend-1.shop', {
    service: 'frontend',
    labels: { app: 'frontend' },
    capture: { bind: '127.0.0.1', proxy: 15_001, ports: true },
  }),
  proxy('reviews-1.shop', {
    service: 'reviews',
    labels: { app: 'reviews' },
    capture: { bind: '127.0.0.1', proxy: 15_001, ports: false },
  }),
  proxy('catalog-1.shop', { service: 'catalog', labels: { app: 'catalog' } }),
];
const types = [
  ['CDS', clusterType],
  ['LDS', listenerType],
  ['EDS', endpointType],
  ['RDS', routeType],
  ['VHDS', virtualHostType],
] as const;

/** What a proxy holds of a type: names and versions. It asks for the route configurations that its listeners name. */
function held(snapshot: Snapshot, typeUrl: string): ReadonlyMap<string, string> {
  const { layers } = snapshot;
  const listeners = [...namesOf(layers, listenerType)].flatMap((name) => lookup(layers, listenerType, name) ?? []);
  const named = listeners.flatMap(({ references }) => references.map((each) => `${each.typeUrl} ${each.name}`));
  return new Map(
    [...namesOf(layers, typeUrl)]
      .filter((name) => typeUrl !== routeType || named.includes(`${routeType} ${name}`))
      .filter((name) => typeUrl !== virtualHostType || named.includes(`${routeType} ${name.split('/')[0]}`))
      .map((name) => [name, lookup(layers, typeUrl, name)?.version ?? '']),
  );
}

/** What the step from one snapshot to the next sends. */
function pushed(id: string, before: Snapshot, after: Snapshot): ProxyPlan[] {
  const changed = types.flatMap(([type, typeUrl]) => {
    const [old, now] = [held(before, typeUrl), held(after, typeUrl)];
    const added = [...now.keys()].filter((name) => !old.has(name)).length;
    const removed = [...old.keys()].filter((name) => !now.has(name)).length;
    const different = [...now].filter(([name, version]) => old.has(name) && old.get(name) !== version).length;
    return added + removed + different > 0 ? [{ type, added, changed: different, removed }] : [];
  });
  return changed.length > 0 ? [{ id, types: changed }] : [];
}

function started(texts: Texts) {
  const spine = spineMesh({ texts, workloads });
  for (const each of proxies) spine.snapshots.hold(each);
  const snapshot = (id: string): Snapshot => {
    const now = spine.snapshots.of(id);
    if (!now) throw new Error(`${id} has no snapshot`);
    return now;
  };
  const plan = (set: ReturnType<typeof spine.parse>) => {
    const mesh = spine.mesh.get();
    if (!mesh) throw new Error('no mesh');
    return planChange(mesh, set, proxies, spine.snapshots.of);
  };
  return { ...spine, snapshot, plan };
}

describe('a plan', () => {
  test('is what serving then sends, for every proxy and type', () => {
    const edit = fc
      .subarray(Object.keys(additions))
      .map((names): Texts => ({ ...base, ...Object.fromEntries(names.map((name) => [name, additions[name] ?? ''])) }));
    fc.assert(
      fc.property(fc.array(edit, { minLength: 2, maxLength: 4 }), ([first = base, ...later]) => {
        const { parse, serve, plan, snapshot } = started(first);
        for (const texts of later) {
          const set = parse(texts);
          const planned = plan(set);
          const before = proxies.map(({ id }) => snapshot(id));
          serve(set);
          const sent = proxies.flatMap(({ id }, index) => {
            const old = before[index];
            return old ? pushed(id, old, snapshot(id)) : [];
          });
          expect(planned).toEqual(sent);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('publishes nothing', () => {
    const { parse, plan, snapshot, mesh } = started(base);
    const before = proxies.map(({ id }) => snapshot(id));
    const generation = mesh.get()?.generation;
    expect(plan(parse({ ...base, ...additions })).length).toBeGreaterThan(0);
    expect(proxies.map(({ id }) => snapshot(id))).toEqual(before);
    expect(mesh.get()?.generation).toBe(generation);
  });

  test('leaves out proxies that nothing changes for, and proxies that are not connected', () => {
    const { parse, plan } = started(base);
    const authz = { 'shop/authz.yaml': additions['shop/authz.yaml'] ?? '' };
    expect(plan(parse({ ...base, ...authz })).map(({ id }) => id)).toEqual(['reviews-1.shop']);
    const { mesh, parse: parseThere } = spineMesh({ texts: base, workloads });
    const there = mesh.get();
    expect(there && planChange(there, parseThere({ ...base, ...additions }), proxies, () => undefined)).toEqual([]);
  });

  test('names an added service at every place where it is added', () => {
    const { parse, plan } = started(base);
    const [first] = plan(parse({ ...base, 'shop/entry.yaml': additions['shop/entry.yaml'] ?? '' }));
    expect(first && planText(first)).toBe('frontend-1  CDS +1, LDS +1, VHDS +1');
  });
});

test('a plan in words', () => {
  const plan: ProxyPlan = {
    id: 'frontend-1.shop',
    types: [
      { type: 'RDS', added: 0, changed: 1, removed: 0 },
      { type: 'CDS', added: 2, changed: 0, removed: 3 },
    ],
  };
  expect(planText(plan)).toBe('frontend-1  CDS +2 -3, RDS ~1');
});
