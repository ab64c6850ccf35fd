import { describe, expect, test } from 'vitest';
import type { Policy } from '../../src/model/policy.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { meshDefaults } from '../../src/resolve/mesh-defaults.ts';
import { resolveProxy } from '../../src/resolve/proxy.ts';
import { scopeOf } from '../../src/resolve/scope.ts';
import { resolveView } from '../../src/resolve/view.ts';
import {
  authorizationPolicy,
  destinationOf,
  destinationRule,
  endpoint,
  forward,
  httpMatch,
  identityOf,
  type MeshParts,
  mesh,
  meshConfig,
  outboundPort,
  peerAuthentication,
  proxy,
  service,
  to,
  viewOf,
  virtualService,
} from '../support/resolve-values.ts';

const services = [service('shop/reviews'), service('shop/ratings')];
const reviews = services[0]?.key ?? '';
const endpoints = {
  [reviews]: { 9080: [endpoint('reviews.shop', { identity: identityOf('shop', 'reviews') })] },
};
const parts = (...policies: readonly Policy[]): MeshParts => ({ services, endpoints, policies });

describe('what MeshConfig decides, and by which line', () => {
  const at = (field: string, line: number) => ({
    by: { object: { kind: 'MeshConfig', namespace: 'istio-system', name: 'mesh' }, field, at: { line } },
  });

  test('D18: unknown hosts', () => {
    expect(viewOf(parts()).unknownHosts).toEqual({ value: 'pass', by: { default: 'D18' } });
    const field = 'outboundTrafficPolicy.mode';
    const config = meshConfig({ outboundTrafficPolicy: 'REGISTRY_ONLY' }, { [field]: 3 });
    expect(viewOf(parts(config)).unknownHosts).toMatchObject({ value: 'refuse', ...at(field, 3) });
  });

  test('D4: the connect timeout, unless a rule has one; the keepalive, of which a rule changes what it names (P24)', () => {
    const config = meshConfig(
      { connectTimeout: 3000, tcpKeepalive: { probes: 4, time: 60_000 } },
      { connectTimeout: 1, tcpKeepalive: 2 },
    );
    const rule = destinationRule('shop/ratings', {
      host: 'ratings',
      trafficPolicy: {
        connectionPool: { tcp: { connectTimeout: 100, tcpKeepalive: { time: 5000 } } },
        portLevelSettings: [],
      },
    });
    const view = viewOf(parts(config, rule));
    const { pool } = destinationOf(view, 'shop/reviews');
    expect(pool.connectTimeout).toMatchObject({ value: 3000, ...at('connectTimeout', 1) });
    expect(pool.tcpKeepalive).toMatchObject({ value: { probes: 4, time: 60_000 }, ...at('tcpKeepalive', 2) });
    const ruled = destinationOf(view, 'shop/ratings').pool;
    expect(ruled.connectTimeout).toMatchObject({ value: 100, by: { object: { kind: 'DestinationRule' } } });
    expect(ruled.tcpKeepalive).toMatchObject({
      value: { probes: 4, time: 5000 },
      by: { object: { kind: 'DestinationRule' } },
      also: [{ object: { kind: 'MeshConfig' } }],
    });
  });

  test('P24: blocks of defaultTrafficPolicy act where no level has one of the kind, entries for ports included', () => {
    const block = (maxConnections: number) => ({ connectionPool: { tcp: { maxConnections } } });
    const config = meshConfig({
      connectTimeout: 3000,
      defaultTrafficPolicy: {
        ...block(1),
        outlierDetection: { splitExternalLocalOriginErrors: false, consecutive5xxErrors: 2 },
      },
    });
    const rule = destinationRule('shop/ratings', {
      host: 'ratings',
      trafficPolicy: { ...block(2), portLevelSettings: [{ port: 9080, loadBalancer: { simple: 'RANDOM' } }] },
      subsets: [{ name: 'v1', labels: {}, trafficPolicy: { ...block(3), portLevelSettings: [] } }],
    });
    const view = viewOf(parts(config, rule));
    const reviewsOf = destinationOf(view, 'shop/reviews');
    expect(reviewsOf.pool.maxConnections).toMatchObject({
      value: 1,
      by: { field: 'defaultTrafficPolicy.connectionPool.tcp.maxConnections', object: { kind: 'MeshConfig' } },
    });
    expect(reviewsOf.outlierDetection?.value.consecutive5xx).toBe(2);
    expect(reviewsOf.pool.connectTimeout.value).toBe(3000);
    // The entry for the port leaves nothing of the rule; what it has none of is the mesh's again.
    const { pool, loadBalancer } = destinationOf(view, 'shop/ratings');
    expect(pool.maxConnections).toMatchObject({ value: 1, by: { object: { kind: 'MeshConfig' } } });
    expect(pool.maxConnections.also).toMatchObject([{ object: { kind: 'DestinationRule' } }]);
    expect(loadBalancer?.value).toBe('random');
    const subset = destinationOf(view, 'shop/ratings', 'v1');
    expect(subset.pool.maxConnections).toMatchObject({ value: 3, by: { object: { kind: 'DestinationRule' } } });
    expect(subset.outlierDetection?.value.consecutive5xx).toBe(2);
    expect(view.passing.maxConnections.value).toBe(1);
  });

  test('D1, P16: retries where nobody wrote any, on the default route as well; 0 attempts are off', () => {
    const rules = [
      { name: 'own', match: [httpMatch({ uri: { kind: 'prefix', value: '/own' } })], retries: { attempts: 7 } },
      { name: 'rest' },
    ].map((rule) => ({ ...rule, route: [to('ratings')] }));
    const routed = virtualService('shop/ratings', ['ratings'], rules);
    const config = meshConfig({ defaultHttpRetryPolicy: { attempts: 1, retryOn: ['503'] } });
    const view = viewOf(parts(config, routed));
    const wanted = { attempts: 1, conditions: ['retriable-status-codes'], statusCodes: [503] };
    expect(forward(outboundPort(view, 'shop/reviews').routes[0]).retries.value).toMatchObject(wanted);
    const [own, rest] = outboundPort(view, 'shop/ratings').routes;
    expect(forward(own).retries.value).toMatchObject({ attempts: 7 });
    expect(forward(rest).retries).toMatchObject({ value: wanted, by: { object: { kind: 'MeshConfig' } } });
    const off = viewOf(parts(meshConfig({ defaultHttpRetryPolicy: { attempts: 0 } })));
    expect(forward(outboundPort(off, 'shop/reviews').routes[0]).retries.value).toBeUndefined();
  });

  test('D15: without automatic mTLS nobody is called with it', () => {
    expect(destinationOf(viewOf(parts()), 'shop/reviews').security.kind).toBe('mesh');
    const view = viewOf(parts(meshConfig({ enableAutoMtls: false })));
    expect(destinationOf(view, 'shop/reviews').security).toEqual({ kind: 'plain' });
  });

  test('P36: a server may show its identity under each alias of the trust domain', () => {
    const view = viewOf(parts(meshConfig({ trustDomainAliases: ['old.mesh', 'demo.mesh'] })));
    expect(destinationOf(view, 'shop/reviews').security).toMatchObject({
      accepted: ['spiffe://demo.mesh/ns/shop/sa/reviews', 'spiffe://old.mesh/ns/shop/sa/reviews'],
    });
  });

  test.each([
    ['cluster.local/ns/shop/sa/a', ['demo.mesh/ns/shop/sa/a', 'old.mesh/ns/shop/sa/a']],
    ['demo.mesh/ns/shop/sa/a', ['demo.mesh/ns/shop/sa/a', 'old.mesh/ns/shop/sa/a']],
    ['old.mesh/ns/shop/sa/a', ['demo.mesh/ns/shop/sa/a', 'old.mesh/ns/shop/sa/a']],
    ['other.mesh/ns/shop/sa/a', ['other.mesh/ns/shop/sa/a']],
    ['old.mesh/ns/shop/*', ['old.mesh/ns/shop/']],
  ])('P43: principal %s', (principal, values) => {
    const policies = [
      meshConfig({ trustDomainAliases: ['old.mesh'] }),
      authorizationPolicy('shop/a', 'ALLOW', [{ from: [{ principals: [principal] }] }]),
    ];
    const [inbound] = resolveProxy(mesh(parts(...policies)), proxy('reviews.shop')).inbound;
    const caller = inbound?.authorization.allow?.[0]?.caller;
    const conditions = caller?.kind === 'any' ? caller.of : [caller];
    const found = conditions.map((one) => one?.kind === 'principal' && 'value' in one.match && one.match.value);
    expect(found).toEqual(values);
  });

  test('D16: the root namespace is where MeshConfig says', () => {
    const policies = [
      meshConfig({ rootNamespace: 'mesh-root' }),
      peerAuthentication('mesh-root/default', { mode: 'STRICT' }),
      peerAuthentication('istio-system/default', { mode: 'DISABLE' }),
      authorizationPolicy('mesh-root/a', 'DENY', [{}]),
      destinationRule('mesh-root/all', { host: '*.shop.svc.cluster.local', subsets: [{ name: 'v1', labels: {} }] }),
    ];
    const { inbound, view } = resolveProxy(mesh(parts(...policies)), proxy('reviews.shop'));
    expect(inbound[0]?.mtls.value).toBe('STRICT');
    expect(inbound[0]?.authorization.deny).toHaveLength(1);
    expect(destinationOf(view, 'shop/reviews', 'v1').ref.subset).toBe('v1');
  });

  test('D22, D28: listeners in both directions', () => {
    const config = meshConfig({
      pathNormalization: 'MERGE_SLASHES',
      accessLog: { file: '/dev/stdout', encoding: 'JSON', format: { a: '%PROTOCOL%' } },
    });
    const { inbound, view } = resolveProxy(mesh(parts(config)), proxy('reviews.shop'));
    expect(view.terms).toMatchObject({
      pathNormalization: { value: 'dots-and-slashes' },
      accessLog: { value: { file: '/dev/stdout', encoding: 'json', format: { a: '%PROTOCOL%' } } },
    });
    expect(inbound[0]?.terms).toEqual(view.terms);
    const bare = resolveProxy(mesh(parts()), proxy('reviews.shop'));
    expect(bare.view.terms).toEqual({
      pathNormalization: { value: 'dots', by: { default: 'D22' } },
      accessLog: { value: undefined, by: { default: 'D28' } },
    });
  });
});

