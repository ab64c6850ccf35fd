import { describe, expect, test } from 'vitest';
import type { JoinCredential } from '../../src/registry/join-claims.ts';
import type { JoinedProxies } from '../../src/registry/joined-proxies.ts';
import { createJoinedProxies } from '../../src/registry/joined-proxies.ts';
import { savedWorkloadsKey } from '../../src/registry/saved-workloads.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryStore } from '../support/memory-store.ts';
import { settings } from '../support/registry-values.ts';

const credential: JoinCredential = {
  tokenId: '9f2',
  namespace: 'shop',
  serviceAccount: 'reviews',
  service: 'reviews',
};
const node = (name: string, inbound = 21_001, weft: object = {}) => ({
  id: `${name}.shop`,
  envoyVersion: '1.40.0',
  weft: { service: 'reviews', namespace: 'shop', ports: [{ name: 'http', port: 9080, inbound }], ...weft },
});
const local = (id: string) => ({ id, peerAddress: '127.0.0.1' });
const ids = (joined: JoinedProxies) => [...joined.workloads.get().keys()];

function setUp(store = memoryStore(), clock = fakeClock()) {
  return { store, clock, joined: createJoinedProxies({ settings, clock, store }) };
}

test('a sidecar whose claims are those of its credential joins', () => {
  const { joined } = setUp();
  const weft = { labels: { version: 'v1' }, capture: { proxy: 15_001, ports: true } };
  const result = joined.join({ id: 'a', peerAddress: '::ffff:10.0.0.7' }, credential, node('reviews-1', 21_001, weft));
  expect(result).toMatchObject({
    kind: 'joined',
    proxy: {
      id: 'reviews-1.shop',
      name: 'reviews-1',
      service: 'reviews',
      identity: 'spiffe://demo.mesh/ns/shop/sa/reviews',
      labels: { app: 'reviews', version: 'v1' },
      inboundBind: '0.0.0.0',
      capture: { bind: '127.0.0.1', proxy: 15_001, ports: true },
      envoyVersion: '1.40.0',
    },
    workload: {
      id: 'reviews-1.shop',
      address: '10.0.0.7',
      ports: [{ name: 'http', port: 9080, endpointPort: 21_001 }],
      source: 'proxy',
      health: 'healthy',
    },
  });
});

