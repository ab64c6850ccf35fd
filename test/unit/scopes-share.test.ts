import { describe, expect, test } from 'vitest';
import { type PreparedScope, prepareView } from '../../src/control-plane/prepare-view.ts';
import { captureKey } from '../../src/control-plane/shared-layers.ts';
import type { Mesh } from '../../src/model/mesh.ts';
import { localPortKey } from '../../src/model/mesh.ts';
import type { Policy } from '../../src/model/policy.ts';
import type { Service } from '../../src/model/service.ts';
import { finish } from '../../src/model/steps.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { resolveView } from '../../src/resolve/view.ts';
import { translateCounters } from '../../src/translate/envoy-resource.ts';
import { type Layer, resourcesOf } from '../../src/xds/layer.ts';
import { valueOf } from '../../src/xds/persistent-map.ts';
import { clusterType, virtualHostType } from '../../src/xds/resource-types.ts';
import {
  destinationRule,
  entry,
  healthCheck,
  httpMatch,
  mesh,
  service,
  settings,
  to,
  virtualService,
} from '../support/resolve-values.ts';

const each = 10;
const places = ['bank', 'shop', 'team'].flatMap((namespace) =>
  Array.from({ length: each }, (_, index) => ({ namespace, name: `s${index}` })),
);

/** Ten services in each of three namespaces, each with a VirtualService and a DestinationRule, and what else is given. */
function threeTeams(policies: readonly Policy[] = [], others: readonly Service[] = []): Mesh {
  const services = [...places.map(({ namespace, name }) => service(`${namespace}/${name}`)), ...others];
  return mesh({
    services,
    policies: [
      ...places.flatMap(({ namespace, name }) => [
        virtualService(`${namespace}/${name}`, [name], [{ route: [to(name, 'v1')] }]),
        destinationRule(`${namespace}/${name}`, { host: name, subsets: [{ name: 'v1', labels: { version: 'v1' } }] }),
      ]),
      ...policies,
    ],
    localPorts: Object.fromEntries(services.map(({ key }, index) => [localPortKey(key, 9080), 21_000 + index])),
  });
}

const capture = { bind: '127.0.0.1', proxy: 15_001, ports: true };

function prepared(whole: Mesh, namespace: string, beside?: PreparedScope) {
  const before = { ...resolveCounters, ...translateCounters };
  const captures = new Map([[captureKey(capture), capture]]);
  const wanted = { scope: { namespace, labels: {} }, captures, made: undefined };
  const made = finish(prepareView(whole, wanted, beside));
  const now = { ...resolveCounters, ...translateCounters };
  const { services, clusters, listeners, routes, virtualHosts } = now;
  const work = {
    services: services - before.services,
    clusters: clusters - before.clusters,
    listeners: listeners - before.listeners,
    routes: routes - before.routes,
    virtualHosts: virtualHosts - before.virtualHosts,
  };
  return { made, work };
}

const baseOf = (layer: Layer | undefined, typeUrl: string) => layer && resourcesOf(layer, typeUrl).base;

test('a second scope that is decided alike costs the names that are its own, and shares all else', () => {
  const whole = threeTeams();
  const bank = prepared(whole, 'bank');
  expect(bank.work).toMatchObject({ services: 3 * each, virtualHosts: 3 * each + 1 });
  // Its own services have bare names for it, and those of the first scope's namespace have not.
  const shop = prepared(whole, 'shop', bank.made);
  expect(shop.work).toEqual({ services: 0, clusters: 0, listeners: 0, routes: 0, virtualHosts: 2 * each });
  const team = prepared(whole, 'team', shop.made);
  expect(team.work).toEqual({ services: 0, clusters: 0, listeners: 0, routes: 0, virtualHosts: each });

  const [first, last] = [bank.made, team.made].map(({ view }) => view.layer);
  expect(baseOf(last, clusterType)).toBe(baseOf(first, clusterType));
  expect([first?.scope, last?.scope]).toEqual(['view bank', 'view team']);
  expect(last?.id).not.toBe(first?.id);
  const listeners = [bank, shop, team].map(({ made }) => [...made.captures.values()][0]?.layer);
  expect(new Set(listeners.map((layer) => layer?.types)).size).toBe(1);
  expect(listeners.map((layer) => layer?.scope.split(' ')[1])).toEqual(['bank', 'shop', 'team']);
  const name = 'out_proxy/out_shop_s3_9080';
  const hosts = [first, shop.made.view.layer, last].map(
    (layer) => layer && valueOf(resourcesOf(layer, virtualHostType), name),
  );
  expect(hosts.map((host) => host !== undefined)).toEqual([true, true, true]);
  expect([hosts[0] === hosts[2], hosts[0] === hosts[1]]).toEqual([true, false]);
});

