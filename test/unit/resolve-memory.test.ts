import { describe, expect, test } from 'vitest';
import type { View } from '../../src/model/ir.ts';
import type { Mesh } from '../../src/model/mesh.ts';
import type { Policy } from '../../src/model/policy.ts';
import type { Endpoint, ServiceKey } from '../../src/model/service.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { resolveEndpoints } from '../../src/resolve/endpoints.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { indexPolicies } from '../../src/resolve/policy-index.ts';
import { resolveProxy } from '../../src/resolve/proxy.ts';
import { resolveView } from '../../src/resolve/view.ts';
import {
  authorizationPolicy,
  destinationRule,
  endpoint,
  identityOf,
  mesh,
  peerAuthentication,
  proxy,
  service,
  to,
  virtualService,
  workload,
} from '../support/resolve-values.ts';

const shop = { namespace: 'shop', labels: {} };

/** What a call really computed. */
function counted<T>(run: () => T): { result: T; computed: typeof resolveCounters } {
  const before = { ...resolveCounters };
  const result = run();
  return {
    result,
    computed: {
      views: resolveCounters.views - before.views,
      services: resolveCounters.services - before.services,
      endpoints: resolveCounters.endpoints - before.endpoints,
      inbound: resolveCounters.inbound - before.inbound,
    },
  };
}

function withEndpoints(whole: Mesh, key: ServiceKey, list: readonly Endpoint[]): Mesh {
  return { ...whole, endpoints: new Map(whole.endpoints).set(key, new Map([[9080, list]])) };
}

function withPolicies(whole: Mesh, objects: readonly Policy[]): Mesh {
  return { ...whole, policies: { commit: 'next', objects } };
}

function everything(whole: Mesh, view: View) {
  return view.services.flatMap(({ ports }) =>
    ports.flatMap(({ destinations }) => destinations.map((each) => resolveEndpoints(whole, each))),
  );
}

describe('one endpoint change in a mesh of 1,000 services', () => {
  const services = Array.from({ length: 1000 }, (_, number) => service(`shop/s${number}`));
  const of = (name: string, address = '10.0.0.1') =>
    endpoint(`${name}.shop`, { identity: identityOf('shop', 's'), address });
  const whole = mesh({
    services,
    endpoints: Object.fromEntries(
      services.map(({ key }, number) => [key, { 9080: [of(`a${number}`), of(`b${number}`)] }]),
    ),
    workloads: services.flatMap((_, number) => [workload(`a${number}.shop`), workload(`b${number}.shop`)]),
  });
  const view = resolveView(whole, shop);
  const sets = everything(whole, view);
  const changed = services[500]?.key ?? ('' as ServiceKey);

  test('resolves no service again and one EndpointSet', () => {
    const next = withEndpoints(whole, changed, [of('a500'), of('b500', '10.9.9.9')]);
    const { result, computed } = counted(() => {
      const nextView = resolveView(next, shop);
      return { nextView, nextSets: everything(next, nextView) };
    });
    expect(computed).toEqual({ views: 0, services: 0, endpoints: 1, inbound: 0 });
    expect(result.nextView).toBe(view);
    expect(result.nextSets.filter((set, position) => set !== sets[position])).toHaveLength(1);
  });

  test('which keeps the endpoints that did not change', () => {
    const before = resolveEndpoints(
      whole,
      view.services.find(({ service }) => service === changed)?.ports[0]?.destination ?? fail(),
    );
    const next = withEndpoints(whole, changed, [of('a500'), of('b500', '10.9.9.9')]);
    const after = resolveEndpoints(
      next,
      view.services.find(({ service }) => service === changed)?.ports[0]?.destination ?? fail(),
    );
    expect(after.endpoints[0]).toBe(before.endpoints[0]);
    expect(after.endpoints[1]).not.toBe(before.endpoints[1]);
  });

  test('an identity that callers did not know changes that service only', () => {
    const stranger = endpoint('c500.shop', { identity: identityOf('shop', 'stranger') });
    const next = withEndpoints(whole, changed, [of('a500'), stranger]);
    const { result, computed } = counted(() => resolveView(next, shop));
    expect(computed).toMatchObject({ views: 1, services: 1 });
    expect(result.services.filter((each, position) => each !== view.services[position])).toHaveLength(1);
  });

  test('a set that says the same is the same', () => {
    const list = [of('a7'), of('b7')];
    const key = services[7]?.key ?? ('' as ServiceKey);
    const before = resolveView(whole, shop);
    const destination = before.services.find((each) => each.service === key)?.ports[0]?.destination ?? fail();
    const set = resolveEndpoints(whole, destination);
    expect(resolveEndpoints(withEndpoints(whole, key, list), destination)).toBe(set);
  });
});

