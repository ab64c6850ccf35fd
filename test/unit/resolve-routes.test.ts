import { describe, expect, test } from 'vitest';
import type { Policy } from '../../src/model/policy.ts';
import { forward, httpMatch, outboundPort, service, to, viewOf, virtualService } from '../support/resolve-values.ts';
import { routesOf, routesOfRule, services } from '../support/routes-of.ts';

describe('P9 which VirtualService', () => {
  const producer = virtualService('shop/producer', ['reviews'], [{ route: [to('reviews')] }]);
  const named = virtualService('shop/named', ['reviews'], [{ route: [to('reviews')] }], ['bank']);
  const consumer = virtualService(
    'bank/consumer',
    ['reviews.shop.svc.cluster.local'],
    [{ route: [to('reviews.shop.svc.cluster.local')] }],
    ['.'],
  );

  test('private before exported by name before public; others see the public one', () => {
    const name = (policies: readonly Policy[], namespace: string) => routesOf(policies, namespace)[0]?.name;
    expect(name([producer, named, consumer], 'bank')).toBe('VirtualService/bank/consumer[0]');
    expect(name([producer, named], 'bank')).toBe('VirtualService/shop/named[0]');
    expect(name([producer, named, consumer], 'zoo')).toBe('VirtualService/shop/producer[0]');
    expect(name([producer], 'bank')).toBe('VirtualService/shop/producer[0]');
  });

  test('the most specific host goes before nearness', () => {
    const wide = virtualService('bank/wide', ['*.shop.svc.cluster.local'], [{ route: [to('x')] }], ['.']);
    expect(routesOf([producer, wide], 'bank')[0]?.name).toBe('VirtualService/shop/producer[0]');
  });
});

describe('P10 static predicates', () => {
  const only = (match: Parameters<typeof httpMatch>[0]) =>
    virtualService('shop/reviews', ['reviews'], [{ match: [httpMatch(match)], route: [to('ratings')] }]);

  test.each([
    ['port of the call', { port: 9080 }, true],
    ['another port', { port: 80 }, false],
    ['own namespace', { sourceNamespace: 'shop' }, true],
    ['another namespace', { sourceNamespace: 'bank' }, false],
    ['labels the client has', { sourceLabels: { version: 'v1' } }, true],
    ['labels the client lacks', { sourceLabels: { version: 'v2' } }, false],
  ])('%s', (_, match, survives) => {
    const view = viewOf({ services, policies: [only(match)] }, 'shop', { version: 'v1' });
    const { routes } = outboundPort(view, 'shop/reviews');
    expect(routes.map(({ name }) => name)).toEqual([
      survives ? 'VirtualService/shop/reviews[0]' : 'default/shop/reviews',
    ]);
  });

  test('surviving rules that a request misses leave no default route', () => {
    const policies = [only({ uri: { kind: 'prefix', value: '/api' } })];
    expect(routesOf(policies).map(({ name }) => name)).toEqual(['VirtualService/shop/reviews[0]']);
  });

  test('without a VirtualService: the default route, D1 and D3', () => {
    const [route, ...more] = routesOf([]);
    expect(more).toEqual([]);
    expect(route?.name).toBe('default/shop/reviews');
    const action = forward(route);
    expect(action.timeout).toEqual({ value: undefined, by: { default: 'D3' } });
    expect(action.retries).toEqual({
      value: {
        attempts: 2,
        conditions: ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes'],
        statusCodes: [],
        avoidPreviousHosts: true,
      },
      by: { default: 'D1' },
    });
  });

  test('ports without HTTP have no routes (P19)', () => {
    const view = viewOf({ services: [service('shop/db', { 5432: 'tcp' })] });
    expect(outboundPort(view, 'shop/db', 5432).routes).toEqual([]);
  });
});