const peer = '10.0.0.7';
const wider: JoinCredential = { ...credential, addresses: ['0.0.0.0/0', '::/0'], ports: [9080] };
test.each<[string, JoinCredential, unknown, string, string?]>([
  ['another service', credential, node('reviews-1', 1, { service: 'pay' }), 'allows "reviews"'],
  ['another namespace', credential, node('reviews-1', 1, { namespace: 'test' }), 'allows "shop"'],
  ['another namespace in the id', credential, { ...node('r'), id: 'r.test' }, 'node.id says "test"'],
  ['no name in the id', credential, { ...node('r'), id: '.shop' }, 'node.id'],
  ['an id without namespace', credential, { ...node('r'), id: 'r' }, 'node.id'],
  ['an empty id', credential, { ...node('r'), id: '' }, 'node.id'],
  ['no metadata', credential, { id: 'r.shop', weft: undefined }, 'expected an object'],
  ['metadata as a list', credential, { id: 'r.shop', weft: [] }, 'expected an object'],
  ['a missing service', credential, { id: 'r.shop', weft: { namespace: 'shop' } }, 'service is missing'],
  ['an unknown key', credential, node('r', 1, { adress: '10.0.0.7' }), 'unknown field "adress"'],
  ['a label of another service', credential, node('r', 1, { labels: { app: 'pay' } }), 'labels["app"]'],
  ['a label that is no text', credential, node('r', 1, { labels: { a: 1 } }), 'labels["a"]'],
  ['port 0', credential, node('r', 0), 'ports[0].inbound'],
  ['port 65536', credential, node('r', 65_536), 'ports[0].inbound'],
  ['a port as text', credential, node('r', 1, { ports: [{ port: '9080', inbound: 1 }] }), 'ports[0].port'],
  ['a port twice', credential, node('r', 1, { ports: [1, 2].map((inbound) => ({ port: 80, inbound })) }), 'twice'],
  ['a protocol of none', credential, node('r', 1, { ports: [{ port: 1, inbound: 2, protocol: 'h2' }] }), 'protocol'],
  ['a port the token lacks', { ...credential, ports: [80] }, node('r'), 'allows ports 80'],
  ['a foreign address', credential, node('r', 1, { address: '10.0.0.8' }), 'allows address 10.0.0.7'],
  ['one outside the CIDRs', { ...credential, addresses: ['10.1.0.0/16'] }, node('r'), 'allows address 10.1.0.0/16'],
  ['loopback from afar', wider, node('r', 1, { address: '127.0.0.1' }), 'loopback'],
  ['IPv6 loopback from afar', wider, node('r', 1, { address: '::1' }), 'loopback'],
  ['mapped loopback', wider, node('r', 1, { address: '::ffff:127.0.0.1' }), 'loopback'],
  ['the metadata service', wider, node('r', 1, { address: '169.254.169.254' }), 'no workload can be at'],
  ['the same, mapped', wider, node('r', 1, { address: '::ffff:a9fe:a9fe' }), 'no workload can be at'],
  ['the unspecified address', wider, node('r', 1, { address: '0.0.0.0' }), 'no workload can be at'],
  ['the unspecified IPv6', wider, node('r', 1, { address: '::' }), 'no workload can be at'],
  ['multicast', wider, node('r', 1, { address: '224.0.0.1' }), 'no workload can be at'],
  ['broadcast', wider, node('r', 1, { address: '255.255.255.255' }), 'no workload can be at'],
  ['IPv6 link-local', wider, node('r', 1, { address: 'fe80::1' }), 'no workload can be at'],
  ['local ports for everybody', credential, node('r', 1, { capture: { bind: '0.0.0.0' } }), 'a loopback address'],
  ['local ports for a network', credential, node('r', 1, { capture: { bind: '10.0.0.7' } }), 'a loopback address'],
  ['a name as address', wider, node('r', 1, { address: 'db.example' }), 'expected an IP address'],
])('refused: %s', (_, allowed, claimed, words) => {
  const { joined } = setUp();
  const result = joined.join({ id: 'a', peerAddress: peer }, allowed, claimed as ReturnType<typeof node>);
  expect(result).toMatchObject({ kind: 'refused', refused: { code: 'WEFT0203' } });
  if (result.kind === 'refused') {
    expect(result.refused.message).toContain(words);
    expect(result.refused.hint).not.toBe('');
  }
  expect(ids(joined)).toEqual([]);
});

test.each<[string, JoinCredential, unknown, string]>([
  [
    'another service',
    credential,
    node('r', 1, { service: 'pay' }),
    'start it with --service reviews, or make a token that allows it: weft token create --service pay -n shop',
  ],
  [
    // Found by a user: weft run --group canary-vm with the token of reviews-canary; one more token was needed after the first hint.
    'a group alone, with the token of a service',
    { ...credential, service: 'reviews-canary', serviceAccount: 'canary' },
    node('r', 1, { service: 'canary-vm', group: 'canary-vm' }),
    'start it with --service reviews-canary --group canary-vm, with a token of: ' +
      'weft token create --service reviews-canary --service-account canary -n shop --group canary-vm',
  ],
  [
    'a group alone, with a token for it',
    { ...credential, group: 'canary-vm' },
    node('r', 1, { service: 'canary-vm', group: 'canary-vm' }),
    'start it with --service reviews --group canary-vm',
  ],
  [
    'another group',
    { ...credential, group: 'vm' },
    node('r', 1, { group: 'canary-vm' }),
    'start it with --group vm, or make a token for that one: weft token create --service reviews -n shop --group canary-vm',
  ],
  [
    'a label',
    credential,
    node('r', 1, { labels: { app: 'pay' } }),
    'start it with --label app=reviews or without this label, or make a token that allows it: ' +
      'weft token create --service reviews -n shop --label app=pay',
  ],
  [
    'a namespace',
    credential,
    node('r', 1, { namespace: 'test' }),
    'start it with -n shop, or make a token that allows it: weft token create --service reviews -n test',
  ],
])('the hint is what to type, also for who wrote no bootstrap: %s', (_, allowed, claimed, hint) => {
  const { joined } = setUp();
  expect(joined.join(local('a'), allowed, claimed as ReturnType<typeof node>)).toMatchObject({ refused: { hint } });
});

