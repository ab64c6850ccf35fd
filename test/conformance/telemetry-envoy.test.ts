import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, createServer, get, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server as GrpcServer, ServerCredentials, type ServerReadableStream } from '@grpc/grpc-js';
import forge from 'node-forge';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TelemetryTag } from '../../src/model/telemetry-tags.ts';
import { telemetryPrefix, telemetryStats, telemetryTransport } from '../../src/model/telemetry-tags.ts';
import type { EdgeRow } from '../../src/model/traffic.ts';
import {
  MetricsService,
  type StreamMetricsMessage,
} from '../../src/proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { serviceDefinition } from '../../src/proto/services.ts';
import { freePort } from '../../src/sidecar/free-port.ts';
import { edgesOf } from '../../src/telemetry/edges.ts';
import { meshMetrics } from '../../src/telemetry/mesh-metrics.ts';
import { openMetricsStream } from '../../src/telemetry/metrics-service.ts';
import { createTrafficStore } from '../../src/telemetry/traffic-store.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { noDirectory, principal, proxy } from '../support/telemetry-values.ts';

/*
 * Two real Envoys with mutual TLS between them count calls with the stats logger, as telemetry-tags.ts asks for, and send them by the
 * metrics service: what arrives must be what happened (E32, E33).
 */

const T = 'type.googleapis.com/';
const certificates = new Map<string, { readonly certificate: string; readonly key: string }>();
const store = createTrafficStore(noDirectory);
const proxies = [proxy('frontend-1', 'frontend'), proxy('reviews-1', 'reviews', { version: 'v1' })];
const children: ChildProcess[] = [];
/** Milliseconds that the application took, by request. */
const served: number[] = [];
const ports = { metrics: 0, app: 0, echo: 0, out: 0, outTcp: 0, in: 0, inTcp: 0 };
/** Nothing listens there: a port that was free a moment ago may be another program's by now. */
const deadPort = 1;
let folder = '';
let grpc: GrpcServer;
let app: Server;
let echo: TcpServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-telemetry-'));
  app = createServer((request, response) => {
    const began = performance.now();
    const [, wait = '0', status = '200'] = (request.url ?? '').split('/');
    setTimeout(() => {
      served.push(performance.now() - began);
      response.writeHead(Number(status)).end('ok');
    }, Number(wait));
  }).listen(0, '127.0.0.1');
  echo = createTcpServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await Promise.all([once(app, 'listening'), once(echo, 'listening')]);
  ports.app = portOf(app.address());
  ports.echo = portOf(echo.address());
  for (const name of ['out', 'outTcp', 'in', 'inTcp'] as const) ports[name] = await freePort();
  grpc = new GrpcServer();
  grpc.addService(serviceDefinition(MetricsService), {
    streamMetrics(call: ServerReadableStream<StreamMetricsMessage, object>) {
      let stream: ReturnType<typeof openMetricsStream> | undefined;
      call.on('data', (message: StreamMetricsMessage) => {
        const self = proxies.find((candidate) => candidate.id === message.identifier?.node?.id);
        if (self) stream = openMetricsStream(self, (from, samples) => store.record(from, samples, Date.now()));
        expect(stream?.receive(message)).toBe(true);
      });
      call.on('error', () => undefined);
    },
  });
  ports.metrics = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
  await startEnvoy(
    'reviews',
    [
      listener(ports.in, [hcm('destination', [{ match: { prefix: '/' }, route: { cluster: 'in_9080' } }])], true),
      listener(ports.inTcp, [tcpProxy('destination', 'in_7')], true),
    ],
    [cluster('in_9080', ports.app), cluster('in_7', ports.echo)],
  );
  const fault = {
    name: 'envoy.filters.http.fault',
    typed_config: {
      '@type': `${T}envoy.extensions.filters.http.fault.v3.HTTPFault`,
      abort: { http_status: 503, percentage: { numerator: 100 } },
      headers: [{ name: 'x-fault', present_match: true }],
    },
  };
  await startEnvoy(
    'frontend',
    [
      listener(ports.out, [
        hcm(
          'source',
          [
            { match: { path: '/dead' }, route: { cluster: 'out_shop_dead_80' } },
            { match: { path: '/none' }, direct_response: { status: 404 } },
            { match: { prefix: '/' }, route: { cluster: 'out_shop_reviews_9080_v1' } },
          ],
          [fault],
        ),
      ]),
      listener(ports.outTcp, [tcpProxy('source', 'out_shop_reviews_7')]),
    ],
    [
      cluster('out_shop_reviews_9080_v1', ports.in, true),
      cluster('out_shop_reviews_7', ports.inTcp, true),
      cluster('out_shop_dead_80', deadPort),
    ],
  );
});

afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  grpc?.forceShutdown();
  app?.closeAllConnections();
  app?.close();
  echo?.close();
  await rm(folder, { recursive: true, force: true });
});

