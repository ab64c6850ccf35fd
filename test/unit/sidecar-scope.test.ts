import { describe, expect, test } from 'vitest';
import { viewLayer } from '../../src/control-plane/shared-layers.ts';
import type { Mesh } from '../../src/model/mesh.ts';
import type { Policy } from '../../src/model/policy.ts';
import type { SidecarListener } from '../../src/model/sidecar-policy.ts';
import { importsOf, listenerPort } from '../../src/policy/imports.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { scopeOf } from '../../src/resolve/scope.ts';
import { resolveView } from '../../src/resolve/view.ts';
import { translateCapture } from '../../src/translate/translate-capture.ts';
import { resourcesOf } from '../../src/xds/layer.ts';
import { entriesOf } from '../../src/xds/persistent-map.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import {
  entry,
  forward,
  importedHosts,
  mesh,
  meshConfig,
  outboundPort,
  proxy,
  service,
  settings,
  sidecar,
  to,
  viewOf,
  virtualService,
  workload,
} from '../support/resolve-values.ts';

const egress = (...hosts: readonly string[]) => ({ egress: [{ hosts: importedHosts(...hosts) }] });
const services = [
  service('shop/reviews'),
  service('shop/ratings'),
  service('bank/accounts'),
  service('bank/vault', { 443: 'tls', 444: 'tls' }),
  entry('shop', 'api.example.com'),
  entry('bank', '*.example.com'),
];

describe('which Sidecar (P7)', () => {
  const selecting = sidecar('shop/reviews', { workloadSelector: { app: 'reviews' }, ...egress('./*') });
  const wide = sidecar('shop/wide', egress('bank/*'));
  const root = sidecar('istio-system/default', egress('~/*'));
  const picky = sidecar('istio-system/picky', { workloadSelector: { app: 'reviews' }, ...egress('*/*') });
  const elsewhere = sidecar('bank/default', egress('./*'));

  /** What the clients of a namespace import, as it is written. */
  const imports = (policies: readonly Policy[], namespace = 'shop', app = 'reviews') => {
    const now = mesh({ services, policies });
    return resolveView(now, scopeOf(now, { namespace, labels: { app } })).imports?.value;
  };

  test.each([
    [[selecting, wide, root, picky, elsewhere], ['./*']],
    [[wide, root, picky, elsewhere], ['bank/*']],
    [[root, picky, elsewhere], ['~/*']],
    [[picky, elsewhere], undefined],
  ])('the narrowest of %#', (policies, expected) => {
    expect(imports(policies)).toEqual(expected);
  });

  test('a selector that does not match leaves it to the namespace; a selector of the root namespace is for its own workloads', () => {
    expect(imports([selecting, wide], 'shop', 'frontend')).toEqual(['bank/*']);
    expect(imports([selecting], 'shop', 'frontend')).toBeUndefined();
    expect(imports([picky, root], 'istio-system')).toEqual(['*/*']);
    expect(imports([picky, root], 'istio-system', 'frontend')).toEqual(['~/*']);
  });

  test('of two that no check could tell apart the first by name holds', () => {
    expect(imports([wide, sidecar('shop/also', egress('./*'))])).toEqual(['./*']);
  });

  test('labels split views only where a Sidecar looks at them', () => {
    const scope = (policies: readonly Policy[], namespace: string) =>
      scopeOf(mesh({ policies }), { namespace, labels: { app: 'reviews', version: 'v1' } }).labels;
    expect(scope([selecting], 'shop')).toEqual({ app: 'reviews' });
    expect(scope([selecting], 'bank')).toEqual({});
    expect(scope([wide], 'shop')).toEqual({});
  });

  test('a part that is left out falls to its default, not to a wider Sidecar', () => {
    const closed = sidecar('istio-system/default', { outboundTrafficPolicy: 'REGISTRY_ONLY', ...egress('./*') });
    const own = sidecar('shop/own', { inboundConnectionPool: {} });
    const view = viewOf({ services, policies: [closed, own] });
    expect(view.imports).toBeUndefined();
    expect(view.unknownHosts).toEqual({ value: 'pass', by: { default: 'D18' } });
    expect(view.services).toHaveLength(services.length);
    expect(viewOf({ services, policies: [closed, own] }, 'bank').unknownHosts.value).toBe('refuse');
  });

  test('the Sidecar’s policy for unknown hosts goes before MeshConfig’s, which holds without one', () => {
    const config = meshConfig({ outboundTrafficPolicy: 'REGISTRY_ONLY' });
    const open = sidecar('shop/own', { outboundTrafficPolicy: 'ALLOW_ANY' });
    expect(viewOf({ policies: [config, open] }).unknownHosts).toMatchObject({
      value: 'pass',
      by: { object: { kind: 'Sidecar', name: 'own' }, field: 'spec.outboundTrafficPolicy.mode' },
    });
    expect(viewOf({ policies: [config, sidecar('shop/own', egress('./*'))] }).unknownHosts.value).toBe('refuse');
  });
});

