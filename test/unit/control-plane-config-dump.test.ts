import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { callersPending } from '../../src/control-plane/callers-pending.ts';
import { configDump } from '../../src/control-plane/config-dump.ts';
import type { ProxySnapshots } from '../../src/control-plane/proxy-snapshots.ts';
import { encode } from '../../src/proto/codec.ts';
import { NodeSchema } from '../../src/proto/gen/envoy/config/core/v3/base_pb.ts';
import { SecretSchema } from '../../src/proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { JoinCredential } from '../../src/registry/join-claims.ts';
import { createLayer } from '../../src/xds/layer.ts';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType, listenerType, secretType } from '../../src/xds/resource-types.ts';
import type { Snapshot } from '../../src/xds/snapshot.ts';
import type { StreamStatus, TypeStatus } from '../../src/xds/status.ts';
import { workload } from '../support/registry-values.ts';
import { proxy } from '../support/resolve-values.ts';
import { canaryKey, spineMesh } from '../support/spine-mesh.ts';

const texts = {
  'shop/reviews.yaml': `apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 80, targetPort: 9080 }] }
`,
};

/** The dump of the proxy of reviews, by kind: `Clusters`, `Listeners` … */
function dump(): ReadonlyMap<string, Readonly<Record<string, unknown>>> {
  const { snapshots } = spineMesh({ texts, workloads: [workload('reviews-1', 'reviews', 19_080)] });
  const { snapshot } = snapshots.hold(
    proxy('reviews-1.shop', { service: 'reviews', capture: { bind: '127.0.0.1', proxy: 15_001, ports: true } }),
  );
  const now = snapshot.get();
  if (!now) throw new Error('no snapshot');
  const { configs } = configDump(now);
  return new Map(
    (configs as readonly Readonly<Record<string, unknown>>[]).map((config) => [
      /^type\.googleapis\.com\/envoy\.admin\.v3\.(\w+)ConfigDump$/.exec(String(config['@type']))?.[1] ?? '',
      config,
    ]),
  );
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError('not a list');
  return value;
}

describe('the configuration of a proxy, in the shape of Envoy', () => {
  test('has its parts in the order of Envoy, each resource whole and with its version', () => {
    const parts = dump();
    expect([...parts.keys()]).toEqual(['Clusters', 'Endpoints', 'Listeners', 'Routes', 'Ecds', 'Secrets']);
    const version = expect.stringMatching(/^\S+$/);
    const cluster = {
      version_info: version,
      cluster: expect.objectContaining({
        '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
        name: expect.any(String),
      }),
    };
    const clusters = (parts.get('Clusters')?.dynamic_active_clusters ?? []) as readonly { cluster: { name: string } }[];
    for (const each of clusters) expect(each).toEqual(cluster);
    const names = clusters.map((each) => each.cluster.name);
    expect(names).toEqual([...names].sort());
    expect(parts.get('Endpoints')?.dynamic_endpoint_configs).toEqual([
      {
        version_info: version,
        endpoint_config: expect.objectContaining({
          '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
          cluster_name: expect.stringContaining('reviews'),
        }),
      },
    ]);
    for (const each of listOf(parts.get('Listeners')?.dynamic_listeners))
      expect(each).toEqual({
        name: expect.any(String),
        active_state: {
          version_info: version,
          listener: expect.objectContaining({ '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener' }),
        },
      });
    expect(parts.get('Listeners')?.dynamic_listeners).toHaveLength(3);
    for (const each of listOf(parts.get('Routes')?.dynamic_route_configs))
      expect(each).toEqual({
        version_info: version,
        route_config: expect.objectContaining({
          '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
        }),
      });
  });

  test('T6 shows certificates, and never a private key', () => {
    const parts = dump();
    const secrets = parts.get('Secrets')?.dynamic_active_secrets as readonly { name: string; secret: unknown }[];
    expect(secrets.map(({ name }) => name)).toEqual(['bundle', 'identity', 'system_roots']);
    expect(secrets[1]?.secret).toEqual({
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
      name: 'identity',
      tls_certificate: { certificate_chain: expect.anything(), private_key: '[redacted]' },
    });
    hidesCanary([...parts.values()]);
  });

  test('T6 of a secret of any other kind nothing but the name is shown', () => {
    const canary = { specifier: { case: 'inlineString', value: canaryKey } } as const;
    const kinds: readonly MessageInitShape<typeof SecretSchema>['type'][] = [
      { case: 'genericSecret', value: { secret: canary } },
      { case: 'sessionTicketKeys', value: { keys: [canary] } },
      { case: 'tlsCertificate', value: { privateKey: canary, password: canary, pkcs12: canary, ocspStaple: canary } },
    ];
    const resources = kinds.map((type, index): Resource => {
      const name = `s${index}`;
      return createResource({
        name,
        typeUrl: secretType,
        value: encode(SecretSchema, create(SecretSchema, { name, ...(type && { type }) })),
      });
    });
    const { configs } = configDump({ generation: 1, commit: '', layers: [createLayer(resources)] });
    hidesCanary(configs);
    expect(JSON.stringify(configs)).toContain('"name":"s2"');
  });
});

/** Neither as text nor in the forms that JSON and base64 give it. */
function hidesCanary(shown: unknown): void {
  const text = JSON.stringify(shown);
  expect(text).not.toContain('CANARY');
  for (const shift of [0, 1, 2])
    expect(text).not.toContain(Buffer.from(canaryKey.slice(shift)).toString('base64').slice(4, 20));
}

function resourceOf(typeUrl: string, name: string, content: string): Resource {
  return createResource({ typeUrl, name, value: new TextEncoder().encode(content) });
}

