import { describe, expect, test } from 'vitest';
import { viewLayer } from '../../src/control-plane/shared-layers.ts';
import type { Mesh } from '../../src/model/mesh.ts';
import type { Policy } from '../../src/model/policy.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { resolveView } from '../../src/resolve/view.ts';
import { translateCapture } from '../../src/translate/translate-capture.ts';
import { resourcesOf } from '../../src/xds/layer.ts';
import { entriesOf } from '../../src/xds/persistent-map.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { importedHosts, mesh, proxy, service, settings, sidecar, viewOf, workload } from '../support/resolve-values.ts';
import { egress, services } from '../support/scope-of.ts';

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
