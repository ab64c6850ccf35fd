import { describe, expect, test } from 'vitest';
import type { TrafficPolicy } from '../../src/model/destination-rule.ts';
import { connections, ejection, policy, reviews, services } from '../support/destinations-of.ts';
import type { MeshParts } from '../support/resolve-values.ts';
import { destinationOf, destinationRule, outboundPort, place, viewOf } from '../support/resolve-values.ts';

describe('defaults', () => {
  const destination = destinationOf(viewOf({ services }), 'shop/reviews');

  test('D4, D5, D6, D8, R17', () => {
    const unlimited = { value: 4_294_967_295, by: { default: 'D6' } };
    expect(destination).toMatchObject({
      discovery: 'registry',
      addresses: [],
      loadBalancer: { value: 'least-request', by: { default: 'D5' } },
      panicThreshold: { value: 50, by: { default: 'D8' } },
    });
    expect(destination.outlierDetection).toBeUndefined();
    expect(destination.pool).toEqual({
      connectTimeout: { value: 10_000, by: { default: 'D4' } },
      maxConnections: unlimited,
      maxPendingRequests: unlimited,
      maxRequests: unlimited,
      maxRetries: unlimited,
      idleTimeout: { value: 3_600_000, by: { default: 'D4' } },
      maxConnectionDuration: { value: 900_000, by: { default: 'R17' } },
    });
  });

  test('D7, D8 once outlier detection is written', () => {
    const outlierDetection = { splitExternalLocalOriginErrors: false };
    const written = reviews({ trafficPolicy: policy({ outlierDetection }) });
    expect(written.outlierDetection?.value).toEqual({
      consecutive5xx: 5,
      consecutiveGatewayErrors: 0,
      splitLocalErrors: false,
      consecutiveLocalErrors: 5,
      interval: 10_000,
      baseEjectionTime: 30_000,
      maxEjectionPercent: 10,
    });
    expect(written.panicThreshold).toEqual({ value: 0, by: { default: 'D8' } });
  });
});

describe('P20 which DestinationRule', () => {
  const inNamespace = (namespace: string, host: string, exportTo = ['*']) =>
    destinationRule(`${namespace}/rule`, { host, exportTo, subsets: [{ name: namespace, labels: {} }] });
  const full = 'reviews.shop.svc.cluster.local';
  const chosen = (policies: MeshParts['policies'], client = 'bank') =>
    outboundPort(viewOf({ services, policies: policies ?? [] }, client), 'shop/reviews').destinations[1]?.ref.subset;
  const all = [inNamespace('bank', full), inNamespace('shop', full), inNamespace('istio-system', full)];

  test('client, service, root namespace, in this order', () => {
    expect(chosen(all)).toBe('bank');
    expect(chosen(all.slice(1))).toBe('shop');
    expect(chosen(all.slice(2))).toBe('istio-system');
    expect(chosen([])).toBeUndefined();
    expect(chosen([inNamespace('zoo', full)])).toBeUndefined();
  });

  test('a wildcard in a nearer namespace ends the search', () => {
    expect(chosen([inNamespace('bank', '*.svc.cluster.local'), inNamespace('shop', full)])).toBe('bank');
  });

  test('in one namespace the most specific host', () => {
    const wide = destinationRule('shop/a', { host: '*.cluster.local', subsets: [{ name: 'wide', labels: {} }] });
    expect(chosen([wide, inNamespace('shop', 'reviews')])).toBe('shop');
  });

  test('what is not exported takes no part outside', () => {
    expect(chosen([inNamespace('shop', full, ['.']), inNamespace('istio-system', full)])).toBe('istio-system');
    expect(chosen([inNamespace('shop', full, ['.'])], 'shop')).toBe('shop');
  });
});