describe('what is remembered', () => {
  test('the same defaults while MeshConfig is the same, whatever else changes', () => {
    const config = meshConfig({ connectTimeout: 1 });
    const whole = mesh(parts(config));
    const next = {
      ...whole,
      policies: { commit: 'next', objects: [config, virtualService('shop/a', ['reviews'], [])] },
    };
    expect(meshDefaults(next)).toBe(meshDefaults(whole));
    const other = { ...whole, policies: { commit: 'next', objects: [meshConfig({ connectTimeout: 2 })] } };
    expect(meshDefaults(other)).not.toBe(meshDefaults(whole));
  });

  test('a MeshConfig that changes changes views and inbound halves, and one that comes back brings them back', () => {
    const whole = mesh(parts());
    const client = proxy('reviews.shop');
    const before = resolveProxy(whole, client);
    const changed = {
      ...whole,
      policies: { commit: 'n', objects: [meshConfig({ outboundTrafficPolicy: 'REGISTRY_ONLY' })] },
    };
    const after = resolveProxy(changed, client);
    expect(after.view).not.toBe(before.view);
    expect(after.view.unknownHosts.value).toBe('refuse');
    expect(resolveProxy(changed, client)).toBe(after);
    expect(resolveProxy(whole, client).view).toBe(before.view);
  });
});