test('an unknown key has a did-you-mean', () => {
  const { joined } = setUp();
  const result = joined.join(local('a'), credential, node('r', 1, { adress: 'x' }));
  expect(result).toMatchObject({ refused: { hint: 'did you mean "address"?' } });
});

test("another live workload's place and another service's id are refused; a lost one's place is taken over", () => {
  const { joined } = setUp();
  joined.join(local('a'), credential, node('reviews-1'));
  expect(joined.join(local('b'), credential, node('reviews-2'))).toMatchObject({ kind: 'refused' });
  const pay = { ...credential, service: 'pay', serviceAccount: 'pay' };
  const thief = { ...node('reviews-1', 21_009), weft: { service: 'pay', namespace: 'shop' } };
  expect(joined.join(local('c'), pay, thief)).toMatchObject({ kind: 'refused' });
  expect(ids(joined)).toEqual(['reviews-1.shop']);
  joined.leave('a');
  expect(joined.join(local('b'), credential, node('reviews-2')).kind).toBe('joined');
  expect(ids(joined)).toEqual(['reviews-2.shop']);
});

test('a later node with another id on the same stream changes nothing (T1)', () => {
  const { joined } = setUp();
  joined.join(local('a'), credential, node('reviews-1'));
  const before = joined.workloads.get();
  expect(joined.join(local('a'), credential, node('reviews-2', 21_002))).toMatchObject({ kind: 'refused' });
  expect(joined.workloads.get()).toBe(before);
});

test('a lost workload stays for its grace period, a reconnect within it is not even noticed', () => {
  const { joined, clock } = setUp();
  joined.join(local('a'), credential, node('reviews-1'));
  const before = joined.workloads.get();
  joined.leave('a');
  clock.advance(9_999);
  joined.join(local('b'), credential, node('reviews-1'));
  clock.advance(60_000);
  expect(joined.workloads.get()).toBe(before);
  joined.leave('b');
  clock.advance(10_000);
  expect(ids(joined)).toEqual([]);
});

test('the newest stream of an id counts: the loss of the old one changes nothing (F4)', () => {
  const { joined, clock } = setUp();
  joined.join(local('a'), credential, node('reviews-1'));
  joined.join(local('b'), credential, node('reviews-1'));
  joined.leave('a');
  clock.advance(60_000);
  expect(ids(joined)).toEqual(['reviews-1.shop']);
  expect(joined.join(local('a'), credential, node('reviews-1')).kind).toBe('joined');
});

test('goodbye: draining while the stream lives, gone when it ends, back if the proxy joins again', () => {
  const { joined } = setUp();
  expect(joined.goodbye('reviews-1.shop')).toBe(false);
  joined.join(local('a'), credential, node('reviews-1'));
  expect(joined.goodbye('reviews-1.shop')).toBe(true);
  expect(joined.workloads.get().get('reviews-1.shop')?.health).toBe('draining');
  joined.leave('a');
  expect(ids(joined)).toEqual([]);
  joined.join(local('b'), credential, node('reviews-1'));
  expect(joined.workloads.get().get('reviews-1.shop')?.health).toBe('healthy');
  joined.leave('b');
  joined.goodbye('reviews-1.shop');
  expect(ids(joined)).toEqual([]);
});

