import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { controlPlaneMetrics } from '../../src/control-plane/control-plane-metrics.ts';
import { policyPlace } from '../../src/control-plane/policy-place.ts';
import type { ProxySession } from '../../src/control-plane/proxy-sessions.ts';
import { isRolling, proxyStatus } from '../../src/control-plane/proxy-status.ts';
import { type Refusals, refusedResources, withheldFrom } from '../../src/control-plane/refused-resources.ts';
import type { Policy } from '../../src/model/policy.ts';
import { NodeSchema } from '../../src/proto/gen/envoy/config/core/v3/base_pb.ts';
import type { JoinCredential } from '../../src/registry/join-claims.ts';
import type { QuarantineEntry } from '../../src/xds/quarantine.ts';
import { listenerType, routeType, secretType, virtualHostType } from '../../src/xds/resource-types.ts';
import { lookup } from '../../src/xds/snapshot.ts';
import type { StreamStatus, TypeStatus } from '../../src/xds/status.ts';
import { workload } from '../support/registry-values.ts';
import { proxy } from '../support/resolve-values.ts';
import { spineMesh, type Texts } from '../support/spine-mesh.ts';

const now = 1_000_000;
const node = 'client-2.shop';
const host = 'out_proxy/out_shop_reviews_80';
const serviceText = `apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 80, targetPort: 9080 }] }
`;
const routeText = (timeout: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [reviews]
  http:
    - { name: slow, timeout: ${timeout}, route: [{ destination: { host: reviews } }] }
`;
const texts: Texts = { 'shop/reviews.yaml': serviceText, 'shop/routes.yaml': routeText('3s') };

/** One proxy of a mesh whose second commit changed a route, which another proxy refused. */
function scene() {
  const spine = spineMesh({ texts, workloads: [workload('reviews-1', 'reviews', 20_000)] });
  const member = proxy(node, { capture: { bind: '127.0.0.1', ports: true } });
  const { snapshot } = spine.snapshots.hold(member);
  const layers = () => snapshot.get()?.layers ?? [];
  const wanted = (typeUrl: string, name: string) => {
    const resource = lookup(layers(), typeUrl, name);
    if (resource === undefined) throw new Error(`no ${name}`);
    return resource;
  };
  const good = wanted(virtualHostType, host).version;
  spine.serve(spine.parse({ ...texts, 'shop/routes.yaml': routeText('4s') }));
  const entry = (over: Partial<QuarantineEntry> = {}): QuarantineEntry => ({
    scope: 'view shop',
    agent: 'envoy 1.40.0',
    typeUrl: virtualHostType,
    name: host,
    version: wanted(virtualHostType, host).version,
    message: 'missing ): (',
    at: now - 5_000,
    node: 'client-1.shop',
    refusals: 1,
    everywhere: true,
    good,
    ...over,
  });
  const refusals = (...entries: readonly QuarantineEntry[]): Refusals => {
    const mesh = spine.mesh.get();
    return {
      entries,
      wanted: spine.snapshots.wanted,
      placeOf: (resource) => mesh && policyPlace(resource, mesh, ['c2', 'c1']),
    };
  };
  const type = (over: Partial<TypeStatus> = {}): TypeStatus => ({
    typeUrl: virtualHostType,
    wildcard: false,
    namesSubscribed: 1,
    namesDiffering: 0,
    unanswered: false,
    isSubscribed: () => true,
    versionOf: () => undefined,
    heldResource: () => undefined,
    subscribed: [host],
    held: [{ name: host, version: good }],
    seen: layers(),
    differing: [{ name: host, version: good, owed: false }],
    nonce: 'n1',
    sentVersion: '1',
    sentAt: now - 9_000,
    ackedVersion: '1',
    ackedAt: now - 8_000,
    inFlightSince: undefined,
    owed: 0,
    error: undefined,
    ...over,
  });
  const stream = (...types: readonly TypeStatus[]): StreamStatus<JoinCredential> => ({
    id: 1,
    principal: { tokenId: 't', namespace: 'shop', serviceAccount: 'a', service: 'a' },
    node: create(NodeSchema, { id: node, userAgentName: 'envoy' }),
    peer: '127.0.0.1:1',
    variant: 'delta',
    openedAt: 0,
    types,
  });
  const session: ProxySession = {
    proxy: member,
    peer: '127.0.0.1:1',
    connectedAt: 0,
    inFlight: new Set(),
    acknowledgedCommit: 'c1',
    acknowledgedAfter: undefined,
    snapshot: () => spine.snapshots.of(member.id),
  };
  const context = (...entries: readonly QuarantineEntry[]) => {
    return { wanted: 'c2', replica: 'cp-1', now, refusals: refusals(...entries) };
  };
  return { spine, member, good, wanted, entry, refusals, type, stream, session, context };
}

const place = {
  ref: 'VirtualService/shop/reviews',
  file: 'policies/shop/routes.yaml',
  line: 7,
  column: 7,
  commit: 'c2',
  field: 'spec.http[0]',
};

test('X38 a proxy that is kept from what an equal one refused is not SYNCED, though it refused nothing', () => {
  const { session, stream, type, context, entry, good, wanted } = scene();
  const status = proxyStatus(session, stream(type()), context(entry()));
  expect(status.status).toBe('REJECTED');
  expect(status.revision).toEqual({ serving: 'c1', wanted: 'c2' });
  const refusal = {
    at: '1970-01-01T00:16:35.000Z',
    message: 'missing ): (',
    refusedBy: 'client-1.shop',
    source: place,
  };
  expect(status.types.VHDS).toMatchObject({
    status: 'REJECTED',
    error: { ...refusal, resources: [host] },
    withheld: [{ ...refusal, resource: host, version: wanted(virtualHostType, host).version, served: good }],
  });
  expect([status.types.LDS.status, status.types.SDS.status]).toEqual(['PENDING', '-']);
  // Its own refusal of an earlier stream is its own.
  const own = proxyStatus(session, stream(type()), context(entry({ node })));
  expect(own.types.VHDS.error).not.toHaveProperty('refusedBy');
});

test('X38 withheld is what is refused, of this view, in this version, and not merely late', () => {
  const { type, refusals, entry } = scene();
  const names = (status: TypeStatus, ...entries: readonly QuarantineEntry[]) =>
    withheldFrom(status, node, refusals(...entries)).map(({ resource }) => resource);
  expect(names(type(), entry())).toEqual([host]);
  expect(names(type(), entry({ scope: 'view bank' }))).toEqual([]);
  expect(names(type(), entry({ version: 'older' }))).toEqual([]);
  expect(names(type({ differing: [{ name: host, version: 'x', owed: true }] }), entry())).toEqual([]);
  const atRest: TypeStatus = Object.defineProperty({ ...type() }, 'differing', {
    get() {
      throw new Error('nobody refused anything: nothing is looked at');
    },
  });
  expect(names(atRest)).toEqual([]);
  expect(names(atRest, entry({ typeUrl: listenerType }))).toEqual([]);
});

test('a proxy that waits for good with what depends on a refusal does not keep a revision rolling', () => {
  const { stream, type, refusals, entry } = scene();
  const waiting = type({ typeUrl: listenerType, owed: 1, differing: [] });
  expect(isRolling(stream(waiting), refusals())).toBe(true);
  expect(isRolling(stream(waiting, type()), refusals(entry()))).toBe(false);
  expect(isRolling(stream(type({ differing: [] })), refusals())).toBe(false);
});

test('what is refused is listed with its line and what to do, also what no proxy wants any more', () => {
  const { refusals, entry, stream, type, good, wanted } = scene();
  const listener = wanted(listenerType, 'out_shop_reviews_80');
  const taken = { message: 'cannot bind', names: [listener.name], version: '2', at: now };
  const own = stream(type({ typeUrl: listenerType, error: taken, differing: [] }));
  const all = refusedResources(
    [own],
    refusals(entry({ refusals: 3 }), entry({ version: 'old', at: now - 9_000 }), entry({ everywhere: false, at: 1 })),
  );
  expect(all.map(({ type: short, resource, fix }) => [short, resource, fix])).toEqual([
    [
      'LDS',
      listener.name,
      `remove the cause at ${node}, then weft nacks --release ${listener.name}: it is offered again to a new stream`,
    ],
    ['VHDS', host, 'change policies/shop/routes.yaml:7, or git revert c2: other content is offered at once'],
    ['VHDS', host, 'nothing: the content has changed since'],
    [
      'VHDS',
      host,
      'an equal Envoy takes it: look for what is different at client-1.shop, then weft nacks --release out_proxy/out_shop_reviews_80',
    ],
  ]);
  expect(all[0]).toMatchObject({ withheldFrom: 'refusers', refusedVersion: listener.version, scope: node });
  expect(all[1]).toMatchObject({
    scope: 'view shop',
    agent: 'envoy 1.40.0',
    servedVersion: good,
    firstRefusedBy: 'client-1.shop',
    refusals: 3,
    withheldFrom: 'equals',
    wanted: true,
    source: place,
  });
  expect(all[2]).toMatchObject({ wanted: false, refusedVersion: 'old' });
});

test('what a proxy cannot take for a cause of its own is withheld, and is told apart', () => {
  const { session, stream, type, context, entry, wanted, good } = scene();
  const { name, version } = wanted(listenerType, 'out_shop_reviews_80');
  const error = { message: 'cannot bind\n', names: [name], version: '2', at: now };
  const taken = (over: Partial<TypeStatus>) => type({ typeUrl: listenerType, error, ...over });
  const of = (status: TypeStatus, ...entries: readonly QuarantineEntry[]) =>
    proxyStatus(session, stream(status), context(...entries)).types.LDS;
  const own = {
    resource: name,
    version,
    refusedBy: node,
    own: true,
    at: '1970-01-01T00:16:40.000Z',
    message: 'cannot bind',
    source: expect.objectContaining({ ref: 'Service/shop/reviews' }),
  };
  const differs = { name, version: undefined, owed: false };
  expect(of(taken({ differing: [differs] }))).toMatchObject({ status: 'REJECTED', withheld: [own] });
  expect(of(taken({ differing: [{ ...differs, version: good }] })).withheld).toEqual([{ ...own, served: good }]);
  // While the culprit is looked for, and where equals are kept from it as well.
  expect(of(taken({ differing: [{ ...differs, owed: true }] }))).not.toHaveProperty('withheld');
  const shared = of(taken({ differing: [differs] }), entry({ typeUrl: listenerType, name, version })).withheld;
  expect(shared).toHaveLength(1);
  expect(shared?.[0]).not.toHaveProperty('own');
});

test('Envoy’s words are one line wherever they are told, and the software is told with its version', () => {
  const { session, stream, type, context, entry, refusals, wanted } = scene();
  const said = 'Invalid duration: goo.gle/debugproto   \nseconds: -1\n';
  const words = 'Invalid duration: goo.gle/debugproto seconds: -1';
  const { name } = wanted(listenerType, 'out_shop_reviews_80');
  const own = type({ typeUrl: listenerType, error: { message: said, names: [name], version: '2', at: now } });
  const version = {
    case: 'userAgentBuildVersion' as const,
    value: { version: { majorNumber: 1, minorNumber: 40, patch: 2 } },
  };
  const both = {
    ...stream(type(), own),
    node: create(NodeSchema, { id: node, userAgentName: 'envoy', userAgentVersionType: version }),
  };
  const { VHDS, LDS } = proxyStatus(session, both, context(entry({ message: said }))).types;
  expect([VHDS.error?.message, VHDS.withheld?.[0]?.message, LDS.error?.message]).toEqual([words, words, words]);
  const listed = refusedResources([both], refusals(entry({ message: said, agent: 'envoy 1.40.0' })));
  expect(listed.map(({ message, agent }) => [message, agent])).toEqual([
    [words, 'envoy 1.40.2'],
    [words, 'envoy 1.40.0'],
  ]);
});

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
