import { expect, test } from 'vitest';
import type { JoinCredential } from '../../src/registry/join-claims.ts';
import { credential, ids, local, node, setUp } from '../support/joined-world.ts';

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
