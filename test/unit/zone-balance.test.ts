import { describe, expect, test } from 'vitest';
import { viewLayer } from '../../src/control-plane/shared-layers.ts';
import { localityText, parseLocality } from '../../src/model/locality.ts';
import type { Mesh } from '../../src/model/mesh.ts';
import { resolveEndpoints } from '../../src/resolve/endpoints.ts';
import { scopeKey, scopeOf } from '../../src/resolve/scope.ts';
import { resolveView } from '../../src/resolve/view.ts';
import { balanceZones } from '../../src/resolve/zone-balance.ts';
import {
  destinationOf,
  destinationRule,
  endpoint,
  mesh as meshOf,
  service,
  workload,
} from '../support/resolve-values.ts';

/** Counts by locality: `{ 'eu/a': 3 }` are three workloads there. */
type Counts = Readonly<Record<string, number>>;
const places = (counts: Counts) =>
  Object.entries(counts).flatMap(([place, count]) => Array.from({ length: count }, () => parseLocality(place)));

/** The weights in percent for a client in eu/a. */
function weights(endpoints: Counts, clients: Counts, least = 1) {
  const placed = places(endpoints).map((locality) => ({ endpoint: { locality }, priority: 0 }));
  const balance = { namespace: 'shop', service: 'web', own: parseLocality('eu/a'), least };
  const found = balanceZones(balance, placed, new Map(Object.entries(clients)));
  return found && Object.fromEntries([...found].map(([place, weight]) => [place, Math.round(weight / 100)]));
}

describe('a client in eu/a', () => {
  test.each<[string, Counts, Counts, object | undefined]>([
    [
      'stays where as many endpoints as clients are',
      { 'eu/a': 2, 'eu/b': 2 },
      { 'eu/a': 3, 'eu/b': 3 },
      { 'eu/a': 100, 'eu/b': 0 },
    ],
    ['and where more are', { 'eu/a': 3, 'eu/b': 1 }, { 'eu/a': 1, 'eu/b': 1 }, { 'eu/a': 100, 'eu/b': 0 }],
    [
      'leaves for where there is room, by as much as it has too few',
      { 'eu/a': 1, 'eu/b': 3 },
      { 'eu/a': 1, 'eu/b': 1 },
      { 'eu/a': 50, 'eu/b': 50 },
    ],
    [
      'and by how much room there is',
      { 'eu/a': 2, 'eu/b': 4, 'eu/c': 4 },
      { 'eu/a': 2, 'eu/b': 1, 'eu/c': 1 },
      { 'eu/a': 40, 'eu/b': 30, 'eu/c': 30 },
    ],
    [
      'never for where others already fill all',
      { 'eu/a': 1, 'eu/b': 1, 'eu/c': 2 },
      { 'eu/a': 2, 'eu/b': 2 },
      { 'eu/a': 50, 'eu/b': 0, 'eu/c': 50 },
    ],
    ['has nothing near it', { 'eu/b': 2, 'eu/c': 2 }, { 'eu/a': 1 }, undefined],
    ['has everything near it', { 'eu/a': 4 }, { 'eu/a': 1 }, undefined],
    ['is of a service of which none is known', { 'eu/a': 2, 'eu/b': 2 }, {}, undefined],
  ])('%s', (_name, endpoints, clients, expected) => {
    expect(weights(endpoints, clients)).toEqual(expected);
  });

  test('of fewer endpoints than the setting wants takes any', () => {
    expect(weights({ 'eu/a': 2, 'eu/b': 3 }, { 'eu/a': 1 }, 6)).toBeUndefined();
    expect(weights({ 'eu/a': 3, 'eu/b': 3 }, { 'eu/a': 1 }, 6)).toBeDefined();
  });
});