describe('callers that have not acknowledged the newest endpoints (F16)', () => {
  const newest = resourceOf(endpointType, 'reviews', 'new');
  const older = resourceOf(endpointType, 'reviews', 'old');
  const before = [createLayer([older])];
  const snapshot: Snapshot = { generation: 2, commit: 'c2', layers: [createLayer([newest], before[0])] };
  const snapshots: ProxySnapshots = {
    of: (id) => (id === 'unknown.shop' ? undefined : snapshot),
    hold: () => {
      throw new Error('not asked for');
    },
    wanted: () => undefined,
    stop: () => undefined,
  };
  const status = (more: Partial<TypeStatus> = {}): TypeStatus => ({
    typeUrl: endpointType,
    wildcard: false,
    namesSubscribed: 0,
    namesDiffering: 0,
    awaitsFirstAnswer: false,
    isSubscribed: () => true,
    versionOf: () => undefined,
    heldResource: () => undefined,
    subscribed: [],
    get held(): TypeStatus['held'] {
      throw new Error('what everybody holds is not made at every look');
    },
    seen: snapshot.layers,
    differing: [],
    nonce: '',
    sentVersion: '',
    sentAt: undefined,
    ackedVersion: '',
    ackedAt: undefined,
    inFlightSince: undefined,
    owed: 0,
    error: undefined,
    ...more,
  });
  const stream = (id: string, types: readonly TypeStatus[]): StreamStatus<JoinCredential> => ({
    id: 1,
    principal: { tokenId: 't', namespace: 'shop', serviceAccount: 'a', service: 'a' },
    node: create(NodeSchema, { id }),
    peer: '127.0.0.1:1',
    variant: 'delta',
    openedAt: 0,
    types,
  });

  const differs = (owed: boolean, name = 'reviews') => ({ differing: [{ name, version: older.version, owed }] });

  test.each<[string, string, readonly TypeStatus[], number]>([
    ['holds the newest', 'a.shop', [status()], 0],
    ['has not looked at the newest', 'a.shop', [status({ seen: before })], 1],
    ['is owed the newest', 'a.shop', [status({ owed: 1, ...differs(true) })], 1],
    ['refused the newest', 'a.shop', [status(differs(false))], 0],
    ['refused the newest and is owed another', 'a.shop', [status({ owed: 1, ...differs(false) })], 0],
    ['was sent them, and has not answered', 'a.shop', [status({ inFlightSince: 5 })], 1],
    ['holds what is gone altogether', 'a.shop', [status({ owed: 1, ...differs(true, 'ratings') })], 0],
    ['asked for no endpoints', 'a.shop', [status({ typeUrl: clusterType, seen: before })], 0],
    ['is the one that leaves', 'leaving.shop', [status({ seen: before })], 0],
    ['has no snapshot', 'unknown.shop', [status({ seen: before })], 0],
  ])('a caller that %s', (_name, id, types, expected) => {
    expect(callersPending([stream(id, types)], snapshots, 'leaving.shop')).toBe(expected);
  });

  test('are counted', () => {
    const streams = ['a.shop', 'b.shop', 'c.shop'].map((id) => stream(id, [status({ seen: before })]));
    expect(callersPending([...streams, stream('d.shop', [status()])], snapshots, 'b.shop')).toBe(2);
  });
});

test('what was refused stands beside what is held, as Envoy shows it; of secrets neither shows a key', () => {
  const { snapshots } = spineMesh({ texts, workloads: [workload('reviews-1', 'reviews', 19_080)] });
  const { snapshot } = snapshots.hold(
    proxy('reviews-1.shop', { service: 'reviews', capture: { bind: '127.0.0.1', proxy: 15_001, ports: true } }),
  );
  const now = snapshot.get();
  if (!now) throw new Error('no snapshot');
  const refusal = { message: 'no', at: '2026-11-22T08:11:04.000Z' };
  const { configs } = configDump(now, (resource) => {
    switch (resource.typeUrl) {
      case listenerType:
        return { ...refusal, held: undefined, version: undefined };
      case clusterType:
        return { ...refusal, held: { ...resource, version: 'good' }, version: 'good' };
      case secretType:
        return { ...refusal, held: resource, version: resource.version };
      default:
        return resource.typeUrl === endpointType ? { ...refusal, held: undefined, version: 'old' } : undefined;
    }
  });
  const first = (kind: string, list: string): unknown =>
    (configs as readonly Record<string, unknown>[])
      .filter((config) => String(config['@type']).endsWith(`.${kind}ConfigDump`))
      .flatMap((config) => config[list])[0];
  const error_state = (more: object = {}) => ({
    failed_configuration: expect.objectContaining(more),
    last_update_attempt: refusal.at,
    details: 'no',
    version_info: expect.any(String),
  });
  const client_status = 'NACKED';
  expect(first('Listeners', 'dynamic_listeners')).toEqual({
    name: expect.any(String),
    error_state: error_state({ '@type': listenerType }),
    client_status,
  });
  expect(first('Clusters', 'dynamic_active_clusters')).toEqual({
    version_info: 'good',
    cluster: expect.objectContaining({ '@type': clusterType }),
    error_state: error_state({ '@type': clusterType }),
    client_status,
  });
  expect(first('Endpoints', 'dynamic_endpoint_configs')).toEqual({
    version_info: 'old',
    error_state: error_state({ cluster_name: expect.any(String) }),
    client_status,
  });
  expect(first('Routes', 'dynamic_route_configs')).not.toHaveProperty('error_state');
  const whole = JSON.stringify(configs);
  expect(whole).toContain('NACKED');
  expect(whole).not.toContain(canaryKey);
  expect(whole).not.toContain('PRIVATE KEY');
});
