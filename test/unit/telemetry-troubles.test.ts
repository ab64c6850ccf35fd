import { expect, test } from 'vitest';
import { StreamMetricsMessageSchema } from '../../src/proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { message } from '../../src/proto/message.ts';
import { readClusterFigures } from '../../src/telemetry/cluster-figures.ts';
import { createClusterTroubles } from '../../src/telemetry/cluster-troubles.ts';
import { edgesOf } from '../../src/telemetry/edges.ts';
import { createTrafficStore } from '../../src/telemetry/traffic-store.ts';
import { noDirectory, outbound, proxy } from '../support/telemetry-values.ts';

const start = 1_700_000_000_000;
const frontend = proxy('frontend-1', 'frontend');
const cluster = 'out_shop_reviews_9080';
const tls = (words: Readonly<Record<string, number>>, of = cluster) =>
  ({ kind: 'cluster', cluster: of, tls: words }) as const;

function told(figures: Readonly<Record<string, readonly [kind: 'gauge' | 'counter', ...values: number[]]>>) {
  const label = [{ name: 'envoy.cluster_name', value: cluster }];
  const envoyMetrics = Object.entries(figures).map(([name, [kind, ...values]]) => ({
    name: `cluster.${name}`,
    metric: values.map((value) => ({ label, [kind]: { value } })),
  }));
  return readClusterFigures(message(StreamMetricsMessageSchema, { envoyMetrics }));
}

test('what Envoy counts of a cluster: endpoints that are held out, and each failed handshake by one reason', () => {
  expect(told({ membership_total: ['gauge', 3] })).toEqual([]);
  expect(told({ membership_total: ['gauge', 3], 'outlier_detection.ejections_active': ['gauge', 1] })).toEqual([
    { kind: 'cluster', cluster, ejected: 1, members: 3, tls: {} },
  ]);
  expect(told({ 'outlier_detection.ejections_active': ['gauge', 0] })).toEqual([
    { kind: 'cluster', cluster, ejected: 0, tls: {} },
  ]);
  // Health checks count who passes. Of an endpoint that has gone nothing stands, so whoever failed before is told no more.
  const unhealthy = (of: number, passing: number, other = of) =>
    told({
      membership_total: ['gauge', of],
      'health_check.healthy': ['gauge', passing, other],
    });
  expect(unhealthy(3, 1)).toEqual([{ kind: 'cluster', cluster, unhealthy: 2, members: 3, tls: {} }]);
  expect(unhealthy(3, 3)).toMatchObject([{ unhealthy: 0 }]);
  expect(unhealthy(3, 2, 1)).toMatchObject([{ unhealthy: 2 }]);
  expect(unhealthy(0, 0)).toEqual([{ kind: 'cluster', cluster, unhealthy: 0, tls: {} }]);
  // Each that was not believed is an error of its connection, too.
  const failed = { 'ssl.fail_verify_san': ['counter', 2], 'ssl.connection_error': ['counter', 5] } as const;
  expect(told({ ...failed, 'ssl.fail_verify_error': ['counter', 3] })).toEqual([tls({ names: 2, issuer: 3 })]);
  expect(told(failed)).toEqual([tls({ names: 2, handshake: 3 })]);
});

test('what is held out stands until it is said to be in again, or nothing is said for a while; failures count in their window', () => {
  const troubles = createClusterTroubles();
  const out = (ejected: number) => ({ kind: 'cluster', cluster, ejected, members: 3, tls: {} }) as const;
  const seen = (window: number, after: number) =>
    troubles.recent(window, start + after).map(({ ejected, tls: failed }) => [ejected, Object.fromEntries(failed)]);
  troubles.record(frontend, out(0), start);
  expect(seen(60_000, 0)).toEqual([]);
  troubles.record(frontend, out(1), start);
  troubles.record(frontend, tls({ names: 2 }), start);
  troubles.record(frontend, tls({ names: 1, issuer: 4 }), start + 50_000);
  const held = { endpoints: 1, of: 3 };
  expect(seen(60_000, 50_000)).toEqual([[held, { names: 3, issuer: 4 }]]);
  expect(seen(30_000, 70_000)).toEqual([[held, { names: 1, issuer: 4 }]]);
  expect(seen(60_000, 100_000)).toEqual([[undefined, { names: 1, issuer: 4 }]]);
  expect(seen(60_000, 120_000)).toEqual([]);
  expect(seen(3_600_000, 3_640_000)).toEqual([[undefined, { names: 1, issuer: 4 }]]);
  expect(seen(3_600_000, 3_660_000)).toEqual([]);
  troubles.record(frontend, { ...out(2), unhealthy: 1 }, start + 4_000_000);
  const both = { ejected: { endpoints: 2, of: 3 }, unhealthy: held };
  expect(troubles.recent(60_000, start + 4_000_000)).toMatchObject([both]);
  troubles.record(frontend, { ...out(0), unhealthy: 0 }, start + 4_005_000);
  expect(seen(60_000, 4_005_000)).toEqual([]);
});

test('memory is bounded, whatever a sidecar calls its clusters', () => {
  const troubles = createClusterTroubles();
  for (let index = 0; index < 12_000; index += 1) troubles.record(frontend, tls({ issuer: 1 }, `c${index}`), start);
  expect(troubles.recent(60_000, start)).toHaveLength(10_000);
  // What is forgotten makes room.
  troubles.record(frontend, tls({ issuer: 1 }, 'late'), start + 3_700_000);
  expect(troubles.recent(60_000, start + 3_700_000)).toHaveLength(1);
});

test('an edge has what its caller says of the callee, of its proxy that holds out most', () => {
  const store = createTrafficStore(noDirectory);
  const second = proxy('frontend-2', 'frontend');
  const calls = { kind: 'count', stat: 'requests_total', tags: outbound('reviews'), value: 5 } as const;
  store.record(frontend, [calls, { ...tls({ names: 2 }), ejected: 1, members: 3 }], start);
  store.record(second, [calls, { ...tls({ names: 1, handshake: 9 }), ejected: 2, unhealthy: 1, members: 3 }], start);
  store.record(second, [{ ...tls({ issuer: 1 }, 'out_shop_ratings_9080'), ejected: 1 }], start);
  expect(edgesOf(store.recent(60_000, start))).toMatchObject([
    {
      to: 'reviews',
      ejected: { endpoints: 2, of: 3 },
      unhealthy: { endpoints: 1, of: 3 },
      tlsFailures: [
        { name: 'handshake', count: 9 },
        { name: 'names', count: 3 },
      ],
    },
  ]);
});

test('an hour of reports, one each five seconds, adds up, and is looked through as fast as one report of each minute', () => {
  const troubles = createClusterTroubles();
  const clusters = Array.from({ length: 200 }, (_, index) => `${cluster}${index}`);
  for (let at = 0; at < 3_600_000; at += 5_000)
    for (const name of clusters) troubles.record(frontend, tls({ issuer: 1 }, name), start + at);
  const now = start + 3_599_000;
  expect(troubles.recent(3_600_000, now).map(({ tls: failed }) => failed.get('issuer'))).toEqual(
    clusters.map(() => 720),
  );
  const before = process.cpuUsage();
  for (let round = 0; round < 20; round += 1) troubles.recent(60_000, now);
  // 200 clusters of 61 minutes: a look at each report would be twelve times as many.
  expect(process.cpuUsage(before).user / 20_000).toBeLessThan(20);
});