describe('B4: only labels that some policy looks at for a namespace split its views', () => {
  const looking = (exportTo: readonly string[], sourceNamespace?: string) =>
    virtualService(
      'shop/ratings',
      ['ratings'],
      [
        {
          match: [httpMatch({ sourceLabels: { version: 'v1' }, ...(sourceNamespace && { sourceNamespace }) })],
          route: [to('ratings')],
        },
        { route: [to('ratings')] },
      ],
      exportTo,
    );
  const viewsOf = (policies: readonly Policy[], namespace: string): number => {
    const whole = mesh({ services, policies });
    const before = resolveCounters.views;
    const views = ['v1', 'v2', 'v3'].map((version) =>
      resolveView(whole, scopeOf(whole, { namespace, labels: { app: 'a', version } })),
    );
    expect(resolveCounters.views - before).toBe(new Set(views).size);
    return new Set(views).size;
  };

  test.each<[string, readonly Policy[], string, number]>([
    ['nobody looks', [], 'shop', 1],
    ['a public VirtualService, its own namespace', [looking(['*'])], 'shop', 3],
    ['a public VirtualService, another namespace', [looking(['*'])], 'bank', 3],
    ['a private VirtualService, its own namespace', [looking(['.'])], 'shop', 3],
    ['a private VirtualService, another namespace', [looking(['.'])], 'bank', 1],
    ['exported by name, that namespace', [looking(['bank'])], 'bank', 3],
    ['exported by name, a third namespace', [looking(['bank'])], 'ops', 1],
    ['of clients of one namespace, that one', [looking(['*'], 'bank')], 'bank', 3],
    ['of clients of one namespace, another', [looking(['*'], 'bank')], 'shop', 1],
  ])('%s', (_what, policies, namespace, views) => {
    expect(viewsOf(policies, namespace)).toBe(views);
  });
});
