import { describe, expect, test } from 'vitest';
import { importsOf } from '../../src/policy/imports.ts';
import { scopeKey, scopeOf } from '../../src/resolve/scope.ts';
import {
  destinationRule,
  entry,
  forward,
  httpMatch,
  mesh,
  outbound,
  outboundPort,
  service,
  to,
  viewOf,
  virtualService,
} from '../support/resolve-values.ts';

describe('scope', () => {
  test('holds only the labels that some sourceLabels looks at', () => {
    const policies = [
      virtualService(
        'shop/reviews',
        ['reviews'],
        [{ match: [httpMatch({ sourceLabels: { version: 'v1', ring: 'a' } })] }],
      ),
    ];
    const client = { namespace: 'shop', labels: { app: 'frontend', version: 'v2' } };
    expect(scopeOf(mesh({ policies }), client)).toEqual({ namespace: 'shop', labels: { version: 'v2' } });
    expect(scopeOf(mesh({}), client)).toEqual({ namespace: 'shop', labels: {} });
  });

  test('has one key whatever the order of labels', () => {
    const key = (labels: Record<string, string>) => scopeKey({ namespace: 'shop', labels });
    expect(key({ a: '1', b: '2' })).toBe(key({ b: '2', a: '1' }));
    expect(key({ a: '1' })).not.toBe(key({ a: '2' }));
    expect(key({ a: '1,b=2' })).not.toBe(key({ a: '1', b: '2' }));
    expect(key({})).toBe('shop');
  });
});

describe('P1 a short host belongs to the namespace of the object that names it', () => {
  const services = [service('shop/reviews'), service('bank/reviews'), service('bank/ledger')];

  test('VirtualService hosts and destinations', () => {
    const policies = [virtualService('bank/all', ['reviews'], [{ route: [to('ledger')] }])];
    const view = viewOf({ services, policies }, 'shop');
    expect(forward(outboundPort(view, 'bank/reviews').routes[0]).destinations[0]?.destination.service).toBe(
      'bank/ledger.bank.svc.cluster.local',
    );
    expect(outboundPort(view, 'shop/reviews').routes[0]?.name).toBe('default/shop/reviews');
  });

  test('mirrors', () => {
    const mirrors = [{ destination: { host: 'ledger' }, percentage: 100 }];
    const policies = [virtualService('bank/all', ['reviews'], [{ route: [to('reviews')], mirrors }])];
    const view = viewOf({ services, policies }, 'shop');
    expect(forward(outboundPort(view, 'bank/reviews').routes[0]).mirrors[0]?.value.destination.namespace).toBe('bank');
  });

  test('DestinationRule host', () => {
    const policies = [destinationRule('bank/reviews', { host: 'reviews', subsets: [{ name: 'v1', labels: {} }] })];
    const view = viewOf({ services, policies }, 'bank');
    expect(outboundPort(view, 'bank/reviews').destinations).toHaveLength(2);
    expect(outboundPort(view, 'shop/reviews').destinations).toHaveLength(1);
  });
});

test.each([
  ['Reviews.SHOP.svc.cluster.local'],
  ['reviews.shop.svc.cluster.local.'],
  ['reviews.shop.mesh'],
  ['REVIEWS'],
])('P3 %s names reviews of shop', (host) => {
  const policies = [virtualService('shop/rule', [host], [{ route: [to(host)] }])];
  const [route] = outboundPort(viewOf({ services: [service('shop/reviews')], policies }), 'shop/reviews').routes;
  expect(route?.name).toBe('VirtualService/shop/rule[0]');
  expect(forward(route).destinations[0]?.destination.host).toBe('reviews.shop.svc.cluster.local');
});