const subsets = [{ name: 'v9', labels: { version: 'v9' } }];
const selective: readonly (readonly [string, readonly Policy[], readonly Service[]])[] = [
  ['nothing', [], []],
  [
    'a DestinationRule of one of the namespaces',
    [destinationRule('shop/far', { host: 's1.team.svc.cluster.local', subsets })],
    [],
  ],
  [
    'a DestinationRule for one of the namespaces',
    [destinationRule('team/near', { host: 'more', exportTo: ['shop'], subsets })],
    [service('team/more')],
  ],
  [
    'a DestinationRule for some workloads',
    [destinationRule('shop/some', { host: '*.svc.cluster.local', exportTo: ['.'], workloadSelector: {}, subsets })],
    [],
  ],
  ['a HealthCheck of one of the namespaces', [healthCheck('shop/check', { host: 's2.team.svc.cluster.local' })], []],
  [
    'a VirtualService for one of the namespaces',
    [
      virtualService('team/for', ['*.team.svc.cluster.local'], [{ timeout: 9 }], ['shop']),
      virtualService('team/s1', ['s1'], [{ route: [to('s2')] }], ['.', 'shop']),
    ],
    [],
  ],
  [
    'a VirtualService that asks who calls',
    [
      virtualService(
        'team/asks',
        ['more'],
        [{ match: [httpMatch({ sourceNamespace: 'shop' })], route: [to('s1')] }, { route: [to('s2')] }],
      ),
    ],
    [service('team/more')],
  ],
  [
    'a route to what one of the namespaces has rules for',
    [
      virtualService('team/leads', ['more'], [{ route: [to('s1')] }]),
      destinationRule('shop/far', { host: 's1.team.svc.cluster.local', subsets }),
    ],
    [service('team/more')],
  ],
  [
    'a route to a host that means several services',
    [virtualService('team/twins', ['more'], [{ route: [to('api.example.com')] }])],
    [service('team/more'), entry('bank', 'api.example.com'), entry('shop', 'api.example.com')],
  ],
  [
    'a route to a service that not all see',
    [virtualService('team/hides', ['more'], [{ route: [to('api.example.com')] }])],
    [service('team/more'), entry('shop', 'api.example.com', { exportTo: ['.'] })],
  ],
  [
    'names that several want',
    [],
    [
      entry('team', 's1'),
      entry('bank', 'one.example.com', { addresses: ['10.1.1.1'] }),
      entry('shop', 'two.example.com', { addresses: ['10.1.1.1'] }),
    ],
  ],
];

describe('what is for some alone is decided for each scope as if there were no other', () => {
  test.each(selective)('%s', (_, policies, services) => {
    const whole = threeTeams(policies, services);
    for (const namespace of ['bank', 'shop', 'elsewhere', 'team']) {
      const scope = { namespace, labels: {} };
      // Settings of its own: nothing that was decided for the others is remembered there.
      const alone = resolveView({ ...whole, settings: { ...settings } }, scope);
      expect(resolveView(whole, scope)).toEqual(alone);
    }
  });
});
