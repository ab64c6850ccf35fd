import { readFileSync } from 'node:fs';
import { credentials, makeClientConstructor, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { afterEach, expect, test } from 'vitest';
import { encode } from '../../src/proto/codec.ts';
import { described } from '../../src/proto/descriptors.ts';
import { AccessLogService } from '../../src/proto/gen/envoy/service/accesslog/v3/als_pb.ts';
import { AggregatedDiscoveryService } from '../../src/proto/gen/envoy/service/discovery/v3/ads_pb.ts';
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { LoadReportingService } from '../../src/proto/gen/envoy/service/load_stats/v3/lrs_pb.ts';
import { MetricsService } from '../../src/proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { SecretDiscoveryService } from '../../src/proto/gen/envoy/service/secret/v3/sds_pb.ts';
import { ClientStatusDiscoveryService } from '../../src/proto/gen/envoy/service/status/v3/csds_pb.ts';
import { type Outgoing, serviceDefinition } from '../../src/proto/services.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

test('paths and streaming flags are those of the .proto files', () => {
  expect(serviceDefinition(AggregatedDiscoveryService).deltaAggregatedResources).toMatchObject({
    path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    requestStream: true,
    responseStream: true,
  });
  expect(serviceDefinition(MetricsService).streamMetrics).toMatchObject({ requestStream: true, responseStream: false });
  expect(serviceDefinition(AccessLogService).streamAccessLogs.responseStream).toBe(false);
  expect(serviceDefinition(LoadReportingService).streamLoadStats.responseStream).toBe(true);
  expect(serviceDefinition(ClientStatusDiscoveryService).fetchClientStatus).toMatchObject({ requestStream: false });
  expect(Object.keys(serviceDefinition(SecretDiscoveryService))).toEqual([
    'deltaSecrets',
    'streamSecrets',
    'fetchSecrets',
  ]);
});

test('the same as what proto-loader reads in the descriptor set, for every service', () => {
  const set = readFileSync(new URL('../../src/proto/gen/descriptor-set.binpb', import.meta.url));
  const theirs = loadFileDescriptorSetFromBuffer(set);
  const services = [...described].filter((type) => type.kind === 'service');
  expect(services.length).toBeGreaterThan(5);
  for (const service of services) {
    const methods = Object.values(theirs[service.typeName] ?? {});
    const shapes = Object.values(serviceDefinition(service)).map(({ path, requestStream, responseStream }) => ({
      path,
      requestStream,
      responseStream,
    }));
    expect(methods).toMatchObject(shapes);
    expect(shapes).toHaveLength(methods.length);
  }
});

test('bytes that were encoded before pass the serialiser untouched', () => {
  const { responseSerialize } = serviceDefinition(AggregatedDiscoveryService).deltaAggregatedResources;
  const buffer = Buffer.from([1, 2, 3]);
  expect(responseSerialize(buffer)).toBe(buffer);
  const bytes = encode(DeltaDiscoveryResponseSchema, { nonce: '1' });
  expect(responseSerialize(bytes).buffer).toBe(bytes.buffer);
  expect(responseSerialize({ nonce: '1' })).toEqual(Buffer.from(bytes));
});

test('our codec keeps maps as maps, where proto-loader makes arrays and drops camelCase (7.3)', () => {
  const set = readFileSync(new URL('../../src/proto/gen/descriptor-set.binpb', import.meta.url));
  const loaded = loadFileDescriptorSetFromBuffer(set)['envoy.service.discovery.v3.AggregatedDiscoveryService'];
  const theirs = loaded !== undefined && !('format' in loaded) ? loaded.DeltaAggregatedResources : undefined;
  const ours = serviceDefinition(AggregatedDiscoveryService).deltaAggregatedResources;
  const bytes = ours.requestSerialize({ typeUrl: 't', initialResourceVersions: { b: '2', a: '1' } });
  expect(ours.requestDeserialize(bytes)).toMatchObject({ initialResourceVersions: { a: '1', b: '2' } });
  expect(theirs?.requestDeserialize(bytes)).toMatchObject({ initial_resource_versions: [{ key: 'a' }, { key: 'b' }] });
  expect(theirs?.requestSerialize({ typeUrl: 't' })).toHaveLength(0);
});

test('a delta stream over grpc-js, answered with a message and with bytes', async () => {
  const definition = serviceDefinition(AggregatedDiscoveryService);
  const server = new Server();
  cleanups.push(() => server.forceShutdown());
  server.addService(definition, {
    deltaAggregatedResources(
      call: ServerDuplexStream<DeltaDiscoveryRequest, Outgoing<typeof DeltaDiscoveryResponseSchema>>,
    ) {
      call.on('data', (request: DeltaDiscoveryRequest) => {
        const answer = { typeUrl: request.typeUrl, nonce: request.node?.id ?? '' };
        call.write(answer);
        call.write(encode(DeltaDiscoveryResponseSchema, answer));
      });
      call.on('end', () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const Client = makeClientConstructor(definition, 'ads');
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  cleanups.push(() => client.close());
  const stream = client.deltaAggregatedResources?.();
  const answers: DeltaDiscoveryResponse[] = [];
  stream.write({ typeUrl: 'T', node: { id: 'reviews-1' } });
  stream.end();
  for await (const answer of stream) answers.push(answer as DeltaDiscoveryResponse);
  expect(answers).toHaveLength(2);
  expect(answers[0]).toEqual(answers[1]);
  expect(answers[0]).toMatchObject({ typeUrl: 'T', nonce: 'reviews-1' });
});
