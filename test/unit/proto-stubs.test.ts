import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { getOption } from '@bufbuild/protobuf';
import { UInt64ValueSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { decode, encode, pack } from '../../src/proto/codec.ts';
import { BootstrapSchema } from '../../src/proto/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ClusterSchema } from '../../src/proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  Config_Histogram_Unit,
  ConfigSchema,
} from '../../src/proto/gen/envoy/extensions/access_loggers/stats/v3/stats_pb.ts';
import { HttpConnectionManagerSchema } from '../../src/proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { StreamMetricsMessageSchema } from '../../src/proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { MetricFamilySchema, MetricType } from '../../src/proto/gen/io/prometheus/client/metrics_pb.ts';
import { KeyValueListSchema } from '../../src/proto/gen/opentelemetry/proto/common/v1/common_pb.ts';
import { rules } from '../../src/proto/gen/validate/validate_pb.ts';
import { message } from '../../src/proto/message.ts';
import { findEnvoy } from '../../src/sidecar/find-envoy.ts';

// The bytes here are written by hand from the public data models, so a wrong number in a stub cannot hide (7.2).
const text = (value: string) => [...new TextEncoder().encode(value)];
const field = (number: number, bytes: readonly number[]) => [(number << 3) | 2, bytes.length, ...bytes];
const bytesOf = (...parts: readonly (readonly number[])[]) => Uint8Array.from(parts.flat());
const double = (number: number, value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return [(number << 3) | 1, ...bytes];
};

test('io.prometheus.client: a counter with labels, as the metrics service sends it', () => {
  const label = field(1, [...field(1, text('code')), ...field(2, text('200'))]);
  const metric = field(4, [...label, ...field(3, double(1, 12)), 0x30, 0x07]);
  const bytes = bytesOf(field(1, text('weft.requests_total')), [0x18, 0x00], metric);
  const family = decode(MetricFamilySchema, bytes);
  expect(family).toMatchObject({ name: 'weft.requests_total', type: MetricType.COUNTER });
  expect(family.metric[0]).toMatchObject({
    label: [{ name: 'code', value: '200' }],
    counter: { value: 12 },
    timestampMs: 7n,
  });
  expect(encode(MetricFamilySchema, family)).toEqual(bytes);
  const stream = decode(StreamMetricsMessageSchema, bytesOf(field(2, [...bytes])));
  expect(stream.envoyMetrics[0]?.name).toBe('weft.requests_total');
});

test('io.prometheus.client: histogram, summary and gauge', () => {
  const bucket = field(3, [0x08, 0x05, ...double(2, 25)]);
  const histogram = field(7, [0x08, 0x06, ...double(2, 90.5), ...bucket]);
  const summary = field(4, [0x08, 0x01, ...double(2, 3), ...field(3, [...double(1, 0.5), ...double(2, 3)])]);
  const bytes = bytesOf([0x18, 0x04], field(4, histogram), field(4, summary), field(4, field(2, double(1, 4))));
  const family = decode(MetricFamilySchema, bytes);
  expect(family.type).toBe(MetricType.HISTOGRAM);
  expect(family.metric[0]?.histogram).toMatchObject({
    sampleCount: 6n,
    sampleSum: 90.5,
    bucket: [{ cumulativeCount: 5n, upperBound: 25 }],
  });
  expect(family.metric[1]?.summary).toMatchObject({ quantile: [{ quantile: 0.5, value: 3 }] });
  expect(family.metric[2]?.gauge?.value).toBe(4);
  expect(encode(MetricFamilySchema, family)).toEqual(bytes);
});

