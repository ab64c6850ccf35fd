import { encode } from '../../src/proto/codec.ts';
import { ClusterSchema } from '../../src/proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../src/proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../src/proto/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../src/proto/gen/envoy/config/route/v3/route_pb.ts';
import { SecretSchema } from '../../src/proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { createXdsServer } from '../../src/xds/create-xds-server.ts';
import { createLayer, type Layer } from '../../src/xds/layer.ts';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType, listenerType, routeType, secretType } from '../../src/xds/resource-types.ts';
import type { StreamEvent, XdsServerOptions } from '../../src/xds/server-options.ts';
import type { Snapshot } from '../../src/xds/snapshot.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';

/** Resources for tests; `mark` makes contents, and so versions, differ. */
export const cluster = (name: string, mark = 1): Resource =>
  createResource({
    typeUrl: clusterType,
    name,
    value: encode(ClusterSchema, { name, connectTimeout: { seconds: BigInt(mark) } }),
    edsName: name,
  });
export const endpoints = (name: string, mark = 1): Resource =>
  createResource({
    typeUrl: endpointType,
    name,
    value: encode(ClusterLoadAssignmentSchema, { clusterName: name, endpoints: [{ priority: mark }] }),
  });
export const listener = (name: string, mark = 1): Resource =>
  createResource({
    typeUrl: listenerType,
    name,
    value: encode(ListenerSchema, { name, tcpBacklogSize: mark }),
  });
export const route = (name: string, mark = 1, clusters: readonly string[] = []): Resource =>
  createResource({
    typeUrl: routeType,
    name,
    value: encode(RouteConfigurationSchema, { name, virtualHosts: [{ name: `${mark} ${clusters.join(' ')}` }] }),
    references: clusters.map((to) => ({ typeUrl: clusterType, name: to })),
  });
export const secret = (name: string, mark = 1): Resource =>
  createResource({
    typeUrl: secretType,
    name,
    value: encode(SecretSchema, { name, type: { case: 'genericSecret', value: { secret: inline(`${mark}`) } } }),
  });

function inline(text: string) {
  return { specifier: { case: 'inlineString' as const, value: text } };
}

/** What a test may choose about its server. */
export type FixtureOptions = Partial<XdsServerOptions<string>>;

/** What carries the calls, unless a test says otherwise: the suites run on both. */
const defaultTransport = process.env.WEFT_TEST_TRANSPORT === 'grpc-js' ? 'grpc-js' : 'http2';

/** A server whose content the test sets, a client for it, and everything that was observed. */
export async function startFixture(resources: readonly Resource[] | undefined, options: FixtureOptions = {}) {
  const watchers = new Set<() => void>();
  let generation = 0;
  let layer: Layer | undefined;
  let snapshot: Snapshot | undefined;
  const set = (content: readonly Resource[]) => {
    generation += 1;
    layer = createLayer(content, layer);
    snapshot = { generation, commit: '', layers: [layer] };
    for (const watcher of [...watchers]) watcher();
  };
  if (resources !== undefined) set(resources);
  const events: StreamEvent<string>[] = [];
  const server = await createXdsServer<string>({
    address: '127.0.0.1',
    port: 0,
    credentials: 'plaintext',
    transport: defaultTransport,
    identifier: 'test-1',
    timing: { hold: 400, grace: 200 },
    authenticate: () => ({ ok: 'anyone' }),
    open: () => ({
      ok: {
        snapshot: () => snapshot,
        watch: (onChange) => {
          watchers.add(onChange);
          return () => watchers.delete(onChange);
        },
        close: () => {},
      },
    }),
    observe: (event) => events.push(event),
    ...options,
  });
  const client = connectRawClient(server.port);
  return {
    server,
    client,
    events,
    set,
    watchers: () => watchers.size,
    async close() {
      client.close();
      await server.close();
    },
  };
}

export type Fixture = Awaited<ReturnType<typeof startFixture>>;

/** Waits until something holds; fails after five seconds. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const node = { id: 'sidecar~1' };
