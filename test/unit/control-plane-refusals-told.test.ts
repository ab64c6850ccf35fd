import { expect, test } from 'vitest';
import { controlPlaneMetrics } from '../../src/control-plane/control-plane-metrics.ts';
import { policyPlace } from '../../src/control-plane/policy-place.ts';
import type { Policy } from '../../src/model/policy.ts';
import { listenerType, routeType, secretType, virtualHostType } from '../../src/xds/resource-types.ts';
import { lookup } from '../../src/xds/snapshot.ts';
import { node, place, routeText, scene, texts } from '../support/refusal-scene.ts';
import { workload } from '../support/registry-values.ts';
import { proxy } from '../support/resolve-values.ts';
import { spineMesh } from '../support/spine-mesh.ts';

test('metrics count refusals by type, and what is withheld of what is wanted now', () => {
  const { refusals, entry, spine } = scene();
  const joined = { connected: 0, lost: 0, draining: 0, withheldRemovals: 0, stale: [], problem: undefined };
  const checks = { passed: 0, failed: 0 };
  const families = controlPlaneMetrics({
    sent: { responses: 0, bytes: 0 },
    policies: { diagnostics: [], history: [], checks, checkMilliseconds: 0 },
    joined,
    overflow: 0,
    withoutLocalPort: 0,
    nacks: new Map([[virtualHostType, 4]]),
    refusals: refusals(entry(), entry({ version: 'old' }), entry({ scope: 'view gone' })),
  });
  const value = (name: string, type: string) =>
    families.find((family) => family.name === name)?.samples.find(({ labels }) => labels?.type === type)?.value;
  expect([value('pilot_total_xds_rejects', 'vhds'), value('pilot_total_xds_rejects', 'cds')]).toEqual([4, 0]);
  expect([value('weft_xds_quarantined', 'vhds'), value('weft_xds_quarantined', 'lds')]).toEqual([1, 0]);
  expect(spine.snapshots.wanted(node, secretType, 'identity')).toBeDefined();
  expect(spine.snapshots.wanted('view shop', secretType, 'identity')).toBeUndefined();
});

test('the line is that of the object that changed last; several that came together accuse nobody', () => {
  const { spine, wanted } = scene();
  const mesh = spine.mesh.get();
  if (mesh === undefined) throw new Error('no mesh');
  const routes = wanted(routeType, 'out_shop_reviews_80');
  expect(policyPlace(routes, mesh, ['c2', 'c1'])).toEqual(place);
  // The service and its routes, when neither commit is known any more.
  expect(policyPlace(routes, mesh, [])).toBeUndefined();
  expect(policyPlace(wanted(listenerType, 'out_shop_reviews_80'), mesh, ['c2', 'c1'])).toMatchObject({
    ref: 'Service/shop/reviews',
    file: 'policies/shop/reviews.yaml',
    line: 3,
    commit: 'c1',
  });
  expect(policyPlace(wanted(secretType, 'identity'), mesh, ['c2'])).toBeUndefined();
});

test('of two rules the one that is not as it was when the resource was accepted is named', () => {
  const ruleText = (name: string, timeout: string) =>
    `    - { name: ${name}, match: [{ uri: { prefix: /${name} } }], timeout: ${timeout}, route: [{ destination: { host: reviews } }] }\n`;
  const head = routeText('1s').slice(0, routeText('1s').indexOf('    - {'));
  const routes = (one: string, two: string) => `${head}${ruleText('one', one)}${ruleText('two', two)}`;
  const spine = spineMesh({
    texts: { ...texts, 'shop/routes.yaml': routes('1s', '2s') },
    workloads: [workload('reviews-1', 'reviews', 20_000)],
  });
  const { snapshot } = spine.snapshots.hold(proxy(node, { capture: { bind: '127.0.0.1', ports: true } }));
  const route = () => {
    const found = lookup(snapshot.get()?.layers ?? [], routeType, 'out_shop_reviews_80');
    if (found === undefined) throw new Error('no routes');
    return found;
  };
  const good = route();
  const place = (one: string, two: string, before = good) => {
    spine.serve(spine.parse({ ...texts, 'shop/routes.yaml': routes(one, two) }));
    const mesh = spine.mesh.get();
    return mesh && policyPlace(route(), mesh, ['c5', 'c4', 'c3', 'c2', 'c1'], before)?.line;
  };
  expect(place('1s', '9s')).toBe(8);
  expect(place('8s', '2s')).toBe(7);
  // Both, or neither of them: then it is the object.
  expect(place('8s', '9s')).toBe(1);
  expect(place('8s', '9s', route())).toBe(1);
});

test('of an object that is not new the field is named that says something else', () => {
  const { spine, wanted } = scene();
  const mesh = spine.mesh.get();
  if (mesh === undefined) throw new Error('no mesh');
  const before = spine.parse({ ...texts, 'shop/routes.yaml': routeText('3s') }).objects;
  const older = (object: Policy) => before.find(({ kind, name }) => kind === object.kind && name === object.name);
  expect(policyPlace(wanted(routeType, 'out_shop_reviews_80'), mesh, ['c2', 'c1'], undefined, older)).toEqual({
    ...place,
    field: 'spec.http[0].timeout',
    column: 30,
  });
  // A rule that came above the others.
  const more = '    - { name: quick, match: [{ uri: { prefix: /q } }], route: [{ destination: { host: reviews } }] }\n';
  const head = routeText('4s').slice(0, routeText('4s').indexOf('    - {'));
  spine.serve(spine.parse({ ...texts, 'shop/routes.yaml': routeText('4s').replace(head, `${head}${more}`) }));
  const after = spine.mesh.get();
  const now = after?.policies.objects.find(({ kind }) => kind === 'VirtualService');
  const last = mesh.policies.objects.find(({ kind }) => kind === 'VirtualService');
  if (after === undefined || now === undefined) throw new Error('no mesh');
  const routes = wanted(routeType, 'out_shop_reviews_80');
  expect(policyPlace(routes, after, [now.commit, 'c1'], undefined, () => last)).toMatchObject({
    field: 'spec.http[0]',
    line: 7,
  });
});

test('a rule about connections is found by the chain of its listener', () => {
  const service = `apiVersion: v1\nkind: Service\nmetadata: { name: db, namespace: shop }\nspec: { selector: { app: db }, ports: [{ name: tcp, port: 5432 }] }\n`;
  const rules = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: db, namespace: shop }
spec:
  hosts: [db]
  tcp:
    - match: [{ sourceNamespace: bank }]
      route: [{ destination: { host: db } }]
    - route: [{ destination: { host: db } }]
`;
  const spine = spineMesh({ texts: { ...texts, 'shop/db.yaml': service, 'shop/rules.yaml': rules }, workloads: [] });
  const { snapshot } = spine.snapshots.hold(proxy(node, { capture: { bind: '127.0.0.1', ports: true } }));
  const listener = lookup(snapshot.get()?.layers ?? [], listenerType, 'out_shop_db_5432');
  const mesh = spine.mesh.get();
  if (listener === undefined || mesh === undefined) throw new Error('no listener');
  const commit = mesh.policies.commit;
  const renamed = { ...mesh, services: mesh.services.map(({ by: _, ...each }) => each) };
  expect(policyPlace(listener, renamed, [commit])).toMatchObject({ ref: 'VirtualService/shop/db', line: 9, commit });
});
