import { describe, expect, test } from 'vitest';
import type { RedirectAction } from '../../src/model/ir-route.ts';
import type { HeaderOperations, Retries } from '../../src/model/virtual-service.ts';
import { entry, forward, httpMatch, place, service, to, virtualService } from '../support/resolve-values.ts';
import { routesOf, routesOfRule, services } from '../support/routes-of.ts';

describe('P14 destination port', () => {
  const target = (host: string, port?: number) => {
    const destination = port === undefined ? { host } : { host, port };
    const more = { services: [...services, service('shop/odd', { 7000: 'http' })] };
    const policies = [virtualService('shop/reviews', ['reviews'], [{ route: [{ destination }] }])];
    return forward(routesOf(policies, 'shop', more)[0]).destinations[0]?.destination.port;
  };
  test('given', () => expect(target('many', 80)).toBe(80));
  test('the only one', () => expect(target('odd')).toBe(7000));
  test('the called one', () => expect(target('many')).toBe(9080));
});

describe('a destination that is gone keeps its reference, so that the request gets 503', () => {
  test.each([
    ['nowhere', undefined, 'shop/nowhere.shop.svc.cluster.local', 'nowhere'],
    ['nowhere.bank.svc.cluster.local', undefined, 'bank/nowhere.bank.svc.cluster.local', 'nowhere'],
    ['api.example.com', undefined, 'shop/api.example.com', 'api.example.com'],
    ['reviews', 'v9', 'shop/reviews.shop.svc.cluster.local', 'reviews'],
  ])('%s %s', (host, subset, key, name) => {
    const { destination } = forward(routesOfRule({ route: [to(host, subset)] })[0]).destinations[0] ?? {};
    expect(destination).toMatchObject({ service: key, name, port: 9080 });
    expect(destination?.subset).toBe(subset);
  });

  test('so does one that the client may not see (P6)', () => {
    const hidden = entry('bank', 'api.example.com', { exportTo: ['.'] });
    const policies = [virtualService('shop/reviews', ['reviews'], [{ route: [to('api.example.com')] }])];
    const { destinations } = forward(routesOf(policies, 'shop', { services: [...services, hidden] })[0]);
    expect(destinations[0]?.destination.namespace).toBe('shop');
  });
});

describe('P15 weights', () => {
  const weights = (...given: (number | undefined)[]) =>
    forward(
      routesOfRule({ route: given.map((weight, position) => to(`s${position}`, undefined, weight)) })[0],
    ).destinations.map(({ destination, weight }) => `${destination.name}:${weight.value}`);
  test('one destination: ignored', () => expect(weights(7)).toEqual(['s0:1']));
  test('one destination of weight 0: still all of it', () => expect(weights(0)).toEqual(['s0:1']));
  test('several: proportions of any sum', () => expect(weights(90, 30)).toEqual(['s0:90', 's1:30']));
  test('missing counts as 0 and zeros get nothing', () =>
    expect(weights(1, undefined, 0, 3)).toEqual(['s0:1', 's3:3']));
  test('one of several left: all of it', () => expect(weights(90, 0)).toEqual(['s0:1']));
});

describe('P16 timeout and retries', () => {
  const retries = (given: Retries) => forward(routesOfRule({ retries: given })[0]).retries;

  test('timeout with its line', () => {
    const [route] = routesOfRule({ timeout: 2000 }, { 'spec.http[0].timeout': 12 });
    const { timeout } = forward(route);
    expect(timeout.value).toBe(2000);
    expect(timeout.by).toMatchObject({ field: 'spec.http[0].timeout', at: place('shop/reviews.yaml', 12) });
  });

  test('0 attempts: off', () => expect(retries({ attempts: 0 }).value).toBeUndefined());
  test('without retryOn: the conditions of D1', () =>
    expect(retries({ attempts: 5, perTryTimeout: 300 }).value).toMatchObject({
      attempts: 5,
      perTryTimeout: 300,
      conditions: ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes'],
    }));
  test('whole numbers are status codes and add their condition', () =>
    expect(retries({ attempts: 1, retryOn: ['reset', '503', '429'] }).value).toEqual({
      attempts: 1,
      conditions: ['reset', 'retriable-status-codes'],
      statusCodes: [429, 503],
      avoidPreviousHosts: true,
    }));
  test('the pause, other localities, and the endpoints that failed once more', () => {
    const all = { attempts: 1, backoff: 20, remoteLocalities: true, ignorePreviousHosts: false };
    expect(retries(all).value).toMatchObject({ backoff: 20, otherPriorities: true, avoidPreviousHosts: false });
    expect(retries({ ...all, remoteLocalities: false }).value).not.toHaveProperty('otherPriorities');
  });
  test('words alone add nothing', () =>
    expect(retries({ attempts: 1, retryOn: ['5xx'] }).value).toMatchObject({ conditions: ['5xx'], statusCodes: [] }));
});