test('a restarted control plane withdraws nothing and waits 60 s for those it knew', async () => {
  const { joined, store, clock } = setUp();
  joined.join(local('a'), credential, node('reviews-1'));
  joined.join(local('b'), credential, node('reviews-2', 21_002));
  clock.advance(200);
  await joined.close();
  joined.leave('a');

  const second = setUp(store, clock).joined;
  await second.restore();
  expect([...second.workloads.get().values()]).toEqual([...joined.workloads.get().values()]);
  clock.advance(20_000);
  second.join(local('c'), credential, node('reviews-1'));
  clock.advance(39_999);
  expect(ids(second)).toEqual(['reviews-1.shop', 'reviews-2.shop']);
  clock.advance(1);
  expect(ids(second)).toEqual(['reviews-1.shop']);
});

test('a damaged state is reported and does not stop the start', async () => {
  for (const text of ['{', '[]', '{"version":1,"workloads":[{"id":"x"}]}', '{"version":2,"workloads":[]}']) {
    const { joined, store } = setUp();
    store.content.set(savedWorkloadsKey, new TextEncoder().encode(text));
    await joined.restore();
    expect(joined.status().problem).toContain(savedWorkloadsKey);
  }
});

test('self-preservation: a mass loss is held, marked stale, and released as streams return (F20)', () => {
  const { joined, clock } = setUp();
  for (let index = 0; index < 40; index++)
    joined.join(local(`s${index}`), credential, node(`r-${index}`, 21_000 + index));
  for (let index = 0; index < 20; index++) joined.leave(`s${index}`);
  clock.advance(60_000);
  expect(ids(joined)).toHaveLength(40);
  expect(joined.status()).toMatchObject({ connected: 20, withheldRemovals: 20, lost: 0 });
  expect(joined.status().stale).toContain('r-3.shop');
  for (let index = 0; index < 14; index++)
    joined.join(local(`t${index}`), credential, node(`r-${index}`, 21_000 + index));
  expect(joined.status()).toMatchObject({ connected: 34, withheldRemovals: 0 });
  expect(ids(joined)).toHaveLength(34);
});

test('an operator releases what is held, at most 20 a second', () => {
  const { joined, clock } = setUp();
  for (let index = 0; index < 50; index++)
    joined.join(local(`s${index}`), credential, node(`r-${index}`, 21_000 + index));
  for (let index = 0; index < 50; index++) joined.leave(`s${index}`);
  clock.advance(10_000);
  expect(joined.status().withheldRemovals).toBe(50);
  expect(joined.release()).toBe(50);
  expect(ids(joined)).toHaveLength(30);
  clock.advance(999);
  expect(ids(joined)).toHaveLength(30);
  clock.advance(1_001);
  expect(ids(joined)).toHaveLength(0);
});

test('self-preservation ends after ten minutes: what never came back is let go, at most 20 a second', () => {
  const { joined, clock } = setUp();
  for (let index = 0; index < 50; index++)
    joined.join(local(`s${index}`), credential, node(`r-${index}`, 21_000 + index));
  for (let index = 0; index < 50; index++) joined.leave(`s${index}`);
  clock.advance(10_000 + 599_999);
  expect(joined.status()).toMatchObject({ withheldRemovals: 50 });
  clock.advance(1);
  expect(ids(joined)).toHaveLength(30);
  expect(joined.status()).toMatchObject({ withheldRemovals: 0 });
  clock.advance(999);
  expect(ids(joined)).toHaveLength(30);
  clock.advance(1_001);
  expect(ids(joined)).toHaveLength(0);
});

