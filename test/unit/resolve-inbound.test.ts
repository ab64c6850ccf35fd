import { describe, expect, test } from 'vitest';
import type { MutualTlsMode } from '../../src/model/security-policy.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { resolveProxy } from '../../src/resolve/proxy.ts';
import { inboundOf } from '../support/inbound-of.ts';
import { mesh, peerAuthentication, place, proxy, service, serviceObject } from '../support/resolve-values.ts';

const reviews = proxy('reviews.shop');

describe('inbound', () => {
  test('one for each port, sorted, with listener address and the age of R17', () => {
    const of = proxy('reviews.shop', {
      ports: [
        { port: 9090, inbound: 19090, protocol: 'tcp' },
        { port: 9080, inbound: 19080, protocol: 'http' },
      ],
      inboundBind: '10.0.0.7',
    });
    const inbound = resolveInbound(mesh({}), of);
    expect(inbound.map(({ port, listen, protocol }) => ({ port, listen, protocol }))).toEqual([
      { port: 9080, listen: { address: '10.0.0.7', port: 19080 }, protocol: 'http' },
      { port: 9090, listen: { address: '10.0.0.7', port: 19090 }, protocol: 'tcp' },
    ]);
    expect(inbound[0]?.maxConnectionDuration).toEqual({ value: 900_000, by: { default: 'R17' } });
    expect(inbound[0]?.authorization).toEqual({ deny: [], allow: undefined });
  });

  test('resolveProxy joins it with the view of the proxy’s scope', () => {
    const whole = mesh({ services: [service('shop/reviews')] });
    const resolved = resolveProxy(whole, reviews);
    expect(resolved).toEqual({ proxy: reviews, inbound: resolveInbound(whole, reviews), view: resolved.view });
    expect(resolved.view.key).toBe('shop');
    expect(resolveProxy(whole, reviews)).toBe(resolved);
  });
});

describe('P28, P30 protocol of a workload port', () => {
  const declared = { declared: true } as const;
  const undeclared = proxy('reviews.shop', { ports: [{ name: 'web', port: 9080, inbound: 19080 }] });

  test.each([
    ['number', { port: 9080, protocol: 'http2' }],
    ['targetPort', { port: 80, targetPort: 9080, protocol: 'http2' }],
    ['named targetPort', { port: 80, targetPort: 'web', protocol: 'http2' }],
    ['name', { name: 'web', port: 80, protocol: 'http2' }],
  ] as const)('from the Service that selects it, found by %s', (_, port) => {
    const object = serviceObject('shop/reviews', { app: 'reviews' }, [{ ...declared, ...port }]);
    expect(inboundOf([object], undeclared).protocol).toBe('http2');
  });

  test.each([
    ['selector of others', serviceObject('shop/x', { app: 'x' }, [{ ...declared, port: 9080, protocol: 'grpc' }])],
    ['empty selector', serviceObject('shop/x', {}, [{ ...declared, port: 9080, protocol: 'grpc' }])],
    ['another namespace', serviceObject('bank/x', { app: 'reviews' }, [{ ...declared, port: 9080, protocol: 'grpc' }])],
    ['another port', serviceObject('shop/x', { app: 'reviews' }, [{ ...declared, port: 80, protocol: 'grpc' }])],
  ])('else what the proxy declares: %s', (_, object) => {
    expect(inboundOf([object]).protocol).toBe('http');
    expect(inboundOf([object], undeclared).protocol).toBe('tcp');
    const named = proxy('reviews.shop', { ports: [{ name: 'http-web', port: 9080, inbound: 19080 }] });
    expect(inboundOf([object], named).protocol).toBe('http');
  });
});

const modes = ['STRICT', 'PERMISSIVE', 'DISABLE', undefined] as const;

describe('P31 mTLS: port over selector over namespace over root namespace', () => {
  const cases = modes.flatMap((port) =>
    modes.flatMap((selector) =>
      modes.flatMap((namespace) => modes.map((root) => ({ port, selector, namespace, root }))),
    ),
  );
  const mode = (value: MutualTlsMode | undefined) => (value === undefined ? {} : { mode: value });

  test.each(cases)('port $port, selector $selector, namespace $namespace, root $root', (levels) => {
    const policies = [
      peerAuthentication('shop/own', {
        selector: { app: 'reviews' },
        ...mode(levels.selector),
        portLevelMtls: levels.port === undefined ? {} : { 9080: levels.port },
      }),
      peerAuthentication('shop/all', mode(levels.namespace)),
      peerAuthentication('istio-system/all', mode(levels.root)),
    ];
    const { mtls } = inboundOf(policies);
    expect(mtls.value).toBe(levels.port ?? levels.selector ?? levels.namespace ?? levels.root ?? 'PERMISSIVE');
  });

  test('D14 and provenance', () => {
    expect(inboundOf([]).mtls).toEqual({ value: 'PERMISSIVE', by: { default: 'D14' } });
    const written = peerAuthentication('shop/all', { mode: 'STRICT' }, { 'spec.mtls.mode': 7 });
    expect(inboundOf([written]).mtls.by).toMatchObject({ at: place('shop/all.yaml', 7) });
  });
});

describe('P32 traps', () => {
  test('an empty selector is namespace-wide', () => {
    const wide = peerAuthentication('shop/wide', { selector: {}, mode: 'STRICT', portLevelMtls: { 9080: 'DISABLE' } });
    const narrow = peerAuthentication('shop/narrow', { selector: { app: 'reviews' }, mode: 'PERMISSIVE' });
    expect(inboundOf([wide]).mtls.value).toBe('STRICT');
    expect(inboundOf([wide, narrow]).mtls.value).toBe('PERMISSIVE');
  });

  test('a selector in the root namespace reaches no other namespace', () => {
    const policy = peerAuthentication('istio-system/x', { selector: { app: 'reviews' }, mode: 'STRICT' });
    expect(inboundOf([policy]).mtls.value).toBe('PERMISSIVE');
  });
});

test.each([
  [['DISABLE', 'STRICT'], 'STRICT'],
  [['PERMISSIVE', 'DISABLE'], 'PERMISSIVE'],
  [['PERMISSIVE', 'STRICT'], 'STRICT'],
] as const)('P33 two that meet at run time: of %j %s holds, the other is told', (both, expected) => {
  const policies = both.map((mode, position) =>
    peerAuthentication(`shop/p${position}`, { selector: { app: 'reviews' }, mode }),
  );
  for (const order of [policies, [...policies].reverse()]) {
    const { mtls } = inboundOf(order);
    expect(mtls.value).toBe(expected);
    expect(mtls.also).toHaveLength(1);
  }
});