test('counters and durations arrive from both sides, and the edges say what happened', async () => {
  await until(async () => (await call('/0').catch(() => 0)) === 200);
  const taken: number[] = [];
  served.length = 0;
  const timed = async (path: string) => {
    const began = performance.now();
    expect(await call(path)).toBe(200);
    taken.push(performance.now() - began);
  };
  for (let index = 0; index < 20; index++) {
    await Promise.all([timed('/5'), timed('/5'), timed('/5'), timed('/5'), timed(index % 4 === 0 ? '/80' : '/5')]);
  }
  expect(await call('/0/500')).toBe(500);
  expect(await call('/0', { 'x-fault': '1' })).toBe(503);
  expect(await call('/dead')).toBe(503);
  expect(await call('/none')).toBe(404);
  await echoes('12345');

  const row = (to: string, protocol = 'http') => edges().find((edge) => edge.to === to && edge.protocol === protocol);
  await until(() => {
    const codes = new Map(row('reviews')?.codes.map(({ name, count }) => [name, count]));
    const all = (codes.get('200') ?? 0) > 100 && codes.get('500') === 1 && codes.get('503') === 1;
    return Promise.resolve(all && row('reviews', 'tcp') !== undefined && row('dead') !== undefined);
  });

  const reviews = row('reviews');
  expect(reviews).toMatchObject({
    from: 'frontend',
    reporter: 'source',
    mtls: true,
    flags: [{ name: 'FI', count: 1 }],
  });
  expect(reviews?.split).toMatchObject([{ version: 'v1', share: 1 }]);
  expect(reviews?.success).toBeCloseTo(1 - 2 / (reviews?.requests ?? 0), 6);
  // Per request the sidecar's time lies between the application's and the client's; so do the quantiles, but for the bins.
  const bounds = (list: readonly number[], q: number) =>
    [...list].sort((a, b) => a - b)[Math.floor(q * list.length)] ?? 0;
  for (const [q, value] of [
    [0.5, reviews?.p50],
    [0.99, reviews?.p99],
  ] as const) {
    expect(value).toBeGreaterThan(bounds(served, q - 0.04) / 1.1 - 1);
    expect(value).toBeLessThan(bounds(taken, Math.min(0.995, q + 0.02)) * 1.1 + 2);
  }
  expect(reviews?.p50).toBeLessThan(60);
  expect(reviews?.p99).toBeGreaterThan(70);

  expect(row('dead')).toMatchObject({ success: 0, requests: 1, flags: [{ name: 'UF', count: 1 }] });
  expect(row('dead')).not.toHaveProperty('mtls');
  expect(row('(sidecar)')).toMatchObject({ codes: [{ name: '404', count: 1 }], success: 1 });
  expect(row('reviews', 'tcp')).toMatchObject({ from: 'frontend', requests: 1, success: 1, mtls: true });

  const received = () => store.totals().filter(({ series }) => series.reporter === 'destination');
  await until(() => Promise.resolve(received().some(({ series, gain }) => series.protocol === 'tcp' && gain.sent > 0)));
  for (const { series } of received()) {
    expect(series.source.principal).toBe(principal('frontend'));
    expect(series.destination.service).toBe('reviews');
  }
  const text = meshMetrics(store.totals(), '0.1.0');
  const bytes = text.split('\n').filter((line) => line.startsWith('istio_tcp_received_bytes_total'));
  expect(bytes.map((line) => line.split(' ').at(-1))).toEqual(['5', '5']);
}, 60_000);

function edges(): readonly EdgeRow[] {
  return edgesOf(store.recent(60_000, Date.now()));
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not reached in time: ${JSON.stringify(edges(), undefined, 1)}`);
    await sleep(100);
  }
}

const agent = new Agent({ keepAlive: false });

function call(path: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ agent, host: '127.0.0.1', port: ports.out, path, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    }).on('error', reject);
  });
}

async function echoes(text: string): Promise<void> {
  const socket = connect(ports.outTcp, '127.0.0.1');
  socket.write(text);
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toBe(text);
  socket.end();
  await once(socket, 'close');
}

function portOf(address: ReturnType<Server['address']>): number {
  if (typeof address !== 'object' || address === null) throw new Error('not listening');
  return address.port;
}

type Json = Readonly<Record<string, unknown>>;

function statsLogger(reporter: 'source' | 'destination', of: 'http' | 'tcp'): Json {
  const formats: Readonly<Record<TelemetryTag, string>> = {
    reporter,
    destination_cluster: '%UPSTREAM_CLUSTER%',
    destination_version: '%UPSTREAM_METADATA(weft.dev:version)%',
    peer_principal: reporter === 'source' ? '%UPSTREAM_PEER_URI_SAN%' : '%DOWNSTREAM_PEER_URI_SAN%',
    response_code: '%RESPONSE_CODE%',
    response_flags: '%RESPONSE_FLAGS%',
    grpc_status: '%GRPC_STATUS_NUMBER%',
    refused: 'no',
  };
  const values = {
    one: { value_fixed: 1 },
    'received-bytes': { value_format: '%BYTES_RECEIVED%' },
    'sent-bytes': { value_format: '%BYTES_SENT%' },
    'duration-microseconds': { unit: 'Microseconds', value_format: '%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%' },
  };
  const stats = (kind: string) =>
    telemetryStats
      .filter((stat) => stat.kind === kind && stat.of === of)
      .map((stat) => ({
        stat: { name: stat.name, tags: stat.tags.map((name) => ({ name, value_format: formats[name] })) },
        ...values[stat.value],
      }));
  return {
    name: 'weft.stats',
    typed_config: {
      '@type': `${T}envoy.extensions.access_loggers.stats.v3.Config`,
      stat_prefix: telemetryPrefix,
      counters: stats('counter'),
      histograms: stats('histogram'),
    },
  };
}

function hcm(reporter: 'source' | 'destination', routes: readonly Json[], filters: readonly Json[] = []): Json {
  const router = { '@type': `${T}envoy.extensions.filters.http.router.v3.Router` };
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${T}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: reporter,
      access_log: [statsLogger(reporter, 'http')],
      route_config: { name: reporter, virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
      http_filters: [...filters, { name: 'envoy.filters.http.router', typed_config: router }],
    },
  };
}

function tcpProxy(reporter: 'source' | 'destination', to: string): Json {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': `${T}envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`,
      stat_prefix: reporter,
      cluster: to,
      access_log: [statsLogger(reporter, 'tcp')],
    },
  };
}

function tls(side: 'Upstream' | 'Downstream'): Json {
  const version = { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' };
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${T}envoy.extensions.transport_sockets.tls.v3.${side}TlsContext`,
      ...(side === 'Downstream' ? { require_client_certificate: true } : {}),
      common_tls_context: {
        tls_params: version,
        tls_certificates: [{ certificate_chain: { filename: 'own.pem' }, private_key: { filename: 'own.key' } }],
        validation_context: { trusted_ca: { filename: 'roots.pem' } },
      },
    },
  };
}