describe('what hosts import (P8)', () => {
  const names = (client: string, ...hosts: readonly string[]) =>
    importsOf(importedHosts(...hosts), services, client, 'cluster.local').map(({ service: { key } }) => key);
  const [reviews, ratings] = ['reviews', 'ratings'].map((name) => `shop/${name}.shop.svc.cluster.local`);
  const [accounts, vault] = ['accounts', 'vault'].map((name) => `bank/${name}.bank.svc.cluster.local`);
  const [api, any] = ['shop/api.example.com', 'bank/*.example.com'];

  test.each([
    ['shop', ['./*'], [api, ratings, reviews]],
    ['bank', ['./*'], [any, accounts, vault]],
    ['shop', ['~/*'], []],
    ['shop', ['./*', '~/*'], []],
    ['shop', ['bank/accounts.bank.svc.cluster.local'], [accounts]],
    ['shop', ['*/accounts.bank.mesh'], [accounts]],
    ['shop', ['./accounts.bank.svc.cluster.local'], []],
    ['shop', ['bank/*.svc.cluster.local'], [accounts, vault]],
    ['shop', ['*/*.example.com'], [any, api]],
    // A name within a wildcard imports not all of the wildcard.
    ['shop', ['*/a.example.com'], []],
    ['shop', ['*/*', '~bank/*'], [api, ratings, reviews]],
    ['shop', ['*/*', '~./ratings.shop.svc.cluster.local', '~/*.example.com'], [accounts, vault, reviews]],
    ['shop', ['~bank/*'], []],
  ])('for %s: %j', (client, hosts, expected) => {
    expect(names(client, ...hosts)).toEqual([...expected].sort());
  });

  const twins = ['a', 'b', 'shop'].map((namespace) => entry(namespace, 'api.test'));
  const chosen = (client: string, ...hosts: readonly string[]) =>
    importsOf(importedHosts(...hosts), twins, client, 'cluster.local').map(({ service: { namespace }, rivals }) => [
      namespace,
      rivals.map((rival) => rival.namespace),
    ]);

  test.each([
    // The proxy's own namespace first.
    ['shop', ['*/*'], [['shop', []]]],
    ['shop', ['a/*', '*/*'], [['shop', []]]],
    // Then the one that is named, then the one named by its host; else nobody can say.
    ['c', ['*/*'], [['a', ['b', 'shop']]]],
    ['c', ['b/*', '*/*'], [['b', []]]],
    ['c', ['a/*', 'b/api.test'], [['b', []]]],
    ['c', ['a/*', 'b/*'], [['a', ['b']]]],
    ['c', ['a/*', 'b/*', '~a/*'], [['b', []]]],
  ])('one host of several namespaces, for %s: %j', (client, hosts, expected) => {
    expect(chosen(client, ...hosts)).toEqual(expected);
  });

  test.each<[number, boolean, ReturnType<typeof listenerPort>]>([
    [9080, false, { number: 9080, protocol: 'http' }],
    [80, false, undefined],
    [80, true, { number: 9080, protocol: 'http' }],
  ])('a listener at %i, the service named: %s', (port, exact, expected) => {
    const listener: SidecarListener = { kind: 'port', port, protocol: 'http' };
    expect(listenerPort(listener, { service: service('shop/reviews'), exact, rivals: [] })).toEqual(expected);
  });

  test('of several ports none is meant, where the listener has none of them', () => {
    const several = service('bank/vault', { 443: 'tls', 444: 'tls' });
    const socket: SidecarListener = { kind: 'socket', path: '/a', protocol: 'tls' };
    const other: SidecarListener = { kind: 'port', port: 1, protocol: 'tls' };
    const listened = [socket, other].map((listener) =>
      [true, false].map((exact) => listenerPort(listener, { service: several, exact, rivals: [] })),
    );
    expect(listened).toEqual([
      ['unclear', undefined],
      ['unclear', undefined],
    ]);
    expect(listenerPort(socket, { service: service('shop/reviews'), exact: false, rivals: [] })).toBeDefined();
  });

  test('names belong to what is imported: another’s claim to one does not count', () => {
    const twin = [entry('a', 'api.test'), entry('b', 'api.test')];
    const named = (host: string) => viewOf({ services: twin, policies: [sidecar('shop/x', egress(host))] }).services;
    expect(named('b/*').map(({ namespace, names: all }) => [namespace, all])).toEqual([
      ['b', ['api.test', 'api.test.']],
    ]);
  });

  test('a route to what is not imported keeps its reference, and nothing answers to it', () => {
    const rule = virtualService('shop/reviews', ['reviews'], [{ route: [to('accounts.bank.svc.cluster.local')] }]);
    const view = viewOf({ services, policies: [rule, sidecar('shop/x', egress('./*'))] });
    const { destinations } = forward(outboundPort(view, 'shop/reviews').routes[0]);
    expect(destinations.map(({ destination }) => destination.service)).toEqual([accounts]);
    expect(view.services.map(({ service: key }) => key)).not.toContain(accounts);
  });
});

