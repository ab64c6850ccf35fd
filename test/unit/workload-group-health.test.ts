import { describe, expect, test } from 'vitest';
import { namespaceOf, workloadOf } from '../../src/cli/actions/workload.ts';
import type { WorkloadFlags } from '../../src/cli/workload-flags.ts';
import { describeWorkload } from '../../src/control-plane/describe-workload.ts';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { offlineProxy } from '../../src/control-plane/offline-proxy.ts';
import { createCell } from '../../src/model/readable.ts';
import { groupsOf } from '../../src/model/workload-groups.ts';
import { boundBy, groupedMembers } from '../../src/registry/grouped-members.ts';
import { createJoinHealth, savedHealthKey } from '../../src/registry/join-health.ts';
import { createJoinedProxies } from '../../src/registry/joined-proxies.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { credential, groups, joinWith, probed, reviews } from '../support/group-words.ts';
import { memoryStore } from '../support/memory-store.ts';
import { settings } from '../support/registry-values.ts';

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
  const { sections } = describeWorkload(known, mesh.workloads.get(workload.id), undefined);
  const [about] = sections;
  expect(sections.find(({ name }) => name === 'application ports')?.rows).toMatchObject([
    { text: 'its sidecar is disconnected; its policies act there as it had them' },
  ]);
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
