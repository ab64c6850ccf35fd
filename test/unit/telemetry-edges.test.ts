import { expect, test } from 'vitest';
import { createCell } from '../../src/model/readable.ts';
import { createDirectory } from '../../src/telemetry/directory.ts';
import { edgesOf } from '../../src/telemetry/edges.ts';
import { meshMetrics } from '../../src/telemetry/mesh-metrics.ts';
import type { Sample, Tags } from '../../src/telemetry/metrics-service.ts';
import { createTrafficStore } from '../../src/telemetry/traffic-store.ts';
import { destinationOfCluster } from '../../src/translate/names.ts';
import { byId, settings, workload } from '../support/registry-values.ts';
import { inbound, noDirectory, outbound, principal, proxy } from '../support/telemetry-values.ts';

const start = 1_700_000_000_000;
const frontend = proxy('frontend-1', 'frontend');
const reviews = proxy('reviews-1', 'reviews', { version: 'v1' });

const requests = (tags: Tags, value: number): Sample => ({ kind: 'count', stat: 'requests_total', tags, value });
const duration = ({ reporter, destination_cluster, peer_principal }: Tags, count: number, value: number): Sample => ({
  kind: 'duration',
  stat: 'request_duration',
  tags: Object.fromEntries(
    Object.entries({ reporter, destination_cluster, peer_principal }).filter(([, text]) => text !== undefined),
  ),
  count,
  sum: count * value,
  points: [
    { quantile: 0, value },
    { quantile: 1, value },
  ],
});

test("the caller's side counts for callers in the mesh, the callee's for callers outside", () => {
  const store = createTrafficStore(noDirectory);
  store.record(
    frontend,
    [
      requests(outbound('reviews', { destination_version: 'v1' }), 90),
      requests(outbound('reviews', { destination_cluster: 'out_shop_reviews_9080_v2' }), 10),
      requests(outbound('reviews', { response_code: '503', response_flags: 'FI', peer_principal: '' }), 25),
      duration(outbound('reviews'), 125, 8),
      requests(inbound(''), 50),
    ],
    start,
  );
  store.record(reviews, [requests(inbound('frontend'), 100)], start);
  expect(edgesOf(store.recent(5_000, start))).toEqual([
    {
      from: '(outside)',
      to: 'frontend',
      toNamespace: 'shop',
      protocol: 'http',
      requests: 50,
      rps: 10,
      success: 1,
      split: [],
      flags: [],
      codes: [{ name: '200', count: 50 }],
      reporter: 'destination',
    },
    {
      from: 'frontend',
      fromNamespace: 'shop',
      to: 'reviews',
      toNamespace: 'shop',
      protocol: 'http',
      requests: 125,
      rps: 25,
      success: 0.8,
      p50: expect.closeTo(8, -1),
      p95: expect.closeTo(8, -1),
      p99: expect.closeTo(8, -1),
      mtls: true,
      split: [
        { version: 'v1', requests: 90, share: 0.9 },
        { version: 'v2', requests: 10, share: 0.1 },
      ],
      flags: [{ name: 'FI', count: 25 }],
      codes: [
        { name: '200', count: 100 },
        { name: '503', count: 25 },
      ],
      reporter: 'source',
    },
  ]);
});

test("without the caller's report the callee's is shown, under the service that the registry knows for the identity", () => {
  const workloads = createCell(byId(workload('f-1', 'frontend', 1, { identity: principal('account-7') })));
  const store = createTrafficStore(createDirectory(workloads, destinationOfCluster, settings));
  store.record(reviews, [requests(inbound('account-7'), 10)], start);
  expect(edgesOf(store.recent(5_000, start))).toMatchObject([
    { from: 'frontend', to: 'reviews', mtls: true, reporter: 'destination', split: [{ version: 'v1', share: 1 }] },
  ]);
});

test('mTLS: false once a call got through in plaintext, unknown while none got through', () => {
  const edge = (...samples: readonly Sample[]) => {
    const store = createTrafficStore(noDirectory);
    store.record(frontend, samples, start);
    return edgesOf(store.recent(5_000, start))[0];
  };
  const dead = requests(outbound('pay', { response_code: '503', response_flags: 'UF', peer_principal: '' }), 3);
  const plain = requests(outbound('pay', { peer_principal: '' }), 1);
  expect(edge(dead)).not.toHaveProperty('mtls');
  expect(edge(dead)).toMatchObject({ to: 'pay', success: 0, flags: [{ name: 'UF', count: 3 }] });
  expect(edge(dead, requests(outbound('pay'), 1))?.mtls).toBe(true);
  expect(edge(dead, requests(outbound('pay'), 1), plain)?.mtls).toBe(false);
});