describe('P17 percentages', () => {
  test('fault', () => {
    const fault = { delay: { fixedDelay: 5000, percentage: 0 }, abort: { httpStatus: 503, percentage: 12.5 } };
    expect(routesOfRule({ fault })[0]?.fault?.value).toEqual({
      delay: { duration: 5000, percentage: 0 },
      abort: { status: { http: 503 }, percentage: 12.5 },
    });
    const grpc = routesOfRule({ fault: { abort: { grpcStatus: 14, percentage: 1 } } });
    expect(grpc[0]?.fault?.value).toEqual({ abort: { status: { grpc: 14 }, percentage: 1 } });
  });

  test('a mirror of 0 percent is none', () => {
    const mirror = (percentage: number) => ({ destination: { host: 'ratings' }, percentage });
    const { mirrors } = forward(routesOfRule({ mirrors: [mirror(0), mirror(100)] })[0]);
    expect(mirrors.map(({ value }) => value.percentage)).toEqual([100]);
  });
});

describe('P18 headers', () => {
  const none: HeaderOperations = { set: {}, add: {}, remove: [] };
  const request = (operations: Partial<HeaderOperations>) => ({ request: { ...none, ...operations }, response: none });

  test('in lower case, by name', () => {
    const headers = { request: { set: { b: '2', A: '1' }, add: { c: '3' }, remove: ['Z', 'y'] }, response: none };
    expect(routesOfRule({ headers })[0]?.headers?.value).toEqual({
      request: {
        set: [
          ['a', '1'],
          ['b', '2'],
        ],
        add: [['c', '3']],
        remove: ['y', 'z'],
      },
      response: { set: [], add: [], remove: [] },
    });
  });

  test.each(['host', 'Host', ':authority'])('%s is a rewrite of the authority, not a header', (name) => {
    const [route] = routesOfRule({ headers: request({ set: { [name]: 'a.b' } }) });
    expect(route?.headers).toBeUndefined();
    expect(forward(route).rewrite?.value).toEqual({ authority: 'a.b' });
  });

  test('a single destination writes last', () => {
    const [route] = routesOfRule({
      headers: request({ set: { host: 'rule' } }),
      route: [{ ...to('reviews'), headers: request({ set: { host: 'destination' } }) }],
    });
    expect(forward(route).rewrite?.value.authority).toBe('destination');
    expect(forward(route).destinations[0]?.authority).toBeUndefined();
  });

  test('several destinations keep their own authority and headers', () => {
    const [route] = routesOfRule({
      route: [
        { ...to('reviews', undefined, 1), headers: request({ set: { host: 'a', x: '1' } }) },
        to('ratings', undefined, 1),
      ],
    });
    const [first, second] = forward(route).destinations;
    expect(first?.authority?.value).toBe('a');
    expect(first?.headers?.value.request.set).toEqual([['x', '1']]);
    expect(second?.headers).toBeUndefined();
    expect(forward(route).rewrite).toBeUndefined();
  });
});

test('redirect', () => {
  const redirect = { uri: '/new', authority: 'b.com', derivePort: 'FROM_REQUEST_PORT', redirectCode: 308 } as const;
  const action = routesOfRule({ redirect, route: [] })[0]?.action as RedirectAction;
  expect(action.redirect.value).toEqual({ path: '/new', authority: 'b.com', portFrom: 'request', statusCode: 308 });
});

test('a redirect goes before an answer, and an answer before destinations', () => {
  const directResponse = { status: 503, body: { text: 'closed' } };
  const [answer] = routesOfRule({ directResponse, timeout: 5 }, { 'spec.http[0].directResponse': 9 });
  expect(answer?.action).toMatchObject({ kind: 'respond', respond: { value: directResponse } });
  expect(answer?.action.kind === 'respond' && answer.action.respond.by).toMatchObject({
    field: 'spec.http[0].directResponse',
    at: place('shop/reviews.yaml', 9),
  });
  const both = routesOfRule({ directResponse, redirect: { uri: '/x', redirectCode: 301 } });
  expect(both[0]?.action.kind).toBe('redirect');
});

test('CORS and the name for statistics are decided with their places', () => {
  const corsPolicy = {
    allowOrigins: [{ kind: 'exact', value: 'https://a' }],
    allowMethods: ['GET'],
    allowHeaders: [],
    exposeHeaders: ['x-b'],
    maxAge: 90_000,
    allowCredentials: false,
    unmatchedPreflights: 'IGNORE',
  } as const;
  const [route] = routesOfRule({ corsPolicy, match: [httpMatch({ statPrefix: 'api' })] });
  expect(route?.cors).toMatchObject({
    value: {
      origins: [{ kind: 'exact', value: 'https://a' }],
      methods: ['GET'],
      headers: [],
      exposedHeaders: ['x-b'],
      maxAgeSeconds: 90,
      credentials: false,
      forwardUnmatched: false,
    },
    by: { field: 'spec.http[0].corsPolicy' },
  });
  expect(route?.statName).toMatchObject({ value: 'api', by: { field: 'spec.http[0].match[0].statPrefix' } });
});

test('nothing comes after the empty prefix: it holds for every path (P11)', () => {
  const http = [
    { match: [httpMatch({ uri: { kind: 'prefix', value: '' } })], route: [to('reviews')] },
    { route: [to('ratings')] },
  ] as const;
  const routes = routesOf([virtualService('shop/reviews', ['reviews'], http)]);
  expect(routes.map(({ name }) => name)).toEqual(['VirtualService/shop/reviews[0]']);
});