describe('one policy change', () => {
  const services = [service('shop/reviews'), service('shop/ratings'), service('bank/ledger')];
  const reviews = virtualService('shop/reviews', ['reviews'], [{ route: [to('reviews', 'v1')] }]);
  const rule = destinationRule('shop/reviews', {
    host: 'reviews',
    subsets: [{ name: 'v1', labels: { version: 'v1' } }],
  });
  const whole = mesh({ services, policies: [reviews, rule] });
  const changedBy = (objects: readonly Policy[]) => {
    const before = resolveView(whole, shop);
    const { result, computed } = counted(() => resolveView(withPolicies(whole, objects), shop));
    const names = result.services
      .filter((each, position) => each !== before.services[position])
      .map(({ name }) => name);
    expect(computed.services).toBe(names.length);
    return { names, same: result === before };
  };

  test('of a VirtualService gives a new value to the service it routes', () => {
    const next = virtualService('shop/reviews', ['reviews'], [{ route: [to('reviews')] }]);
    expect(changedBy([next, rule])).toEqual({ names: ['reviews'], same: false });
  });

  test('of a DestinationRule to the service it speaks about', () => {
    expect(changedBy([reviews, destinationRule('shop/x', { host: 'ratings' })]).names).toEqual(['ratings', 'reviews']);
  });

  test('of nothing that this scope calls leaves the View itself', () => {
    const security = [
      peerAuthentication('shop/all', { mode: 'STRICT' }),
      authorizationPolicy('shop/none', 'ALLOW', []),
    ];
    expect(changedBy([reviews, rule, ...security])).toEqual({ names: [], same: true });
  });

  test('a service that appears changes the routes that name it', () => {
    const routed = {
      ...whole,
      policies: { commit: 'x', objects: [virtualService('shop/r', ['ratings'], [{ route: [to('later')] }])] },
    };
    const before = resolveView(routed, shop);
    const after = resolveView({ ...routed, services: [...services, service('shop/later', { 7000: 'http' })] }, shop);
    expect(after.services.map((each) => before.services.includes(each))).toEqual([true, false, true, false]);
  });

  test('a local port that is allocated changes its service', () => {
    const before = resolveView(whole, shop);
    const localPorts = new Map([['shop/ratings.shop.svc.cluster.local:9080', 21003]]);
    const after = resolveView({ ...whole, localPorts }, shop);
    const ratings = after.services.find(({ name }) => name === 'ratings');
    expect(ratings?.ports[0]?.localPort).toBe(21003);
    expect(after.services.filter((each) => !before.services.includes(each))).toEqual([ratings]);
  });

  test('destinations are shared by the scopes of several namespaces', () => {
    const destinations = (namespace: string) =>
      resolveView(whole, { namespace, labels: {} }).services.flatMap(({ ports }) =>
        ports.map(({ destination }) => destination),
      );
    const ofShop = destinations('shop');
    destinations('bank').forEach((each, position) => {
      expect(each).toBe(ofShop[position]);
    });
  });

  test('the index is remembered, its lists outlive a commit that leaves them alone', () => {
    const first = indexPolicies(whole.policies, whole.settings);
    expect(indexPolicies(whole.policies, whole.settings)).toBe(first);
    const next = indexPolicies({ commit: 'next', objects: [rule, reviews] }, whole.settings);
    expect(next.virtualServices.get('reviews.shop.svc.cluster.local')).toBe(
      first.virtualServices.get('reviews.shop.svc.cluster.local'),
    );
  });
});

