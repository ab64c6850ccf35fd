import { describe, expect, test } from 'vitest';
import type { JoinedProxies } from '../../src/registry/joined-proxies.ts';
import { savedWorkloadsKey } from '../../src/registry/saved-workloads.ts';
import { credential, ids, local, node, setUp } from '../support/joined-world.ts';

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

test('since when a sidecar is away is known until it is back, and not of one that a restart found away', async () => {
  const { joined, clock, store } = setUp();
  joined.join(local('a'), credential, node('reviews-1'));
  expect(joined.lostSince('reviews-1.shop')).toBeUndefined();
  clock.advance(1_000);
  joined.leave('a');
  const lost = clock.now();
  clock.advance(2_000);
  expect(joined.lostSince('reviews-1.shop')).toBe(lost);
  joined.join(local('b'), credential, node('reviews-1'));
  expect(joined.lostSince('reviews-1.shop')).toBeUndefined();
  await joined.close();
  const second = setUp(store, clock).joined;
  await second.restore();
  expect([ids(second), second.lostSince('reviews-1.shop')]).toEqual([['reviews-1.shop'], undefined]);
});
