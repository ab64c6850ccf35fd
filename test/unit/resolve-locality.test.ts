import { describe, expect, test } from 'vitest';
import type { View } from '../../src/model/ir.ts';
import { parseLocality } from '../../src/model/locality.ts';
import type { Mesh } from '../../src/model/mesh.ts';
import type { Policy } from '../../src/model/policy.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { resolveEndpoints } from '../../src/resolve/endpoints.ts';
import { scopeKey, scopeOf } from '../../src/resolve/scope.ts';
import { resolveView } from '../../src/resolve/view.ts';
import { translateEndpoints, translateView } from '../../src/translate/translate-view.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import {
  destinationOf,
  destinationRule,
  endpoint,
  entry,
  meshConfig,
  mesh as meshOf,
  service,
} from '../support/resolve-values.ts';

const zones = ['eu/north', 'eu/south', 'us/east'];
const none = { distribute: [], failover: [], failoverPriority: [] };
const ejection = { outlierDetection: { splitExternalLocalOriginErrors: false } };

const mesh = (...policies: readonly Policy[]) =>
  meshOf({
    policies,
    services: [service('shop/reviews'), service('shop/ratings')],
    endpoints: Object.fromEntries(
      ['reviews', 'ratings'].map((name) => [
        `shop/${name}.shop.svc.cluster.local`,
        {
          9080: zones.map((zone, index) =>
            endpoint(`${name}-${index}.shop`, { address: `10.0.0.${index}`, locality: parseLocality(zone) }),
          ),
        },
      ]),
    ),
  });

const client = (zone: string, labels = {}) => ({ namespace: 'shop', labels, locality: parseLocality(zone) });
const keys = (whole: Mesh, namespace = 'shop') => [
  ...new Set(zones.map((zone) => scopeKey(scopeOf(whole, { ...client(zone), namespace })))),
];
const viewAt = (whole: Mesh, zone: string, labels = {}) => resolveView(whole, scopeOf(whole, client(zone, labels)));
const ranks = (whole: Mesh, view: View, name = 'shop/reviews', subset?: string) =>
  resolveEndpoints(whole, destinationOf(view, name, subset)).endpoints.map(({ priority = 0 }) => priority);

const withEjection = (id: string, more: object = {}) =>
  destinationRule(id, { host: 'reviews', trafficPolicy: { portLevelSettings: [], ...ejection, ...more } });

describe('clients of three zones', () => {
  test('share one view where no policy makes places count', () => {
    const whole = mesh(destinationRule('shop/reviews', { host: 'reviews' }));
    const before = { ...resolveCounters };
    const views = zones.map((zone) => viewAt(whole, zone));
    expect(new Set(views).size).toBe(1);
    expect(resolveCounters.views - before.views).toBe(1);
    expect(keys(whole)).toEqual(['shop']);
  });

  test.each<[string, readonly Policy[]]>([
    ['outlier detection alone', [withEjection('shop/reviews')]],
    [
      'outlier detection of a subset',
      [
        destinationRule('shop/reviews', {
          host: 'reviews',
          subsets: [{ name: 'v1', labels: {}, trafficPolicy: { portLevelSettings: [], ...ejection } }],
        }),
      ],
    ],
    [
      'outlier detection of a port',
      [
        destinationRule('shop/reviews', {
          host: 'reviews',
          trafficPolicy: { portLevelSettings: [{ port: 9080, ...ejection }] },
        }),
      ],
    ],
    ['outlier detection of the whole mesh', [meshConfig({ defaultTrafficPolicy: ejection })]],
    [
      'shares of the whole mesh',
      [meshConfig({ localityLbSetting: { ...none, distribute: [{ from: 'eu', to: { eu: 100 } }] } })],
    ],
    [
      'shares of a rule',
      [
        destinationRule('shop/reviews', {
          host: 'reviews',
          trafficPolicy: {
            portLevelSettings: [],
            loadBalancer: { localityLbSetting: { ...none, distribute: [{ from: 'eu', to: { eu: 100 } }] } },
          },
        }),
      ],
    ],
    [
      'two rules of which neither does so alone (P22)',
      [
        meshConfig({ localityLbSetting: { ...none, enabled: false } }),
        destinationRule('shop/a', {
          host: 'reviews',
          trafficPolicy: { portLevelSettings: [], loadBalancer: { localityLbSetting: none } },
        }),
        destinationRule('shop/b', {
          host: 'reviews',
          subsets: [{ name: 'v1', labels: {}, trafficPolicy: { portLevelSettings: [], ...ejection } }],
        }),
      ],
    ],
  ])('have their own with %s', (_name, policies) => {
    expect(keys(mesh(...policies))).toEqual(['shop @eu/north', 'shop @eu/south', 'shop @us/east']);
  });

  test.each<[string, readonly Policy[]]>([
    [
      'a rule that says so',
      [withEjection('shop/reviews', { loadBalancer: { localityLbSetting: { ...none, enabled: false } } })],
    ],
    ['MeshConfig', [withEjection('shop/reviews'), meshConfig({ localityLbSetting: { ...none, enabled: false } })]],
  ])('share one where %s switches it off', (_name, policies) => {
    expect(keys(mesh(...policies))).toEqual(['shop']);
  });

  test('are not parted by rules of others', () => {
    const hidden = mesh({
      ...withEjection('bank/reviews'),
      spec: { ...withEjection('bank/reviews').spec, exportTo: ['.'] },
    });
    expect(keys(hidden)).toEqual(['shop']);
    expect(keys(hidden, 'bank')).toHaveLength(3);
  });

  test('share all that places do not touch, to the bytes', () => {
    const whole = mesh(withEjection('shop/reviews'));
    const resources = zones.map((zone) =>
      translateView(viewAt(whole, zone), (destination) => resolveEndpoints(whole, destination)),
    );
    const [first = [], ...others] = resources;
    const differing = first.filter((one) => others.some((list) => !list.includes(one))).map(({ name }) => name);
    expect(new Set(differing)).toEqual(new Set(['out_proxy/out_shop_reviews_9080', 'out_shop_reviews_9080']));
    const ofRatings = zones.map((zone) => destinationOf(viewAt(whole, zone), 'shop/ratings'));
    expect(new Set(ofRatings).size).toBe(1);
    // The cluster of reviews says nothing of places: equal bytes, though each zone has its own endpoints.
    const versions = resources.map((list) =>
      list
        .filter(({ typeUrl, name }) => typeUrl === clusterType && name === 'out_shop_reviews_9080')
        .map(({ version }) => version),
    );
    expect(new Set(versions.flat()).size).toBe(1);
  });

  test('keep what they have while nothing changes, and one endpoint change costs one set for each zone', () => {
    const whole = mesh(withEjection('shop/reviews'));
    const views = zones.map((zone) => viewAt(whole, zone));
    expect(zones.map((zone) => viewAt(whole, zone))).toEqual(views);
    const sets = views.map((view) => resolveEndpoints(whole, destinationOf(view, 'shop/reviews')));
    const key = destinationOf(viewAt(whole, 'eu/north'), 'shop/reviews').ref.service;
    const moved = [...(whole.endpoints.get(key)?.get(9080) ?? [])].map((each, index) =>
      index === 0 ? { ...each, address: '10.9.9.9' } : each,
    );
    const next = { ...whole, endpoints: new Map(whole.endpoints).set(key, new Map([[9080, moved]])) };
    const before = { ...resolveCounters };
    expect(zones.map((zone) => viewAt(next, zone))).toEqual(views);
    const nextSets = views.map((view) => resolveEndpoints(next, destinationOf(view, 'shop/reviews')));
    expect(resolveCounters.endpoints - before.endpoints).toBe(3);
    expect(nextSets.every((set, index) => set !== sets[index])).toBe(true);
    expect(new Set(nextSets.map((set) => translateEndpoints(set).version)).size).toBe(3);
  });
});

