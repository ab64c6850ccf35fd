import { expect, test } from 'vitest';
import { createResource } from '../../src/xds/resource.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import { lookup } from '../../src/xds/snapshot.ts';
import { createSnapshotStore } from '../../src/xds/snapshot-store.ts';
import { fakeClock } from '../support/fake-clock.ts';

const times = { quiet: 100, longest: 1_000, endpointsQuiet: 20, endpointsLongest: 200 };
const make = (typeUrl: string, text: string) => createResource({ typeUrl, name: 'a', value: Buffer.from(text) });

function start() {
  const clock = fakeClock(0);
  const store = createSnapshotStore(clock, times, (error) => {
    throw error;
  });
  const session = store.session('n1');
  const told: number[] = [];
  session.watch(() => told.push(clock.now()));
  const value = (typeUrl: string) =>
    Buffer.from(lookup(session.snapshot()?.layers ?? [], typeUrl, 'a')?.value ?? []).toString();
  return { clock, store, session, told, value };
}

test('X9 there is no snapshot before the first set, which is told at once', () => {
  const { store, session, told, value } = start();
  expect(session.snapshot()).toBeUndefined();
  store.set([make(clusterType, '1')]);
  expect([told, value(clusterType)]).toEqual([[0], '1']);
});

test('X99 changes are gathered until it is quiet, endpoints for less long, and none waits for ever', () => {
  const { clock, store, told, value } = start();
  store.set([make(clusterType, '0'), make(endpointType, '0')]);
  for (let change = 1; change <= 1_000; change += 1) {
    store.update({ set: [make(clusterType, `${change}`)] });
    clock.advance(2);
  }
  clock.advance(1_000);
  expect(told).toEqual([0, 1_000, 2_000]);
  told.splice(0);
  const from = clock.now();
  store.update({ set: [make(endpointType, 'x')] });
  clock.advance(1_000);
  expect(told).toEqual([from + 20]);
  for (let change = 0; change < 300; change += 1) {
    store.update({ set: [make(endpointType, `${change}`)] });
    clock.advance(1);
  }
  expect(told.length).toBe(2);
  expect(value(clusterType)).toBe('1000');
});

test('what changes back meanwhile, or does not change, is no change', () => {
  const { clock, store, told } = start();
  store.set([make(clusterType, '1')]);
  store.set([make(clusterType, '1')]);
  clock.advance(10_000);
  expect(told).toEqual([0]);
});

test('a node has a snapshot of its own until that is cleared; others do not see it', () => {
  const { clock, store, session, value, told } = start();
  const other = store.session('n2');
  store.set([make(clusterType, 'shared')]);
  store.set([make(clusterType, 'own')], 'n1');
  expect(value(clusterType)).toBe('own');
  expect(other.snapshot()?.layers).not.toBe(session.snapshot()?.layers);
  told.splice(0);
  store.set([make(clusterType, 'shared 2')]);
  clock.advance(200);
  expect(told).toEqual([]);
  store.clear('n1');
  expect([value(clusterType), told.length]).toEqual(['shared 2', 1]);
  store.clear('nobody');
  expect(() => store.update({ set: [] }, 'n3')).toThrow('no snapshot of n3');
});