describe('P11 first match wins', () => {
  const api = { match: [httpMatch({ uri: { kind: 'prefix', value: '/api' } })], route: [to('ratings')] };

  test('in the order written, each match a route of its rule', () => {
    const two = {
      name: 'two',
      match: [httpMatch({ name: 'x' }), httpMatch({})].map((each) => ({
        ...each,
        headers: { b: { kind: 'present' as const } },
      })),
    };
    const policies = [
      virtualService(
        'shop/reviews',
        ['reviews'],
        [{ ...two, route: [to('ratings')] }, api, { route: [to('reviews')] }],
      ),
    ];
    expect(routesOf(policies).map(({ name }) => name)).toEqual([
      'VirtualService/shop/reviews[two.x]',
      'VirtualService/shop/reviews[two]',
      'VirtualService/shop/reviews[1]',
      'VirtualService/shop/reviews[2]',
    ]);
  });

  test.each([
    ['a rule without match', []],
    ['an empty match', [httpMatch({})]],
    ['prefix /', [httpMatch({ uri: { kind: 'prefix', value: '/' } })]],
    ['a match with static predicates only', [httpMatch({ port: 9080 })]],
  ])('nothing follows %s', (_, match) => {
    const policies = [virtualService('shop/reviews', ['reviews'], [{ match, route: [to('reviews')] }, api])];
    expect(routesOf(policies)).toHaveLength(1);
  });
});

test('P12 conditions of a match', () => {
  const [route] = routesOfRule({
    match: [
      httpMatch({
        uri: { kind: 'exact', value: '/A' },
        ignoreUriCase: true,
        method: { kind: 'exact', value: 'GET' },
        headers: { 'X-User': { kind: 'exact', value: 'Ann' }, cookie: { kind: 'regex', value: 'a.*' } },
        withoutHeaders: { 'x-bot': { kind: 'present' } },
        queryParams: { q: { kind: 'prefix', value: 'x' } },
      }),
    ],
  });
  expect(route?.match).toEqual({
    path: { kind: 'exact', value: '/A', ignoreCase: true },
    method: { kind: 'exact', value: 'GET' },
    headers: [
      { name: 'cookie', match: { kind: 'regex', value: 'a.*' }, absent: false },
      { name: 'x-bot', match: { kind: 'present' }, absent: true },
      { name: 'x-user', match: { kind: 'exact', value: 'Ann' }, absent: false },
    ],
    query: [{ name: 'q', match: { kind: 'prefix', value: 'x' } }],
  });
  const regex = routesOfRule({ match: [httpMatch({ uri: { kind: 'regex', value: '/a' }, ignoreUriCase: true })] });
  expect(regex[0]?.match.path?.ignoreCase).toBe(false);
});

describe('P12 withoutHeaders also matches where the header is missing', () => {
  const ways = (withoutHeaders: Parameters<typeof httpMatch>[0]['withoutHeaders']) =>
    routesOfRule({ match: [httpMatch({ withoutHeaders })] }).map(({ match }) =>
      match.headers.map((header) => header.match),
    );
  const missing = { kind: 'present' } as const;

  test.each([
    { kind: 'regex', value: '.*' },
    { kind: 'regex', value: 'a?' },
    { kind: 'regex', value: 'a*' },
    { kind: 'regex', value: 'bot|' },
    { kind: 'regex', value: '(bot)?' },
    { kind: 'regex', value: '(?i)bot' },
    { kind: 'exact', value: '' },
  ] as const)('%j may fit empty text: being missing is an alternative', (match) => {
    expect(ways({ 'x-bot': match })).toEqual([[missing], [match]]);
    expect(ways({ 'x-a': match, 'x-b': match })).toEqual([
      [missing, missing],
      [missing, match],
      [match, missing],
      [match, match],
    ]);
  });

  test.each([
    { kind: 'regex', value: '.*bot.*' },
    { kind: 'regex', value: 'a+' },
    { kind: 'exact', value: 'a' },
    { kind: 'prefix', value: 'a' },
    { kind: 'present' },
  ] as const)('%j does not: one route says it', (match) => {
    expect(ways({ 'x-bot': match })).toEqual([[match]]);
  });
});

test.each([
  ['prefix', { kind: 'prefix', value: '/api/' }, 'prefix'],
  ['exact', { kind: 'exact', value: '/api' }, 'whole'],
  ['regex', { kind: 'regex', value: '/api.*' }, 'whole'],
  ['no path', undefined, 'prefix'],
] as const)('P13 rewrite after %s replaces the %s', (_, uri, kind) => {
  const [route] = routesOfRule({ match: [httpMatch(uri ? { uri } : {})], rewrite: { uri: '/' } });
  expect(forward(route).rewrite?.value).toEqual({ path: { kind, value: '/' } });
});