test('P22 rules of one host merge: subsets of all, the trafficPolicy of the one that has it', () => {
  const rules = [
    destinationRule('shop/b', {
      host: 'reviews',
      trafficPolicy: policy(connections(7)),
      subsets: [{ name: 'v2', labels: {} }],
    }),
    destinationRule('shop/a', { host: 'reviews', subsets: [{ name: 'v1', labels: {} }] }),
  ];
  for (const policies of [rules, [...rules].reverse()]) {
    const { destinations } = outboundPort(viewOf({ services, policies }), 'shop/reviews');
    expect(destinations.map(({ ref }) => ref.subset)).toEqual([undefined, 'v1', 'v2']);
    expect(destinations.map(({ pool }) => pool.maxConnections.value)).toEqual([7, 7, 7]);
  }
});

describe('P24 levels: rule, its port, subset, its port', () => {
  const unlimited = 4_294_967_295;
  const cases = [...Array(16).keys()].map((bits) => ({
    rule: (bits & 1) > 0,
    rulePort: (bits & 2) > 0,
    subset: (bits & 4) > 0,
    subsetPort: (bits & 8) > 0,
  }));

  test.each(cases)('%j', ({ rule, rulePort, subset, subsetPort }) => {
    // Each level sets connections and ejection; only the rule and the subset set a load balancer, which port entries then drop, and
    // a retry budget, which a subset's port entry leaves.
    const levels = (own: boolean, ownPort: boolean, base: number, balancer: 'RANDOM' | 'ROUND_ROBIN') =>
      own || ownPort
        ? {
            trafficPolicy: policy({
              ...(own
                ? {
                    ...connections(base),
                    ...ejection(base),
                    loadBalancer: { simple: balancer },
                    retryBudget: { percent: base },
                  }
                : {}),
              portLevelSettings: ownPort ? [{ port: 9080, ...connections(base + 1), ...ejection(base + 1) }] : [],
            }),
          }
        : {};
    const spec = {
      ...levels(rule, rulePort, 10, 'RANDOM'),
      subsets: [{ name: 'v1', labels: {}, ...levels(subset, subsetPort, 20, 'ROUND_ROBIN') }],
    };
    const whole = reviews(spec);
    expect(whole.pool.maxConnections.value).toBe(rulePort ? 11 : rule ? 10 : unlimited);
    expect(whole.loadBalancer?.value).toBe(rule && !rulePort ? 'random' : 'least-request');
    const part = reviews(spec, 'v1');
    const connectionsOfSubset = subsetPort ? 21 : subset ? 20 : whole.pool.maxConnections.value;
    expect(part.pool.maxConnections.value).toBe(connectionsOfSubset);
    const balancerOfSubset = subsetPort ? 'least-request' : subset ? 'round-robin' : whole.loadBalancer?.value;
    expect(part.loadBalancer?.value).toBe(balancerOfSubset);
    const counts = [whole, part].map(({ outlierDetection }) => outlierDetection?.value.consecutive5xx);
    const limits = [whole, part].map(({ pool }) => pool.maxConnections.value);
    expect(counts).toEqual(limits.map((limit) => (limit === unlimited ? undefined : limit)));
    const budgetOfRule = rule && !rulePort ? 10 : undefined;
    expect(whole.retryBudget?.value.percent).toBe(budgetOfRule);
    expect(part.retryBudget?.value.percent).toBe(subset ? 20 : budgetOfRule);
  });

  test('a port entry acts on its port only', () => {
    const spec = {
      trafficPolicy: policy({ ...connections(1), portLevelSettings: [{ port: 9090, ...connections(2) }] }),
    };
    expect(reviews(spec).pool.maxConnections.value).toBe(1);
  });

  test('a block replaces a block as a whole, and says which line it prevailed over', () => {
    const spec = {
      trafficPolicy: policy({ connectionPool: { tcp: { maxConnections: 1 }, http: { maxRetries: 9 } } }),
      subsets: [{ name: 'v1', labels: {}, trafficPolicy: policy(connections(2)) }],
    };
    const { maxConnections, maxRetries } = reviews(spec, 'v1', {
      'spec.trafficPolicy.connectionPool': 5,
      'spec.subsets[0].trafficPolicy.connectionPool.tcp.maxConnections': 9,
    }).pool;
    expect(maxRetries.by).toEqual({ default: 'D6' });
    expect(maxConnections).toMatchObject({
      value: 2,
      by: { at: place('shop/reviews.yaml', 9) },
      also: [{ at: place('shop/reviews.yaml', 5) }],
    });
  });
});