describe('PeerAuthentication', () => {
  const services = [service('shop/reviews'), service('bank/ledger')];
  const one = (name: string, namespace: string) => [
    endpoint(`${name}.${namespace}`, { identity: identityOf(namespace, name) }),
  ];
  const whole = mesh({
    services,
    endpoints: {
      [services[0]?.key ?? '']: { 9080: one('reviews', 'shop') },
      [services[1]?.key ?? '']: { 9080: one('ledger', 'bank') },
    },
    workloads: [workload('reviews.shop'), workload('ledger.bank')],
  });

  test('changes no View where callers go on calling as they did', () => {
    const view = resolveView(whole, shop);
    const before = everything(whole, view);
    const next = withPolicies(whole, [peerAuthentication('shop/all', { mode: 'STRICT' })]);
    expect(resolveView(next, shop)).toBe(view);
    expect(everything(next, view).map((set, position) => set === before[position])).toEqual([true, true]);
  });

  test('that turns mesh TLS off changes the EndpointSets and the destinations of its namespace (P35)', () => {
    const view = resolveView(whole, shop);
    const before = everything(whole, view);
    const next = withPolicies(whole, [peerAuthentication('shop/all', { mode: 'DISABLE' })]);
    const now = resolveView(next, shop);
    expect(now.services.map((service, position) => service === view.services[position])).toEqual([true, false]);
    expect(now.services[1]?.ports[0]?.destinations[0]?.plaintext).toMatchObject([{ by: { object: { name: 'all' } } }]);
    const { result, computed } = counted(() => everything(next, view));
    expect(computed.endpoints).toBe(1);
    expect(result.map((set, position) => set === before[position])).toEqual([true, false]);
    expect(result[1]?.endpoints[0]?.meshTls).toBe(false);
    // Another one that says the same, and back.
    expect(resolveView(withPolicies(whole, [peerAuthentication('shop/all', { mode: 'DISABLE' })]), shop)).toBe(now);
    expect(resolveView(whole, shop).services[1]?.ports[0]?.destinations[0]?.plaintext).toBeUndefined();
  });

  test('an endpoint whose workload has other labels is looked at again', () => {
    const policies = [peerAuthentication('shop/x', { selector: { app: 'x' }, mode: 'DISABLE' })];
    const first = withPolicies(whole, policies);
    const view = resolveView(first, shop);
    expect(everything(first, view).map((set) => set.endpoints[0]?.meshTls)).toEqual([true, true]);
    const key = services[0]?.key;
    if (key === undefined) throw new Error('no service');
    const now = one('reviews', 'shop').map((each) => ({ ...each, labels: { app: 'x' } }));
    const second = withEndpoints(first, key, now);
    expect(everything(second, view).map((set) => set.endpoints[0]?.meshTls)).toEqual([true, false]);
  });
});

describe('inbound', () => {
  const ports = [
    { port: 9080, inbound: 19080, protocol: 'http' as const },
    { port: 9090, inbound: 19090, protocol: 'http' as const },
  ];
  const reviews = proxy('reviews.shop', { ports });
  const whole = mesh({ services: [service('shop/reviews')] });

  test('is remembered over changes that do not concern it', () => {
    const before = resolveInbound(whole, reviews);
    const others = [
      virtualService('shop/x', ['reviews'], []),
      authorizationPolicy('bank/none', 'ALLOW', []),
      peerAuthentication('bank/all', { mode: 'STRICT' }),
    ];
    const { result, computed } = counted(() => resolveInbound(withPolicies(whole, others), reviews));
    expect(result).toBe(before);
    expect(computed.inbound).toBe(0);
  });

  test('a policy for one port leaves the other the same object', () => {
    const before = resolveInbound(whole, reviews);
    const policies = [authorizationPolicy('shop/x', 'DENY', [{ to: [{ ports: [9090] }] }])];
    const after = resolveInbound(withPolicies(whole, policies), reviews);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
  });

  test('a policy that selects others computes it again and changes nothing', () => {
    const before = resolveProxy(whole, reviews);
    const policies = [authorizationPolicy('shop/x', 'ALLOW', [], { app: 'other' })];
    expect(resolveProxy(withPolicies(whole, policies), reviews)).toBe(before);
  });
});

function fail(): never {
  throw new Error('not found');
}
