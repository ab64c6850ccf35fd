import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../../src/model/secret.ts';
import { fromCanonicalJson } from '../../src/proto/canonical-json.ts';
import { encode } from '../../src/proto/codec.ts';
import { schemaOf } from '../../src/proto/registry.ts';
import { createBootstrap } from '../../src/sidecar/bootstrap.ts';
import { controlPlaneClusterName } from '../../src/sidecar/control-plane-cluster.ts';
import { createEnvoyAdmin, type EnvoyAdmin } from '../../src/sidecar/envoy-admin.ts';
import { spawnLeashed } from '../../src/sidecar/spawn-leashed.ts';
import { createResource, type Resource, type ResourceReference } from '../../src/xds/resource.ts';
import { clusterType, endpointType, listenerType, routeType } from '../../src/xds/resource-types.ts';
import { envoyPath } from './envoy-path.ts';
import { eventually } from './eventually.ts';
import type { Variant } from './member.ts';

/** An Envoy without a mesh: its server is anybody's, in plaintext. */
export interface PlainEnvoy {
  readonly admin: EnvoyAdmin;
  readonly log: readonly string[];
  /** One counter or gauge by its whole name; 0 when Envoy has not made it yet. */
  stat(name: string): Promise<number>;
  kill(): Promise<void>;
}

/**
 * Starts an Envoy with the product's bootstrap but for TLS and metrics; `keepalive` stands for that of section 8, `more` is added to
 * `ads_config` and to the bootstrap, and `withoutClusters` leaves out `cds_config`.
 */
export async function startPlainEnvoy(options: {
  readonly xdsPort: number;
  readonly variant: Variant;
  readonly keepalive?: { readonly interval: string; readonly timeout: string };
  readonly more?: { readonly ads?: object; readonly bootstrap?: object };
  readonly withoutClusters?: boolean;
}): Promise<PlainEnvoy> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-plain-'));
  const admin = { kind: 'pipe', path: join(folder, 'admin.sock') } as const;
  const bootstrap = createBootstrap({
    nodeId: 'plain-1.shop',
    metadata: { service: 'plain', namespace: 'shop' },
    controlPlane: { host: '127.0.0.1', port: options.xdsPort, serverName: 'xds.weft', rootPem: '' },
    credential: new Secret('none'),
    admin,
    stats: { flushInterval: 1_000 },
  });
  const edited = JSON.stringify({ ...bootstrap, ...options.more?.bootstrap }, (key, value: unknown) => {
    if (key === 'cds_config' && options.withoutClusters === true) return undefined;
    if (key === 'ads_config') return Object.assign({}, value, options.more?.ads);
    if (key === 'transport_socket' || key === 'stats_sinks' || key === 'stats_config') return undefined;
    if (key === 'api_type' && options.variant === 'sotw') return 'GRPC';
    return key === 'connection_keepalive' ? (options.keepalive ?? value) : value;
  });
  await writeFile(join(folder, 'envoy.json'), edited);
  const log: string[] = [];
  const flags = ['-c', join(folder, 'envoy.json'), '--disable-hot-restart', '--concurrency', '1'];
  const envoy = spawnLeashed(await envoyPath(), flags, (line) => log.push(line));
  const client = createEnvoyAdmin(admin);
  return {
    admin: client,
    log,
    stat: async (name) => (await client.stats(`^${name.replaceAll('.', '\\.')}$`)).get(name) ?? 0,
    async kill() {
      envoy.kill('SIGKILL');
      await envoy.exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until Envoy is ready; how long that took, in milliseconds. */
export async function ready(envoy: PlainEnvoy): Promise<number> {
  const began = performance.now();
  await eventually('Envoy is ready', () => envoy.admin.ready(), 20_000, 10);
  return performance.now() - began;
}

/** The stream that everything comes over. */
export const ads = { ads: {}, resource_api_version: 'V3' };

/** A resource from canonical JSON. */
export function resource(
  typeUrl: string,
  name: string,
  json: object,
  references: readonly ResourceReference[] = [],
): Resource {
  const schema = schemaOf(typeUrl);
  const edsName = typeUrl === clusterType ? { edsName: name } : {};
  return createResource({
    typeUrl,
    name,
    value: encode(schema, fromCanonicalJson(schema, json)),
    references,
    ...edsName,
  });
}

const socketAddress = (address: string, port: number) => ({ socket_address: { address, port_value: port } });

/** A stream of its own for each resource that is named with it. */
export function alone(variant: Variant) {
  const source = {
    api_type: variant === 'delta' ? 'DELTA_GRPC' : 'GRPC',
    transport_api_version: 'V3',
    set_node_on_first_message_only: true,
    grpc_services: [{ envoy_grpc: { cluster_name: controlPlaneClusterName } }],
  };
  return { api_config_source: source, resource_api_version: 'V3' };
}

/** A cluster whose endpoints come by EDS. */
export function edsCluster(name: string, source: object = ads): Resource {
  const eds = { eds_config: source };
  return resource(clusterType, name, { name, type: 'EDS', connect_timeout: '1s', eds_cluster_config: eds });
}

/** One endpoint, or none. */
export function assignment(name: string, endpoint?: { readonly address: string; readonly port: number }): Resource {
  const endpoints = endpoint && [
    { lb_endpoints: [{ endpoint: { address: socketAddress(endpoint.address, endpoint.port) } }] },
  ];
  return resource(endpointType, name, { cluster_name: name, ...(endpoints ? { endpoints } : {}) });
}

/** All requests to a cluster. */
export function routes(name: string, cluster: string): Resource {
  const all = { match: { prefix: '/' }, route: { cluster } };
  const hosts = [{ name, domains: ['*'], routes: [all] }];
  return resource(routeType, name, { name, virtual_hosts: hosts }, [{ typeUrl: clusterType, name: cluster }]);
}

/** An HTTP listener whose routes, of the same name, come by RDS; with `secret` it wants a certificate by SDS. */
export function httpListener(name: string, address: string, port: number, secret?: string): Resource {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: name,
    rds: { route_config_name: name, config_source: ads },
    http_filters: [
      {
        name: 'router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  const tls = secret && {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
    common_tls_context: { tls_certificate_sds_secret_configs: [{ name: secret, sds_config: ads }] },
  };
  const chain = {
    filters: [{ name: 'http', typed_config: manager }],
    ...(tls ? { transport_socket: { name: 'tls', typed_config: tls } } : {}),
  };
  return resource(listenerType, name, { name, address: socketAddress(address, port), filter_chains: [chain] }, [
    { typeUrl: routeType, name },
  ]);
}

/** A way through TCP that can be made to swallow everything, as a network that drops packets: nobody is told anything. */
export async function startFaultyWay(port: number) {
  const sockets = new Set<Socket>();
  let swallows = false;
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => swallows || to.write(bytes));
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        if (!swallows) to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    swallow(value: boolean) {
      swallows = value;
      // What was half sent cannot be taken up again.
      if (!value) for (const socket of sockets) socket.destroy();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