describe('P26 zero is not unset everywhere', () => {
  test('pool counts and maxEjectionPercent: 0 is unset', () => {
    const { pool, outlierDetection } = reviews({
      trafficPolicy: policy({
        connectionPool: {
          tcp: { maxConnections: 0 },
          http: { http1MaxPendingRequests: 0, http2MaxRequests: 0, maxRetries: 0, maxRequestsPerConnection: 0 },
        },
        outlierDetection: { splitExternalLocalOriginErrors: false, maxEjectionPercent: 0 },
      }),
    });
    const counts = [pool.maxConnections, pool.maxPendingRequests, pool.maxRequests, pool.maxRetries];
    expect(counts.map(({ by }) => by)).toEqual(counts.map(() => ({ default: 'D6' })));
    expect(pool.maxRequestsPerConnection).toBeUndefined();
    expect(outlierDetection?.value.maxEjectionPercent).toBe(10);
  });

  test('a count of local failures of 0 is unset, an idle timeout of 0 and 0 percent are not', () => {
    const written = reviews({
      trafficPolicy: policy({
        connectionPool: { tcp: { idleTimeout: 0 } },
        outlierDetection: { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 0 },
        retryBudget: { percent: 0 },
      }),
    });
    expect(written.outlierDetection?.value.consecutiveLocalErrors).toBe(5);
    expect(written.pool).toMatchObject({ idleTimeout: { value: 0 }, tcpIdleTimeout: { value: 0 } });
    expect(written.retryBudget?.value).toEqual({ percent: 0, minConcurrency: 3, interval: 0 });
  });

  test.each([
    [undefined, 5],
    [0, 0],
    [7, 7],
  ])('consecutive5xxErrors %s is %s', (consecutive5xxErrors, expected) => {
    const outlierDetection = {
      splitExternalLocalOriginErrors: false,
      ...(consecutive5xxErrors === undefined ? {} : { consecutive5xxErrors }),
    };
    expect(reviews({ trafficPolicy: policy({ outlierDetection }) }).outlierDetection?.value.consecutive5xx).toBe(
      expected,
    );
  });
});

describe('HTTP of a pool', () => {
  const poolOf = (connectionPool: TrafficPolicy['connectionPool']) =>
    reviews({ trafficPolicy: policy(connectionPool ? { connectionPool } : {}) }, undefined, {
      'spec.trafficPolicy.connectionPool.tcp.idleTimeout': 7,
    }).pool;

  test('the idle timeout of TCP stands in for that of HTTP, which is stronger', () => {
    const { idleTimeout, tcpIdleTimeout } = poolOf({ tcp: { idleTimeout: 60_000 } });
    expect(idleTimeout).toMatchObject({ value: 60_000, by: { at: place('shop/reviews.yaml', 7) } });
    expect(tcpIdleTimeout?.value).toBe(60_000);
    expect(poolOf({ tcp: { idleTimeout: 60_000 }, http: { idleTimeout: 5 } }).idleTimeout.value).toBe(5);
  });

  test('the version is the caller’s unless the rule says otherwise, and says who decided', () => {
    expect(poolOf(undefined).httpVersion).toBeUndefined();
    expect(poolOf({ http: { h2Upgrade: false } }).httpVersion?.value).toBe('caller');
    expect(poolOf({ http: { h2Upgrade: true } }).httpVersion?.value).toBe('http2');
    expect(poolOf({ http: { useClientProtocol: true } }).httpVersion).toMatchObject({
      value: 'caller',
      by: { field: 'spec.trafficPolicy.connectionPool.http.useClientProtocol' },
    });
  });
});