test('opentelemetry common: nested attribute values', () => {
  const list = field(5, field(1, [0x10, 0x01]));
  const bytes = bytesOf(
    field(1, [...field(1, text('a')), ...field(2, field(1, text('x')))]),
    field(1, [...field(1, text('b')), ...field(2, list)]),
    field(1, [...field(1, text('c')), ...field(2, [0x18, 0x2a])]),
  );
  const values = decode(KeyValueListSchema, bytes);
  expect(values.values.map((entry) => [entry.key, entry.value?.value.case])).toEqual([
    ['a', 'stringValue'],
    ['b', 'arrayValue'],
    ['c', 'intValue'],
  ]);
  expect(encode(KeyValueListSchema, values)).toEqual(bytes);
});

test('stats access logger: the fields of E32', () => {
  const tag = field(2, [...field(1, text('code')), ...field(2, text('%RESPONSE_CODE%'))]);
  const counter = [...field(1, [...field(1, text('requests_total')), ...tag]), ...field(3, [0x08, 0x01])];
  const histogram = [...field(1, field(1, text('duration'))), 0x10, 0x03, ...field(3, text('%DURATION%'))];
  const bytes = bytesOf(field(1, text('weft')), field(3, histogram), field(4, counter));
  const config = decode(ConfigSchema, bytes);
  expect(config.counters[0]).toMatchObject({
    stat: { name: 'requests_total', tags: [{ name: 'code' }] },
    valueFixed: 1n,
  });
  expect(config.histograms[0]).toMatchObject({ unit: Config_Histogram_Unit.Milliseconds, valueFormat: '%DURATION%' });
  expect(encode(ConfigSchema, config)).toEqual(bytes);
  expect(decode(UInt64ValueSchema, Uint8Array.from([8, 1])).value).toBe(1n);
});

test('validate: the constraints of Envoy’s files are readable through our stub', () => {
  const name = ClusterSchema.fields.find((candidate) => candidate.name === 'name');
  const timeout = ClusterSchema.fields.find((candidate) => candidate.name === 'connect_timeout');
  expect(name && getOption(name, rules).type).toMatchObject({ case: 'string', value: { minLen: 1n } });
  expect(timeout && getOption(timeout, rules).type).toMatchObject({ case: 'duration', value: { gt: {} } });
});

test('a real Envoy accepts our bytes, the stats logger and an HTTP connection manager in them', async () => {
  const projectRoot = fileURLToPath(new URL('../..', import.meta.url));
  const envoy = await findEnvoy({ env: process.env, cwd: projectRoot, projectRoot });
  if (!envoy.found) throw new Error(`no Envoy: ${JSON.stringify(envoy.tried)}; run npm run envoy`);
  const folder = await mkdtemp(join(tmpdir(), 'weft-proto-'));
  try {
    const file = join(folder, 'bootstrap.pb');
    await writeFile(file, encode(BootstrapSchema, bootstrap()));
    const { stdout } = await promisify(execFile)(envoy.path, ['--mode', 'validate', '-c', file, '-l', 'error']);
    expect(stdout).toContain('OK');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

function bootstrap() {
  const stats = message(ConfigSchema, {
    statPrefix: 'weft',
    counters: [
      { stat: { name: 'requests_total', tags: [{ name: 'code', valueFormat: '%RESPONSE_CODE%' }] }, valueFixed: 1n },
    ],
    histograms: [{ stat: { name: 'duration' }, unit: Config_Histogram_Unit.Milliseconds, valueFormat: '%DURATION%' }],
  });
  const manager = message(HttpConnectionManagerSchema, {
    statPrefix: 'in',
    accessLog: [{ name: 'weft.stats', configType: { case: 'typedConfig', value: pack(ConfigSchema, stats) } }],
    routeSpecifier: { case: 'routeConfig', value: { name: 'r' } },
  });
  const typedConfig = pack(HttpConnectionManagerSchema, manager);
  const socket = { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: 0 } } as const;
  return message(BootstrapSchema, {
    node: { id: 'a', cluster: 'b' },
    staticResources: {
      listeners: [
        {
          name: 'in',
          address: { address: { case: 'socketAddress', value: socket } },
          filterChains: [{ filters: [{ name: 'hcm', configType: { case: 'typedConfig', value: typedConfig } }] }],
        },
      ],
    },
  });
}