test.each<[string, Tags, number]>([
  ['an error of the caller is no failure', { response_code: '404' }, 1],
  ['a server error is', { response_code: '500' }, 0],
  ['a hang-up of the caller is not', { response_code: '0', response_flags: 'DC' }, 1],
  ['no answer at all is', { response_code: '0', response_flags: 'UC' }, 0],
  ['gRPC UNAVAILABLE is, behind a 200', { grpc_status: '14' }, 0],
  ['gRPC NOT_FOUND is not', { grpc_status: '5' }, 1],
])('success: %s', (_, over, success) => {
  const store = createTrafficStore(noDirectory);
  store.record(frontend, [requests(outbound('pay', over), 4)], start);
  expect(edgesOf(store.recent(5_000, start))).toMatchObject([{ requests: 4, success, protocol: 'http' }]);
});

test("connections that the callee's side turned away are no success, though for the caller's side they began", () => {
  const connections = (tags: Tags, value: number): Sample => ({
    kind: 'count',
    stat: 'tcp_connections_total',
    tags,
    value,
  });
  const rowsOf = (callers: readonly Sample[], callees: readonly Sample[]) => {
    const store = createTrafficStore(noDirectory);
    store.record(frontend, callers, start);
    store.record(reviews, callees, start);
    return edgesOf(store.recent(5_000, start));
  };
  const away = (refused: string, value: number, caller = 'frontend') =>
    connections(inbound(caller, { refused }), value);
  const began = connections(outbound('reviews'), 10);
  // The caller's side counts; of the callee's only what it refused is added to that.
  const both = [away('no', 7), away('caller', 2), away('rule', 1)];
  expect(rowsOf([began], both)).toMatchObject([{ requests: 10, refused: 3, success: 0.7, mtls: true }]);
  const [whole] = rowsOf([began], [away('no', 10)]);
  expect(whole).toMatchObject({ requests: 10, success: 1 });
  expect(whole).not.toHaveProperty('refused');
  // What failed before is no success already, and the callee's report may come first.
  const failed = connections(outbound('reviews', { response_flags: 'UF' }), 5);
  expect(rowsOf([began, failed], both)).toMatchObject([{ requests: 15, refused: 3, success: 7 / 15 }]);
  const [early] = rowsOf([began], [away('caller', 12)]);
  expect(early).toMatchObject({ requests: 10, refused: 10, success: 0 });
  expect(early).not.toHaveProperty('mtls');
  // A caller whose side reports other calls alone, one that does not report, and one that proved nothing.
  expect(rowsOf([connections(outbound('pay'), 1)], [away('caller', 2)])).toMatchObject([
    { to: 'pay', success: 1 },
    { to: 'reviews', requests: 2, refused: 2, success: 0, reporter: 'destination' },
  ]);
  expect(rowsOf([], [away('no', 3), away('rule', 1)])).toMatchObject([{ requests: 4, refused: 1, success: 0.75 }]);
  expect(rowsOf([], [away('handshake', 2)])).toMatchObject([
    { from: '(outside)', requests: 2, refused: 2, success: 0 },
  ]);
});

test('TCP connections are an edge of their own; a request without a route goes nowhere', () => {
  const store = createTrafficStore(noDirectory);
  const tags = outbound('db');
  store.record(
    frontend,
    [
      { kind: 'count', stat: 'tcp_connections_total', tags, value: 2 },
      { kind: 'count', stat: 'tcp_received_bytes_total', tags, value: 300 },
      requests({ reporter: 'source', destination_cluster: '', response_code: '404', response_flags: 'NR' }, 1),
      requests(outbound('db', { destination_cluster: 'out_shop_db~example_443' }), 1),
    ],
    start,
  );
  expect(edgesOf(store.recent(5_000, start)).map((row) => `${row.to} ${row.protocol} ${row.requests}`)).toEqual([
    'db tcp 2',
    'db.example http 1',
    '(unknown) http 1',
  ]);
});

test('who answers in the place of a service is the sidecar of the caller, unless it refuses an unknown host (P48)', () => {
  const store = createTrafficStore(noDirectory);
  const none = { reporter: 'source', destination_cluster: '-', response_flags: '-' };
  store.record(
    frontend,
    [
      requests({ ...none, response_code: '410' }, 1),
      requests({ ...none, response_code: '301' }, 2),
      requests({ ...none, response_code: '502' }, 4),
      requests({ ...none, destination_cluster: 'out_unknown', response_code: '200' }, 8),
    ],
    start,
  );
  expect(edgesOf(store.recent(5_000, start)).map(({ to, requests: count }) => [to, count])).toEqual([
    ['(sidecar)', 3],
    ['(unknown)', 12],
  ]);
});