describe('what changes when something changes', () => {
  const scoped = sidecar('shop/x', egress('./*'));
  const own = { ...settings };
  const scope = { namespace: 'shop', labels: {} };
  const at = (list: readonly (typeof services)[number][], policies: readonly Policy[] = [scoped]): Mesh =>
    mesh({ services: list, policies, settings: own });
  const counted = (action: () => void) => {
    const before = { ...resolveCounters };
    action();
    return { views: resolveCounters.views - before.views, services: resolveCounters.services - before.services };
  };

  test('the layer of a scoped proxy holds what it imports, and a change of anything else gives the same layer', () => {
    const before = viewLayer(at(services), scope);
    const clusters = [...entriesOf(resourcesOf(before.layer, clusterType))].map(([name]) => name).sort();
    expect(clusters).toEqual([
      'out_shop_api~example~com_80',
      'out_shop_ratings_9080',
      'out_shop_reviews_9080',
      'out_unknown',
    ]);
    const changed = services.map((each) =>
      each.name === 'accounts' ? service('bank/accounts', { 81: 'http' }) : each,
    );
    let now = before;
    expect(
      counted(() => {
        now = viewLayer(at([...changed, service('bank/later')]), scope, before);
      }),
    ).toEqual({ views: 0, services: 0 });
    expect(now.view).toBe(before.view);
    expect(now.layer).toBe(before.layer);
  });

  test('a change of what is imported costs that service', () => {
    resolveView(at(services), scope);
    const changed = services.map((each) => (each.name === 'ratings' ? service('shop/ratings', { 81: 'http' }) : each));
    expect(counted(() => resolveView(at(changed), scope))).toEqual({ views: 1, services: 1 });
  });

  test('another Sidecar makes another view of the same services', () => {
    const first = resolveView(at(services), scope);
    const wider = resolveView(
      at(services, [sidecar('shop/x', egress('./*', 'bank/accounts.bank.svc.cluster.local'))]),
      scope,
    );
    expect(wider.services).toHaveLength(first.services.length + 1);
    for (const each of first.services) expect(wider.services).toContain(each);
  });

  test('a Sidecar that comes to say the same elsewhere in its file changes no listener and no byte', () => {
    const listening = (line: number) =>
      sidecar(
        'shop/x',
        { egress: [{ hosts: importedHosts('./*'), listener: { kind: 'port', port: 9080, protocol: 'http' } }] },
        { 'spec.egress[0].port': line, 'spec.egress': line },
      );
    const capture = { bind: '127.0.0.1', ports: false };
    const [before, after] = [7, 9].map((line) =>
      translateCapture(resolveView(at(services, [listening(line)]), scope), capture).map(({ version }) => version),
    );
    expect(before).toHaveLength(2);
    expect(after).toEqual(before);
  });
});

test('a listener of the Sidecar goes before one of the capture at its address', () => {
  const policies = [
    sidecar('shop/x', {
      egress: [
        { hosts: importedHosts('./*'), listener: { kind: 'port', port: 15_001, protocol: 'http' } },
        { hosts: importedHosts('./*'), listener: { kind: 'port', port: 21_000, protocol: 'http', bind: '127.0.0.1' } },
        { hosts: importedHosts('./*'), listener: { kind: 'port', port: 21_001, protocol: 'http', bind: '127.0.0.9' } },
      ],
    }),
  ];
  const ports = {
    'shop/reviews.shop.svc.cluster.local:9080': 21_000,
    'shop/ratings.shop.svc.cluster.local:9080': 21_001,
  };
  const view = viewOf({ services, policies, localPorts: ports });
  const made = translateCapture(view, { bind: '127.0.0.1', proxy: 15_001, ports: true });
  const listeners = made.filter(({ typeUrl }) => typeUrl.endsWith('.Listener')).map(({ name }) => name);
  expect(listeners.sort()).toEqual(['egress_15001', 'egress_21000', 'egress_21001', 'out_shop_ratings_9080']);
});