describe('endpoints', () => {
  test('of a rule with outlier detection are ranked by place, each client for itself (D12)', () => {
    const whole = mesh(withEjection('shop/reviews'));
    expect(zones.map((zone) => ranks(whole, viewAt(whole, zone)))).toEqual([
      [0, 1, 2],
      [1, 0, 2],
      [1, 1, 0],
    ]);
    expect(ranks(whole, viewAt(whole, 'eu/north'), 'shop/ratings')).toEqual([0, 0, 0]);
  });

  test('of a subset are ranked by its own setting (P24)', () => {
    const whole = mesh(
      destinationRule('shop/reviews', {
        host: 'reviews',
        trafficPolicy: { portLevelSettings: [], ...ejection },
        subsets: [
          {
            name: 'far',
            labels: {},
            trafficPolicy: {
              portLevelSettings: [],
              loadBalancer: { localityLbSetting: { ...none, enabled: false } },
            },
          },
        ],
      }),
    );
    const view = viewAt(whole, 'eu/north');
    expect(ranks(whole, view)).toEqual([0, 1, 2]);
    expect(ranks(whole, view, 'shop/reviews', 'far')).toEqual([0, 0, 0]);
  });

  test('are ranked by labels of the client that the rule names, and by no others', () => {
    const whole = mesh(
      withEjection('shop/reviews', {
        loadBalancer: { localityLbSetting: { ...none, failoverPriority: ['topology.kubernetes.io/region', 'rack'] } },
      }),
    );
    const keyOf = (labels: object) => scopeKey(scopeOf(whole, client('eu/north', labels)));
    expect(keyOf({ rack: '1', app: 'a' })).toBe('shop {"rack":"1"} @eu/north');
    expect(keyOf({ app: 'b' })).toBe('shop @eu/north');
    expect(ranks(whole, viewAt(whole, 'eu/north', { app: 'b' }))).toEqual([0, 0, 1]);
  });

  test('that the proxy resolves are ranked, too', () => {
    const host = entry('shop', 'api.example.com', { resolution: 'dns' });
    const whole = meshOf({
      services: [host],
      policies: [
        destinationRule('shop/api', { host: host.host, trafficPolicy: { portLevelSettings: [], ...ejection } }),
      ],
      endpoints: {
        [host.key]: { 80: zones.map((zone) => endpoint(zone, { address: zone, locality: parseLocality(zone) })) },
      },
    });
    const { addresses } = destinationOf(viewAt(whole, 'eu/south'), 'shop/api.example.com', undefined, 80);
    expect(addresses.map(({ priority = 0, locality }) => [priority, locality?.zone])).toEqual([
      [1, 'north'],
      [0, 'south'],
      [2, 'east'],
    ]);
  });
});