function listener(port: number, filters: readonly Json[], mutual = false): Json {
  const chain = { filters, ...(mutual ? { transport_socket: tls('Downstream') } : {}) };
  return { name: `l${port}`, address: address(port), filter_chains: [chain] };
}

function cluster(name: string, port: number, mutual = false, extra: Json = {}): Json {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }];
  return {
    name,
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints },
    ...(mutual ? { transport_socket: tls('Upstream') } : {}),
    ...extra,
  };
}

function address(port: number): Json {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

async function startEnvoy(service: string, listeners: readonly Json[], clusters: readonly Json[]): Promise<void> {
  const own = selfSigned(service);
  const text = (name: string) => join(folder, `${service}-${name}`);
  await writeFile(text('own.pem'), own.certificate);
  await writeFile(text('own.key'), own.key);
  await writeFile(
    join(folder, 'roots.pem'),
    ['frontend', 'reviews'].map((name) => selfSigned(name).certificate).join(''),
  );
  const http2 = {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${T}envoy.extensions.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  };
  const sink = {
    '@type': `${T}envoy.config.metrics.v3.MetricsServiceConfig`,
    transport_api_version: 'V3',
    report_counters_as_deltas: telemetryTransport.reportCountersAsDeltas,
    emit_tags_as_labels: telemetryTransport.emitTagsAsLabels,
    histogram_emit_mode: telemetryTransport.histogramEmitMode,
    grpc_service: { envoy_grpc: { cluster_name: 'telemetry' } },
  };
  const config = JSON.stringify({
    node: { id: `${service}-1.shop`, cluster: service },
    stats_flush_interval: '0.5s',
    stats_config: { stats_matcher: { inclusion_list: { patterns: [{ prefix: `${telemetryPrefix}.` }] } } },
    stats_sinks: [{ name: 'envoy.stat_sinks.metrics_service', typed_config: sink }],
    static_resources: {
      listeners,
      clusters: [...clusters, cluster('telemetry', ports.metrics, false, { typed_extension_protocol_options: http2 })],
    },
  })
    .replaceAll('"own.pem"', JSON.stringify(text('own.pem')))
    .replaceAll('"own.key"', JSON.stringify(text('own.key')))
    .replaceAll('"roots.pem"', JSON.stringify(join(folder, 'roots.pem')));
  const file = text('envoy.json');
  await writeFile(file, config);
  const flags = ['-c', file, '--concurrency', '1', '-l', 'error', '--disable-hot-restart'];
  children.push(spawn(await envoyPath(), flags, { stdio: ['ignore', 'ignore', 'inherit'] }));
}

function selfSigned(service: string): { readonly certificate: string; readonly key: string } {
  const known = certificates.get(service);
  if (known) return known;
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  certificate.serialNumber = '01';
  certificate.validity.notBefore = new Date(Date.now() - 60_000);
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
  const name = [{ name: 'commonName', value: service }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true },
    { name: 'keyUsage', keyCertSign: true, digitalSignature: true },
    { name: 'subjectAltName', altNames: [{ type: 6, value: principal(service) }] },
  ]);
  certificate.sign(keys.privateKey, forge.md.sha256.create());
  const made = {
    certificate: forge.pki.certificateToPem(certificate),
    key: forge.pki.privateKeyToPem(keys.privateKey),
  };
  certificates.set(service, made);
  return made;
}
