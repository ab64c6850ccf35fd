import { expect, test } from 'vitest';
import { marks } from '../../src/cli/marks.ts';
import { edgeColumns } from '../../src/cli/render/edges.ts';
import type { EdgeRow } from '../../src/model/traffic.ts';
import { StreamMetricsMessageSchema } from '../../src/proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { message } from '../../src/proto/message.ts';
import { readBesideCalls } from '../../src/telemetry/beside-calls.ts';
import { edgesOf } from '../../src/telemetry/edges.ts';
import type { Sample } from '../../src/telemetry/metrics-service.ts';
import type { Directory } from '../../src/telemetry/series.ts';
import { createTrafficStore } from '../../src/telemetry/traffic-store.ts';
import { noDirectory, outbound, proxy } from '../support/telemetry-values.ts';

const start = 1_700_000_000_000;
const frontend = proxy('frontend-1', 'frontend');
const rowsOf = (samples: readonly Sample[], known: Partial<Directory> = {}): readonly EdgeRow[] => {
  const store = createTrafficStore({ ...noDirectory, ...known });
  store.record(frontend, samples, start);
  return edgesOf(store.recent(60_000, start));
};
const request = (tags: Parameters<typeof outbound>[1]): Sample => ({
  kind: 'count',
  stat: 'requests_total',
  tags: outbound('reviews', tags),
  value: 1,
});

test('counters of inbound ports and of dry-run alone are read', () => {
  const family = (name: string, value: number, label: Readonly<Record<string, string>>) => ({
    name,
    metric: [{ label: Object.entries(label).map(([key, text]) => ({ name: key, value: text })), counter: { value } }],
  });
  const listener = (port: number) => ({ 'envoy.listener_address': `127.0.0.1_${port}` });
  const rbac = (prefix: string) => ({ 'envoy.rbac_http_prefix': prefix });
  const heard = message(StreamMetricsMessageSchema, {
    envoyMetrics: [
      family('listener.no_filter_chain_match', 2, listener(19_080)),
      family('listener.no_filter_chain_match', 5, listener(21_000)),
      family('http.rbac.shadow_denied', 3, rbac('istio_dry_run_allow_')),
      family('http.rbac.shadow_denied', 7, rbac('weft_audit_')),
      family('http.rbac.shadow_allowed', 0, rbac('istio_dry_run_deny_')),
      family('cluster.internal.upstream_rq_xx', Number.NaN, { 'envoy.cluster_name': 'out_shop_reviews_80' }),
    ],
  });
  expect(readBesideCalls(heard, { ports: [{ port: 9080, inbound: 19_080 }] })).toEqual([
    { kind: 'cut', value: 2 },
    { kind: 'dry-run', action: 'ALLOW', refused: true, value: 3 },
  ]);
});

test('requests that say that a sidecar made them have no row where no policy has it make any', () => {
  const own: Sample = { kind: 'own', cluster: 'out_shop_reviews_80', code: '5xx', value: 4 };
  expect(rowsOf([own])).toEqual([]);
  expect(rowsOf([own], { ownUsesOf: () => ['mirrors', 'keys'] })).toMatchObject([
    { from: 'frontend', to: 'reviews', beside: 'own', uses: ['mirrors', 'keys'], requests: 4, success: 0 },
  ]);
  expect(rowsOf([{ ...own, cluster: 'xds' }], { ownUsesOf: () => ['keys'] })).toEqual([]);
});

test('TLS that the sidecar begins stands beside mesh TLS, whatever name the server shows', () => {
  const known = { beginsTls: (_: unknown, cluster: string) => cluster.endsWith('_443') };
  const begun = request({ destination_cluster: 'out_shop_reviews_443' });
  const mtls = edgeColumns(marks({ LANG: 'C.UTF-8' })).find(({ title }) => title === 'MTLS');
  const words = (...samples: readonly Sample[]) => rowsOf(samples, known).map((row) => mtls?.of(row));
  expect(words(begun)).toEqual(['TLS']);
  expect(words(begun, request({}))).toEqual(['√ TLS']);
  expect(words(request({ peer_principal: '' }))).toEqual(['×']);
});

test('an answer without a certificate is no plaintext where only mesh TLS is spoken: the sidecar gave it', () => {
  const preflight = request({ peer_principal: '' });
  const known = { speaksMeshTls: () => true };
  expect(rowsOf([preflight])[0]).toMatchObject({ success: 1, mtls: false });
  expect(rowsOf([preflight], known)[0]).not.toHaveProperty('mtls');
  expect(rowsOf([preflight, request({})], known)[0]).toMatchObject({ requests: 2, mtls: true });
});

test('502 without a destination is a rule of the sidecar, where it passes unknown hosts on', () => {
  const answered = request({ destination_cluster: '', peer_principal: '', response_code: '502' });
  expect(rowsOf([answered], { refusesUnknownHosts: () => false })[0]?.to).toBe('(sidecar)');
  expect(rowsOf([answered], { refusesUnknownHosts: () => true })[0]?.to).toBe('(unknown)');
});