describe('P4 names', () => {
  const services = [service('shop/reviews', { 9080: 'http' }, { addresses: ['10.1.0.7', 'FD00::1', '10.2.0.0/16'] })];
  const long = ['reviews.shop', 'reviews.shop.svc', 'reviews.shop.svc.cluster.local'];
  const rest = ['reviews.shop.svc.cluster.local.', 'reviews.shop.mesh', '10.1.0.7', '[fd00::1]'];

  test('own namespace: the bare name, too', () => {
    expect(outbound(viewOf({ services }, 'shop'), 'shop/reviews').names).toEqual(['reviews', ...long, ...rest]);
  });

  test('other namespaces may not use the bare name', () => {
    expect(outbound(viewOf({ services }, 'bank'), 'shop/reviews').names).toEqual([...long, ...rest]);
  });

  test('ServiceEntry hosts have no short forms', () => {
    const view = viewOf({ services: [entry('shop', 'API.example.com', { addresses: ['192.0.2.1'] })] });
    expect(view.services[0]?.names).toEqual(['api.example.com', 'api.example.com.', '192.0.2.1']);
  });

  test('no name stands twice: the own namespace goes before others', () => {
    const services = [service('shop/reviews'), entry('bank', 'api.example.com'), entry('shop', 'api.example.com')];
    const view = viewOf({ services }, 'shop');
    const names = view.services.flatMap((each) => each.names);
    expect(new Set(names).size).toBe(names.length);
    expect(outbound(view, 'shop/api.example.com').names).toContain('api.example.com');
    expect(outbound(view, 'bank/api.example.com').names).toEqual([]);
  });

  describe.each(['service', 'implied'] as const)('the names of a Service (%s)', (origin) => {
    const taken = ['reviews', ...long, 'reviews.shop.svc.cluster.local.', 'reviews.shop.mesh'];
    const squatters = taken.map((host) => entry('bank', host, { addresses: ['10.9.9.9'] }));
    const services = [service('shop/reviews', { 9080: 'http' }, { origin, addresses: ['10.1.0.7'] }), ...squatters];

    test.each(['shop', 'zoo'])('are not taken by a ServiceEntry of another namespace, for clients of %s', (client) => {
      const view = viewOf({ services }, client);
      const own = client === 'shop' ? taken : taken.slice(1);
      expect(outbound(view, 'shop/reviews').names.toSorted()).toEqual([...own, '10.1.0.7'].toSorted());
      const names = view.services.flatMap((each) => each.names);
      expect(new Set(names).size).toBe(names.length);
    });

    test('are what the own namespace declares for its own clients (P8)', () => {
      const view = viewOf({ services }, 'bank');
      expect(outbound(view, 'bank/reviews.shop.mesh').names).toContain('reviews.shop.mesh');
      expect(outbound(view, 'shop/reviews').names).toEqual(['10.1.0.7']);
    });

    test('mean it in routes and Sidecars of third namespaces, too', () => {
      const host = 'reviews.shop.svc.cluster.local';
      const both = [service('shop/reviews', { 9080: 'http' }, { origin }), entry('bank', host), service('zoo/cage')];
      const policies = [virtualService('zoo/cage', ['cage'], [{ route: [to(host)] }])];
      const [route] = outboundPort(viewOf({ services: both, policies }, 'zoo'), 'zoo/cage').routes;
      expect(forward(route).destinations[0]?.destination.namespace).toBe('shop');
      const hosts = [{ namespace: '*', host: '*', excluded: false, text: '*/*' }];
      const imports = importsOf(hosts, both, 'zoo', 'cluster.local');
      expect(imports.map((each) => each.service.key)).toEqual([`shop/${host}`, 'zoo/cage.zoo.svc.cluster.local']);
    });
  });
});

describe('P5 wildcards', () => {
  const services = [entry('shop', 'a.x.com'), entry('shop', 'b.x.com'), entry('shop', '*.y.com')];
  const rule = (name: string, host: string) => virtualService(`shop/${name}`, [host], [{ route: [to(host)] }]);

  test('exact beats wildcard, longer beats shorter', () => {
    const policies = [rule('short', '*.com'), rule('long', '*.x.com'), rule('exact', 'a.x.com')];
    const view = viewOf({ services, policies });
    const used = (id: string) => outboundPort(view, id, 80).routes[0]?.name;
    expect(used('shop/a.x.com')).toBe('VirtualService/shop/exact[0]');
    expect(used('shop/b.x.com')).toBe('VirtualService/shop/long[0]');
    expect(used('shop/*.y.com')).toBe('VirtualService/shop/short[0]');
  });

  test('a wildcard makes no name of its own, one of a ServiceEntry stays', () => {
    const names = viewOf({ services, policies: [rule('long', '*.x.com')] }).services.flatMap((each) => each.names);
    expect(names).toEqual(['*.y.com', 'a.x.com', 'a.x.com.', 'b.x.com', 'b.x.com.']);
  });

  test('*.x does not cover x itself', () => {
    const policies = [rule('wild', '*.x.com')];
    const view = viewOf({ services: [entry('shop', 'x.com')], policies });
    expect(outboundPort(view, 'shop/x.com', 80).routes[0]?.name).toBe('default/shop/x.com');
  });
});

describe('P6 exportTo', () => {
  test.each([
    [['*'], ['shop', 'bank', 'zoo']],
    [['.'], ['shop']],
    [['bank'], ['bank']],
    [
      ['.', 'zoo'],
      ['shop', 'zoo'],
    ],
    [['~'], []],
  ])('a Service exported to %j is seen by %j', (exportTo, seenBy) => {
    const services = [service('shop/reviews', { 9080: 'http' }, { exportTo })];
    const seen = ['shop', 'bank', 'zoo'].filter((namespace) => viewOf({ services }, namespace).services.length > 0);
    expect(seen).toEqual(seenBy);
  });

  test('an invisible VirtualService takes no part', () => {
    const policies = [virtualService('shop/reviews', ['reviews'], [{ route: [to('reviews')] }], ['.'])];
    const services = [service('shop/reviews')];
    const name = (namespace: string) =>
      outboundPort(viewOf({ services, policies }, namespace), 'shop/reviews').routes[0]?.name;
    expect(name('shop')).toBe('VirtualService/shop/reviews[0]');
    expect(name('bank')).toBe('default/shop/reviews');
  });
});