describe('the inbound half', () => {
  const standing = (spec: Parameters<typeof sidecar>[1], more: Parameters<typeof proxy>[1] = {}) =>
    resolveInbound(
      mesh({ policies: [sidecar('shop/x', spec)], workloads: [workload('reviews-1.shop', { address: '10.0.0.7' })] }),
      proxy('reviews-1.shop', more),
    );

  test('a port that only an ingress names is listened at as it is; ports that it does not name stand as without it', () => {
    const ports = standing({ ingress: [{ port: 7070, protocol: 'tcp', endpoint: { kind: 'loopback', port: 7071 } }] });
    expect(ports.map(({ port, listen, protocol, program }) => [port, listen, protocol, program?.value])).toEqual([
      [7070, { address: '0.0.0.0', port: 7070 }, 'tcp', { kind: 'address', address: '127.0.0.1', port: 7071 }],
      [9080, { address: '0.0.0.0', port: 19080 }, 'http', undefined],
    ]);
  });

  test.each([
    // The program itself is there.
    [{ port: 7070 }],
    [{ port: 7070, endpoint: { kind: 'loopback', port: 7070 } } as const],
    // Callers of another port come there.
    [{ port: 19080, endpoint: { kind: 'loopback', port: 1 } } as const],
  ])('where somebody else listens, an entry acts on nothing: %j', (ingress) => {
    expect(standing({ ingress: [ingress] }).map(({ port }) => port)).toEqual([9080]);
  });

  test('an address of its own leaves room beside the program', () => {
    const ports = standing({ ingress: [{ port: 7070, bind: '10.0.0.7' }] });
    expect(ports.map(({ listen }) => listen)).toEqual([
      { address: '10.0.0.7', port: 7070 },
      { address: '0.0.0.0', port: 19080 },
    ]);
  });

  test.each([
    [{ kind: 'loopback', port: 1 } as const, '127.0.0.5'],
    [{ kind: 'loopback-v6', port: 1 } as const, '::1'],
    [{ kind: 'workload', port: 1 } as const, '10.0.0.7'],
  ])('%j is the program’s %s', (endpoint, address) => {
    const [port] = standing({ ingress: [{ port: 9080, endpoint }] }, { applicationAddress: '127.0.0.5' });
    expect(port?.program?.value).toEqual({ kind: 'address', address, port: 1 });
  });

  test('R13: how many requests a connection serves, for HTTP alone; an own pool replaces the Sidecar’s whole', () => {
    const pool = (requests: number) => ({ http: { maxRequestsPerConnection: requests }, tcp: { maxConnections: 3 } });
    const more = {
      ports: [1, 2, 3].map((port) => ({
        port,
        inbound: 100 + port,
        protocol: port === 3 ? ('tcp' as const) : ('http' as const),
      })),
    };
    const ports = standing(
      { inboundConnectionPool: pool(7), ingress: [{ port: 2, connectionPool: { http: { maxRetries: 1 } } }] },
      more,
    );
    expect(ports.map((port) => [port.requestsPerConnection?.value, port.pool?.maxConnections.value])).toEqual([
      [7, 3],
      [1, 2 ** 32 - 1],
      [undefined, 3],
    ]);
    expect(ports[1]?.pool?.maxRetries).toMatchObject({
      value: 1,
      by: { field: 'spec.ingress[0].connectionPool.http.maxRetries' },
    });
  });

  test('the inbound half changes with its Sidecar and with nothing else', () => {
    const own = { ...settings };
    const one = proxy('reviews-1.shop');
    const acting = sidecar('shop/x', { ingress: [{ port: 9080, endpoint: { kind: 'loopback', port: 1 } }] });
    const at = (...policies: readonly Policy[]) => resolveInbound(mesh({ policies, settings: own }), one);
    const first = at(acting);
    expect(at(acting, sidecar('bank/y', egress('./*')))).toBe(first);
    expect(at(sidecar('shop/x', { inboundConnectionPool: { tcp: { maxConnections: 1 } } }))).not.toBe(first);
  });
});