test('windows: seconds for two minutes, minutes for an hour; what was idle for an hour is forgotten', () => {
  const store = createTrafficStore(noDirectory);
  const count = (window: number, now: number) => edgesOf(store.recent(window, now))[0]?.requests;
  store.record(frontend, [requests(outbound('a'), 1)], start);
  store.record(frontend, [requests(outbound('a'), 10)], start + 30_000);
  expect(count(10_000, start + 30_000)).toBe(10);
  expect(count(60_000, start + 30_000)).toBe(11);
  // Two reports, 30 s apart: together they tell of 60 s.
  expect(edgesOf(store.recent(60_000, start + 30_000))[0]?.rps).toBeCloseTo(11 / 60);
  expect(count(60_000, start + 120_000)).toBeUndefined();
  expect(count(1_800_000, start + 600_000)).toBe(11);
  expect(count(3_600_000, start + 3_700_000)).toBeUndefined();
  expect(store.totals()).toHaveLength(0);
});

test('the rate is right from the first seconds on, whatever the interval of the reports', () => {
  const store = createTrafficStore(noDirectory);
  const rate = (now: number) => edgesOf(store.recent(10_000, now))[0]?.rps;
  for (let second = 0; second < 30; second += 1) {
    store.record(frontend, [requests(outbound('a'), 50)], start + second * 1_000);
    if (second > 0) expect(rate(start + second * 1_000)).toBeCloseTo(50);
  }
});

test('memory is bounded: too many series are counted, not kept, and idle ones make room', () => {
  const store = createTrafficStore(noDirectory, 3);
  const codes = ['200', '201', '202', '203', '204'];
  const all = codes.map((response_code) => requests(outbound('a', { response_code }), 1));
  store.record(frontend, all, start);
  expect(store.totals()).toHaveLength(3);
  expect(store.overflow()).toBe(2);
  store.record(frontend, [requests(outbound('a', { response_code: '204' }), 1)], start + 7_300_000);
  expect(store.totals()).toHaveLength(1);
});

test("/metrics/mesh speaks Prometheus in Istio's words", () => {
  const store = createTrafficStore(noDirectory);
  const tags = outbound('reviews', { destination_version: 'v"1' });
  store.record(frontend, [requests(tags, 2), duration(tags, 2, 30)], start);
  store.record(reviews, [{ kind: 'count', stat: 'tcp_connections_total', tags: inbound(''), value: 1 }], start);
  const text = meshMetrics(store.totals(), '0.1.0');
  const lines = text.split('\n');
  const line = (start: string) => lines.find((candidate) => candidate.startsWith(start)) ?? '';
  expect(line('istio_requests_total{')).toBe(
    'istio_requests_total{reporter="source",source_workload="frontend",source_workload_namespace="shop",' +
      'source_principal="spiffe://demo.mesh/ns/shop/sa/frontend",source_app="frontend",source_version="unknown",' +
      'source_canonical_service="frontend",source_canonical_revision="latest",destination_workload="reviews",' +
      'destination_workload_namespace="shop",destination_principal="spiffe://demo.mesh/ns/shop/sa/reviews",' +
      'destination_app="reviews",destination_version="v\\"1",destination_canonical_service="reviews",' +
      'destination_canonical_revision="v\\"1",destination_service="reviews.shop.svc.cluster.local",' +
      'destination_service_name="reviews",destination_service_namespace="shop",request_protocol="http",' +
      'response_code="200",response_flags="-",connection_security_policy="mutual_tls"} 2',
  );
  const value = (start: string, part: string) =>
    lines
      .find((candidate) => candidate.startsWith(start) && candidate.includes(part))
      ?.split(' ')
      .at(-1);
  expect(value('istio_request_duration_milliseconds_bucket', 'le="25"')).toBe('0');
  expect(value('istio_request_duration_milliseconds_bucket', 'le="50"')).toBe('2');
  expect(value('istio_request_duration_milliseconds_bucket', 'le="+Inf"')).toBe('2');
  expect(value('istio_request_duration_milliseconds_sum', '')).toBe('60');
  expect(line('istio_tcp_connections_closed_total')).toContain('source_workload="unknown"');
  expect(line('istio_build')).toBe('istio_build{component="weft",tag="0.1.0"} 1');
  expect(text.endsWith('\n')).toBe(true);
  expect(lines.every((item) => item === '' || /^(#|[a-z_]+\{.*\} [0-9.]+$)/.test(item))).toBe(true);
});
