import { describe, expect, test } from 'vitest';
import type { PolicySet } from '../../src/model/policy.ts';
import { createCell } from '../../src/model/readable.ts';
import { groupsOf } from '../../src/model/workload-groups.ts';
import { boundBy, groupedMembers } from '../../src/registry/grouped-members.ts';
import type { JoinCredential } from '../../src/registry/join-claims.ts';
import type { HealthRecord } from '../../src/registry/join-health.ts';
import { Refused } from '../../src/registry/join-refusal.ts';
import { createJoinedProxies } from '../../src/registry/joined-proxies.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { credential, groups, joinWith, probeOf, reviews } from '../support/group-words.ts';
import { memoryStore } from '../support/memory-store.ts';
import { settings } from '../support/registry-values.ts';

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