const clients = ['eu/a', 'eu/b', 'us/a'];
const zoned = { zoneAwareLbSetting: { failover: [{ from: 'eu', to: 'us' }], failoverPriority: [], minClusterSize: 3 } };
function mesh(loadBalancer: object = zoned, endpoints: Counts = { 'eu/a': 1, 'eu/b': 3, 'us/a': 1, asia: 1 }): Mesh {
  return meshOf({
    services: [service('shop/reviews')],
    policies: [
      destinationRule('shop/reviews', { host: 'reviews', trafficPolicy: { portLevelSettings: [], loadBalancer } }),
    ],
    workloads: clients.map((place, index) =>
      workload(`web-${index}.shop`, { service: 'web', locality: parseLocality(place) }),
    ),
    endpoints: {
      'shop/reviews.shop.svc.cluster.local': {
        9080: places(endpoints).map((locality, index) =>
          endpoint(`reviews-${index}.shop`, { address: `10.0.0.${index}`, locality }),
        ),
      },
    },
  });
}

const client = (place: string, of = 'web') => ({
  namespace: 'shop',
  labels: {},
  service: of,
  locality: parseLocality(place),
});
function seen(whole: Mesh, place: string, of?: string): readonly string[] {
  const destination = destinationOf(resolveView(whole, scopeOf(whole, client(place, of))), 'shop/reviews');
  const texts = resolveEndpoints(whole, destination).endpoints.map(
    ({ locality, priority = 0, localityWeight }) =>
      `${locality && localityText(locality)} ${priority} ${localityWeight}`,
  );
  return [...new Set(texts)];
}

describe('zoneAwareLbSetting', () => {
  test('balances the zones of the own region; other regions come after, the named one first', () => {
    const whole = mesh();
    // Of its region eu/a has half of the clients and a quarter of the endpoints.
    expect(seen(whole, 'eu/a')).toEqual(['eu/a 0 5000', 'eu/b 0 5000', 'us/a 1 1', 'asia 2 1']);
    expect(seen(whole, 'eu/b')).toEqual(['eu/a 0 0', 'eu/b 0 10000', 'us/a 1 1', 'asia 2 1']);
    // One locality alone: nothing to balance.
    expect(seen(whole, 'us/a')).toEqual(['eu/a 1 1', 'eu/b 1 3', 'us/a 0 1', 'asia 1 1']);
  });

  test('leaves all alike where it is off, and for clients of a service that is nowhere', () => {
    expect(seen(mesh({ zoneAwareLbSetting: { ...zoned.zoneAwareLbSetting, enabled: false } }), 'eu/a')).toEqual([
      'eu/a 0 undefined',
      'eu/b 0 undefined',
      'us/a 0 undefined',
      'asia 0 undefined',
    ]);
    expect(seen(mesh(), 'eu/a', 'stranger')).toEqual(['eu/a 0 1', 'eu/b 0 3', 'us/a 1 1', 'asia 2 1']);
  });

  test('parts views by service, too', () => {
    const keyOf = (whole: Mesh, of: string) => scopeKey(scopeOf(whole, client('eu/a', of)));
    expect(keyOf(mesh(), 'web')).toBe('shop @eu/a of web');
    expect(keyOf(mesh({ simple: 'RANDOM' }), 'web')).toBe('shop');
  });

  test('follows its callers: another client weighs anew, and the layer has it', () => {
    const whole = mesh();
    const scope = scopeOf(whole, client('eu/a'));
    const before = viewLayer(whole, scope);
    const more = new Map(whole.workloads);
    for (const index of [3, 4, 5])
      more.set(`web-${index}.shop`, workload(`web-${index}.shop`, { service: 'web', locality: parseLocality('eu/a') }));
    const next = { ...whole, workloads: more };
    expect(seen(next, 'eu/a').slice(0, 2)).toEqual(['eu/a 0 3125', 'eu/b 0 6875']);
    const after = viewLayer(next, scope, before);
    expect(after.view).toBe(before.view);
    expect(after.layer).not.toBe(before.layer);
    // Whoever joins elsewhere changes nothing.
    const other = { ...next, workloads: new Map(more).set('x.bank', workload('x.bank', { service: 'web' })) };
    expect(viewLayer(other, scope, after).layer).toBe(after.layer);
  });
});
