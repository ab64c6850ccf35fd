import { describe, expect, test } from 'vitest';
import { namespaceOf, workloadOf } from '../../src/cli/actions/workload.ts';
import type { WorkloadFlags } from '../../src/cli/workload-flags.ts';
import { describeWorkload } from '../../src/control-plane/describe-workload.ts';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { offlineProxy } from '../../src/control-plane/offline-proxy.ts';
import type { PolicySet } from '../../src/model/policy.ts';
import { createCell } from '../../src/model/readable.ts';
import type { ReadinessProbe } from '../../src/model/workload-group.ts';
import { groupsOf } from '../../src/model/workload-groups.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { boundBy, groupedMembers } from '../../src/registry/grouped-members.ts';
import { checkClaims, type JoinCredential } from '../../src/registry/join-claims.ts';
import { createJoinHealth, type HealthRecord, savedHealthKey } from '../../src/registry/join-health.ts';
import { Refused } from '../../src/registry/join-refusal.ts';
import { createJoinedProxies } from '../../src/registry/joined-proxies.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryStore } from '../support/memory-store.ts';
import { settings } from '../support/registry-values.ts';

/** A namespace `shop` with these groups, by name. */
function groups(specs: Readonly<Record<string, object>>): PolicySet {
  const text = Object.entries(specs)
    .map(([name, spec]) =>
      JSON.stringify({ apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup', metadata: { name }, spec }),
    )
    .join('\n---\n');
  const { policies, diagnostics } = parsePolicies([{ path: 'policies/shop/groups.yaml', text }], {
    commit: 'c1',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  if (policies === undefined) throw new Error(JSON.stringify(diagnostics));
  return policies;
}

function probeOf(probe: object): ReadinessProbe | undefined {
  const [group] = groups({ g: { template: {}, probe } }).objects;
  return group?.kind === 'WorkloadGroup' ? group.spec.probe : undefined;
}

describe('a probe as it is written', () => {
  test('has the defaults of an agent of Istio', () => {
    expect(probeOf({ httpGet: { port: 80 } })).toEqual({
      initialDelay: 0,
      period: 10_000,
      timeout: 1_000,
      successThreshold: 1,
      failureThreshold: 1,
      check: { kind: 'http', scheme: 'http', port: 80, path: '/', headers: [] },
    });
  });

  test.each<[string, object, object]>([
    [
      'a path without slash, and with a blank and a query',
      { httpGet: { port: 1, path: 'a b?c=d', scheme: 'HTTPS', host: 'h', httpHeaders: [{ name: 'a', value: 'b' }] } },
      { kind: 'http', scheme: 'https', host: 'h', port: 1, path: '/a%20b?c=d', headers: [{ name: 'a', value: 'b' }] },
    ],
    ['a path that looks like a host', { httpGet: { port: 1, path: '//h/p' } }, { path: '//h/p' }],
    ['TCP', { tcpSocket: { port: 2 } }, { kind: 'tcp', port: 2 }],
    ['gRPC', { grpc: { port: 3, service: 's' } }, { kind: 'grpc', port: 3, service: 's' }],
    ['a command', { exec: { command: ['a', '-b'] } }, { kind: 'exec', command: ['a', '-b'] }],
  ])('%s', (_name, probe, check) => {
    expect(probeOf(probe)?.check).toMatchObject(check);
  });

  test('a number that is written counts, a 0 does not', () => {
    const times = { initialDelaySeconds: 2, periodSeconds: 3, timeoutSeconds: 4, successThreshold: 5 };
    expect(probeOf({ tcpSocket: { port: 2 }, failureThreshold: 0, ...times })).toMatchObject({
      initialDelay: 2_000,
      period: 3_000,
      timeout: 4_000,
      successThreshold: 5,
      failureThreshold: 1,
    });
  });
});

const reviews = {
  metadata: { labels: { version: 'v2' }, annotations: { owner: 'team-a' } },
  template: {
    labels: { app: 'reviews', version: 'v1', tier: 'back' },
    ports: { http: 9080, admin: 9081 },
    locality: 'eu/north',
    weight: 3,
  },
};
const credential: JoinCredential = {
  tokenId: '9f2',
  namespace: 'shop',
  serviceAccount: 'reviews',
  service: 'reviews-vm',
  group: 'reviews-vm',
};
const joinWith = (weft: object, policies = groups({ 'reviews-vm': reviews }), as: JoinCredential = credential) =>
  checkClaims(
    as,
    { id: 'reviews-1.shop', weft: { service: 'reviews-vm', namespace: 'shop', ...weft } },
    '10.0.0.7',
    settings,
    groupsOf(policies),
  );

describe('a joining workload (WEFT0203)', () => {
  test('becomes what its group says; the credential names the group', () => {
    const { proxy, workload } = joinWith({ labels: { zone: 'a', tier: 'back', app: 'reviews' } });
    expect(proxy.labels).toEqual({ app: 'reviews', version: 'v2', tier: 'back', zone: 'a' });
    // It declares no port: it has those of the group.
    expect(proxy.ports).toEqual([
      { name: 'http', port: 9080, inbound: 19_080 },
      { name: 'admin', port: 9081, inbound: 19_081 },
    ]);
    const bound = boundBy(groups({ 'reviews-vm': reviews }), workload);
    expect(bound).toMatchObject({
      labels: { app: 'reviews', version: 'v2', tier: 'back', zone: 'a' },
      granted: { app: 'reviews', version: 'v2', tier: 'back' },
      locality: { region: 'eu', zone: 'north', subzone: '' },
      weight: 3,
      health: 'healthy',
      group: { name: 'reviews-vm', annotations: { owner: 'team-a' } },
    });
  });

  test('has the names of the group for the ports that it declares, and need not serve all', () => {
    const { proxy } = joinWith({ ports: [{ port: 9080, inbound: 21_000, protocol: 'http2' }] });
    expect(proxy.ports).toEqual([{ name: 'http', port: 9080, inbound: 21_000, protocol: 'http2' }]);
  });

  test('names a group of the name of its service itself', () => {
    const { group: _group, ...plain } = credential;
    expect(joinWith({ group: 'reviews-vm' }, undefined, plain).workload.group).toEqual({ name: 'reviews-vm' });
    expect(joinWith({}, undefined, plain).workload.group).toBeUndefined();
  });

  const { group: _group, ...ungrouped } = credential;
  test.each<[string, object, JoinCredential, string]>([
    ['a label', { labels: { tier: 'front' } }, credential, 'says label "tier" is "back" (policies/shop/groups.yaml:1)'],
    ['a label of the metadata', { labels: { version: 'v1' } }, credential, 'says label "version" is "v2"'],
    ['a granted label', {}, { ...credential, labels: { tier: 'front' } }, 'token 9f2 grants "front"'],
    ['a locality', { locality: 'eu/south' }, credential, 'says locality is "eu/north"'],
    ['a port', { ports: [{ port: 80, inbound: 81 }] }, credential, 'ports says 80'],
    ['the name of a port', { ports: [{ name: 'x', port: 9080, inbound: 81 }] }, credential, 'says 9080 is "x"'],
    ['another group', { group: 'ratings' }, credential, 'is for WorkloadGroup "reviews-vm"'],
    ['a group of a token that grants none', { group: 'ratings' }, ungrouped, 'grants no WorkloadGroup'],
    ['a group that there is not', {}, { ...credential, group: 'reviews-wm' }, 'there is no WorkloadGroup "reviews-wm"'],
  ])('is refused for %s', (_name, weft, as, words) => {
    expect(() => joinWith(weft, undefined, as)).toThrowError(Refused);
    expect(() => joinWith(weft, undefined, as)).toThrowError(words);
  });

  test('is refused where the group says another service account', () => {
    const policies = groups({ 'reviews-vm': { template: { serviceAccount: 'other' } } });
    expect(() => joinWith({}, policies)).toThrowError('says serviceAccount is "other"');
    const same = groups({ 'reviews-vm': { template: { serviceAccount: 'reviews' } } });
    expect(joinWith({}, same).workload.serviceAccount).toBe('reviews');
  });

  test('is not turned away when it comes back, whatever a commit made of its group; its next start is', () => {
    const policies = createCell(groups({ 'reviews-vm': reviews }));
    const joined = createJoinedProxies({
      settings,
      clock: fakeClock(),
      store: memoryStore(),
      groups: (namespace) => groupsOf(policies.get())(namespace),
    });
    const join = (stream: string, run: string, labels: object = { zone: 'a' }) => {
      const weft = { service: 'reviews-vm', namespace: 'shop', run, labels };
      return joined.join({ id: stream, peerAddress: '10.0.0.7' }, credential, { id: 'reviews-1.shop', weft }).kind;
    };
    expect(join('1', 'r1')).toBe('joined');
    const specs: Readonly<Record<string, object>>[] = [{ 'reviews-vm': { template: { labels: { zone: 'b' } } } }, {}];
    for (const spec of specs) {
      policies.set(groups(spec));
      joined.leave('1');
      expect(join('1', 'r1')).toBe('joined');
      expect(join('2', 'r1', { zone: 'c' })).toBe('refused');
      expect(join('3', 'r2')).toBe('refused');
    }
    expect(joined.workloads.get().get('reviews-1.shop')?.group).toEqual({ name: 'reviews-vm' });
  });

  test('follows its group afterwards; what it contradicts then is told, and its next join refused', () => {
    const { workload } = joinWith({ labels: { zone: 'a' } });
    const policies = createCell<PolicySet | undefined>(groups({ 'reviews-vm': reviews }));
    const joined = createCell(new Map([[workload.id, workload]]));
    const health = createCell<ReadonlyMap<string, HealthRecord>>(new Map());
    const members = groupedMembers({ joined, policies, health });
    const now = () => members.get().get(workload.id);
    const before = members.get();
    policies.set(groups({ 'reviews-vm': reviews }));
    expect(members.get()).toBe(before);
    policies.set(groups({ 'reviews-vm': { template: { labels: { zone: 'b' } } } }));
    expect(now()).toMatchObject({ labels: { app: 'reviews-vm', zone: 'b' }, weight: 1 });
    expect(now()?.labels.version).toBeUndefined();
    expect(now()?.group?.contradiction).toContain('says label "zone" is "b"');
    expect(() => joinWith({ labels: { zone: 'a' } }, policies.get())).toThrowError(Refused);
    policies.set(groups({}));
    expect(now()).toBe(workload);
    members.close();
  });
});

const probed = { ...reviews, probe: { tcpSocket: { port: 9080 } } };

describe('health that is reported', () => {
  const setUp = (store = memoryStore(), clock = fakeClock()) => ({
    store,
    clock,
    health: createJoinHealth(store, clock),
  });
  const stateOf = ({ health }: ReturnType<typeof setUp>) => health.records.get().get('a')?.healthy;

  test('begins with "not yet" for each new run of a probed workload, and stays over what only comes back', () => {
    const { clock, health, store } = setUp();
    const policies = groups({ 'reviews-vm': probed });
    const joined = createJoinedProxies({ settings, clock, store, groups: groupsOf(policies), health });
    const members = groupedMembers({
      joined: joined.workloads,
      policies: createCell(policies),
      health: health.records,
    });
    const join = (stream: string, run: string) =>
      joined.join({ id: stream, peerAddress: '10.0.0.7' }, credential, {
        id: 'reviews-1.shop',
        weft: { service: 'reviews-vm', namespace: 'shop', run },
      });
    const now = () => members.get().get('reviews-1.shop');
    join('1', 'r1');
    expect(now()).toMatchObject({ health: 'unhealthy', trouble: { reason: 'no probe has succeeded yet' } });
    health.report('reviews-1.shop', true, '');
    expect(now()).toMatchObject({ health: 'healthy', group: { probed: true } });
    expect(now()?.trouble).toBeUndefined();
    joined.leave('1');
    join('2', 'r1');
    expect(now()?.health).toBe('healthy');
    join('3', 'r2');
    expect(now()?.health).toBe('unhealthy');
    joined.goodbye('reviews-1.shop');
    expect(now()?.health).toBe('draining');
  });

  test('a group that gets a probe later takes nobody out before one has failed', () => {
    const { workload } = joinWith({});
    expect(boundBy(groups({ 'reviews-vm': probed }), workload)).toMatchObject({ health: 'healthy' });
  });

  test('changes at most once a second, and then to what was said last', () => {
    const scene = setUp();
    const { clock, health } = scene;
    health.report('a', false, 'broken\nfor good');
    expect(health.records.get().get('a')).toMatchObject({ healthy: false, reason: 'broken for good' });
    for (let round = 0; round < 1_000; round += 1) health.report('a', round % 2 === 0, 'again');
    expect(stateOf(scene)).toBe(false);
    expect(health.counts()).toEqual({ changes: 1, held: 1_000 });
    health.report('a', true, '');
    clock.advance(1_000);
    expect(stateOf(scene)).toBe(true);
    expect(health.counts().changes).toBe(2);
    clock.advance(5_000);
    health.report('a', false, 'x'.repeat(1_000));
    expect(stateOf(scene)).toBe(false);
    expect(health.records.get().get('a')?.reason.length).toBe(257);
  });

  test('tells another reason now and then, without a change of health', () => {
    const { clock, health } = setUp();
    const why = () => health.records.get().get('a');
    health.report('a', false, 'refused');
    const { since } = why() ?? {};
    clock.advance(9_000);
    health.report('a', false, 'answered 503');
    expect(why()?.reason).toBe('refused');
    clock.advance(1_000);
    health.report('a', false, 'answered 503');
    expect(why()).toEqual({ healthy: false, reason: 'answered 503', since });
    health.report('a', false, 'answered 404');
    expect(why()?.reason).toBe('answered 503');
    expect(health.counts().changes).toBe(1);
  });

  test('outlives the control plane', async () => {
    const first = setUp();
    first.health.report('a', false, 'broken');
    first.health.report('b', true, '');
    await first.health.close();
    const second = setUp(first.store);
    await second.health.restore();
    expect(second.health.records.get()).toEqual(first.health.records.get());
    second.health.prune((id) => id === 'b');
    expect([...second.health.records.get().keys()]).toEqual(['b']);
  });

  test.each([
    '{',
    '{"version":2}',
    '{"version":1,"records":[{}]}',
    '{"version":1,"records":[{"id":"a","healthy":true}]}',
  ])('damage is told: %s', async (text) => {
    const { store, health } = setUp();
    await store.write(savedHealthKey, new TextEncoder().encode(text));
    await health.restore();
    expect(health.problem()).toContain(savedHealthKey);
    expect(health.records.get().size).toBe(0);
  });
});

test('weft translate knows a workload of a group before one has joined', () => {
  const policies = groups({ 'reviews-vm': { template: { ...reviews.template, serviceAccount: 'reviews' } } });
  expect(offlineProxy(offlineMesh({ policies, settings }), 'reviews-vm', 'shop')).toMatchObject({
    id: 'reviews-vm.shop',
    identity: 'spiffe://demo.mesh/ns/shop/sa/reviews',
    labels: { app: 'reviews', version: 'v1', tier: 'back' },
    locality: { region: 'eu', zone: 'north', subzone: '' },
    ports: [
      { name: 'http', port: 9080, inbound: 19_080 },
      { name: 'admin', port: 9081, inbound: 19_081 },
    ],
  });
});

test('weft describe workload tells of its group, its probe and why it is not called', () => {
  const { workload } = joinWith({ labels: { zone: 'a' } });
  const unhealthy = { ...workload, health: 'unhealthy', trouble: { reason: 'broken', since: 0 } } as const;
  const policies = groups({ 'reviews-vm': { ...probed, template: { labels: { zone: 'b' } } } });
  const mesh = offlineMesh({ policies, settings, joined: [[workload.id, unhealthy]] });
  const known = { mesh, live: true, diagnostics: [], proxyOf: () => undefined, scopes: [] };
  const [about] = describeWorkload(known, mesh.workloads.get(workload.id), undefined).sections;
  expect(about?.rows.slice(-4)).toMatchObject([
    { text: 'of WorkloadGroup reviews-vm', by: 'policies/shop/groups.yaml:1' },
    { text: 'probed every 10 s: TCP its application:9080', by: 'policies/shop/groups.yaml:1' },
    { text: 'unhealthy since 1970-01-01T00:00:00.000Z: broken' },
    { text: expect.stringContaining('its next start is refused: WorkloadGroup shop/reviews-vm says label') },
  ]);
});

describe('weft run --group', () => {
  test('names the namespace, too, and the service where none is given', () => {
    expect(namespaceOf('shop/reviews', 'default', undefined)).toBe('shop');
    expect(namespaceOf('shop/reviews', 'shop', 'shop')).toBe('shop');
    expect(namespaceOf('reviews', 'shop', 'shop')).toBe('shop');
    expect(namespaceOf(undefined, 'shop', undefined)).toBe('shop');
    expect(() => namespaceOf('shop/reviews', 'test', 'test')).toThrowError(
      '--group "shop/reviews" is not in namespace "test"',
    );
    expect(() => namespaceOf('a/b/c', 'a', undefined)).toThrowError('is neither NAME nor NAMESPACE/NAME');
  });

  test('writes the group into the node', async () => {
    expect(await workloadOf(flags({ group: 'shop/reviews' }), 'shop')).toMatchObject({
      nodeId: 'reviews-1.shop',
      metadata: { service: 'reviews', namespace: 'shop', group: 'reviews' },
    });
    expect((await workloadOf(flags({ group: 'vm', service: 'reviews' }), 'shop')).metadata).toMatchObject({
      service: 'reviews',
      group: 'vm',
    });
    await expect(workloadOf(flags({ group: 'No' }), 'shop')).rejects.toThrowError('is not a name');
    await expect(workloadOf(flags({}), 'shop')).rejects.toThrowError('"--service NAME" is missing');
  });
});

/** The flags of `weft run` as they are where only these were given. */
function flags(given: Partial<WorkloadFlags>): WorkloadFlags {
  return {
    label: [],
    port: [],
    'inbound-port': [],
    'inbound-bind': '0.0.0.0',
    'application-address': '127.0.0.1',
    capture: { proxy: true, ports: true },
    bind: '127.0.0.1',
    protocol: 'http',
    'outbound-port': 15_001,
    'stats-interval': 5_000,
    service: undefined,
    group: undefined,
    name: undefined,
    version: undefined,
    address: undefined,
    locality: undefined,
    admin: undefined,
    'token-file': undefined,
    ...given,
  };
}