test('those lost later are held for their own ten minutes', () => {
  const { joined, clock } = setUp();
  for (let index = 0; index < 40; index++)
    joined.join(local(`s${index}`), credential, node(`r-${index}`, 21_000 + index));
  for (let index = 0; index < 10; index++) joined.leave(`s${index}`);
  clock.advance(300_000);
  for (let index = 10; index < 20; index++) joined.leave(`s${index}`);
  clock.advance(310_000);
  expect(ids(joined)).toHaveLength(30);
  expect(joined.status()).toMatchObject({ withheldRemovals: 10 });
  clock.advance(300_000);
  expect(ids(joined)).toHaveLength(20);
});

describe('a run that said goodbye stays draining', () => {
  const run = (name: string, inbound = 21_001) => node('reviews-1', inbound, { run: name });
  const health = (joined: JoinedProxies) => joined.workloads.get().get('reviews-1.shop')?.health;

  test('when its stream is cut and comes back; a new run is healthy', () => {
    const { joined, clock } = setUp();
    joined.join(local('a'), credential, run('one'));
    joined.goodbye('reviews-1.shop');
    joined.join(local('b'), credential, run('one'));
    expect(health(joined)).toBe('draining');
    joined.leave('a');
    joined.leave('b');
    expect(ids(joined)).toEqual([]);
    clock.advance(30_000);
    joined.join(local('c'), credential, run('one'));
    expect(health(joined)).toBe('draining');
    joined.join(local('d'), credential, run('two'));
    expect(health(joined)).toBe('healthy');
    joined.leave('d');
    expect(health(joined)).toBe('healthy');
  });

  test('when the stream was lost before the goodbye', () => {
    const { joined } = setUp();
    joined.join(local('a'), credential, run('one'));
    joined.leave('a');
    joined.goodbye('reviews-1.shop');
    joined.join(local('b'), credential, run('one'));
    expect(health(joined)).toBe('draining');
  });

  test.each([
    ['while it drains', true, true],
    ['after its stream ended', false, true],
    ['and the goodbye comes before it is back', true, false],
  ])('over a restart of the control plane: %s', async (_, connected, before) => {
    const { joined, store, clock } = setUp();
    joined.join(local('a'), credential, run('zero'));
    clock.advance(1_000);
    // The same claims by another Envoy: only the run is new.
    joined.join(local('b'), credential, run('one'));
    clock.advance(1_000);
    if (before) joined.goodbye('reviews-1.shop');
    if (!connected) joined.leave('b');
    await joined.close();
    const second = setUp(store, clock).joined;
    await second.restore();
    expect(ids(second)).toEqual(before ? [] : ['reviews-1.shop']);
    if (!before) second.goodbye('reviews-1.shop');
    second.join(local('c'), credential, run('one'));
    expect(health(second)).toBe('draining');
    second.join(local('d'), credential, run('two'));
    expect(health(second)).toBe('healthy');
  });

  test('and takes no place from who came after it', () => {
    const { joined } = setUp();
    joined.join(local('a'), credential, run('one'));
    joined.goodbye('reviews-1.shop');
    expect(joined.join(local('b'), credential, node('reviews-2', 21_001)).kind).toBe('joined');
    expect(joined.join(local('c'), credential, run('one')).kind).toBe('joined');
    expect(health(joined)).toBe('draining');
    expect(joined.join(local('d'), credential, node('reviews-3', 21_001)).kind).toBe('refused');
    expect(joined.workloads.get().get('reviews-2.shop')?.health).toBe('healthy');
  });

  test('is forgotten ten minutes after its last stream', () => {
    const { joined, clock } = setUp();
    joined.join(local('a'), credential, run('one'));
    joined.goodbye('reviews-1.shop');
    clock.advance(900_000);
    joined.leave('a');
    clock.advance(599_999);
    joined.join(local('b'), credential, run('one'));
    expect(health(joined)).toBe('draining');
    joined.leave('b');
    clock.advance(600_000);
    joined.join(local('c'), credential, run('one'));
    expect(health(joined)).toBe('healthy');
  });
});
