import { test } from 'vitest';
import { createXdsServer, type XdsServer } from '../../src/xds/create-xds-server.ts';
import { resourceOf } from '../../src/xds/json-resource.ts';
import type { Resource } from '../../src/xds/resource.ts';
import type { StreamEvent, XdsServerOptions } from '../../src/xds/server-options.ts';
import { type GrpcClient, startGreeter, startGrpcClient } from '../support/grpc-client.ts';

type Json = Readonly<Record<string, unknown>>;
const typed = (name: string, fields: Json = {}) => ({ '@type': `type.googleapis.com/envoy.${name}`, ...fields });
const ads = { ads: {}, resource_api_version: 'V3' };

/**
 * What `xds:///name` resolves to: a listener whose routes, of the same name, come by RDS; `mark` makes
 * contents differ, and gRPC refuses an original destination.
 */
export function apiListener(
  name: string,
  options: { readonly ttl?: number; readonly mark?: string; readonly originalDestination?: boolean } = {},
): Resource {
  const { mark, originalDestination, ...more } = options;
  const refused = originalDestination === true ? { use_original_dst: true } : {};
  const manager = typed('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: mark ?? name,
    rds: { route_config_name: name, config_source: ads },
    http_filters: [{ name: 'router', typed_config: typed('extensions.filters.http.router.v3.Router') }],
  });
  return resourceOf(
    typed('config.listener.v3.Listener', { name, api_listener: { api_listener: manager }, ...refused }),
    more,
  );
}

/** All calls to one cluster, but for those with routes of their own by path; `retries` of 0 is what gRPC refuses. */
export function routesTo(
  name: string,
  cluster: string,
  options: { readonly paths?: Readonly<Record<string, string>>; readonly retries?: number } = {},
): Resource {
  const own = Object.entries(options.paths ?? {}).map(([path, to]) => ({ match: { path }, route: { cluster: to } }));
  const retry =
    options.retries === undefined ? {} : { retry_policy: { retry_on: '5xx', num_retries: options.retries } };
  const all = { match: { prefix: '' }, route: { cluster, ...retry } };
  const hosts = [{ name, domains: ['*'], routes: [...own, all] }];
  return resourceOf(typed('config.route.v3.RouteConfiguration', { name, virtual_hosts: hosts }));
}

/** An EDS cluster; gRPC knows no `MAGLEV` and refuses it. `mark` makes contents differ. */
export function grpcCluster(name: string, policy: 'ROUND_ROBIN' | 'MAGLEV' = 'ROUND_ROBIN', mark = ''): Resource {
  const eds = { eds_cluster_config: { eds_config: ads } };
  return resourceOf(
    typed('config.cluster.v3.Cluster', { name, type: 'EDS', lb_policy: policy, alt_stat_name: mark, ...eds }),
  );
}

/** Ports of loopback by priority; `factor` is the overprovisioning factor. */
export function assignmentOf(
  name: string,
  priorities: readonly (readonly (number | { readonly port: number; readonly health: string })[])[],
  factor?: number,
): Resource {
  const endpoints = priorities.map((ports, priority) => ({
    priority,
    locality: {},
    load_balancing_weight: 1,
    lb_endpoints: ports.map((port) => {
      const [number, health] = typeof port === 'number' ? [port, {}] : [port.port, { health_status: port.health }];
      return { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: number } } }, ...health };
    }),
  }));
  const policy = factor === undefined ? {} : { policy: { overprovisioning_factor: factor } };
  return resourceOf(typed('config.endpoint.v3.ClusterLoadAssignment', { cluster_name: name, endpoints, ...policy }));
}

/** Everything that `xds:///name` needs, to one port. */
export function service(name: string, port: number): readonly Resource[] {
  return [apiListener(name), routesTo(name, name), grpcCluster(name), assignmentOf(name, [[port]])];
}

export interface Scene {
  readonly server: XdsServer;
  readonly events: readonly StreamEvent<undefined>[];
  client(trace?: boolean): GrpcClient;
  /** The port of a new greeter. */
  greeter(name: string): Promise<number>;
  /** Stops the server, and starts another on its port, with nothing to serve yet. */
  restart(): Promise<XdsServer>;
}

/** Runs a body against our server and the real gRPC client, on both transports. */
export function withGrpc(title: string, body: (scene: Scene) => Promise<void>): void {
  for (const transport of ['http2', 'grpc-js'] as const)
    test(`${title} [${transport}]`, { timeout: 60_000 }, async () => {
      const stops: (() => unknown)[] = [];
      const events: StreamEvent<undefined>[] = [];
      const start = (port: number): Promise<XdsServer> => {
        const options: XdsServerOptions<undefined> = {
          address: '127.0.0.1',
          port,
          credentials: 'plaintext',
          transport,
          quiet: { quiet: 10, endpointsQuiet: 5 },
          timing: { hold: 500, grace: 200 },
          observe: (event) => events.push(event),
        };
        return createXdsServer(options);
      };
      let server = await start(0);
      let clients = 0;
      try {
        await body({
          get server() {
            return server;
          },
          events,
          client(trace = false) {
            clients += 1;
            const client = startGrpcClient({ xdsPort: server.port, node: `grpc-${clients}`, trace });
            stops.push(client.stop);
            return client;
          },
          async greeter(name) {
            const greeter = await startGreeter(name);
            stops.push(greeter.stop);
            return greeter.port;
          },
          async restart() {
            const { port } = server;
            await server.close();
            server = await start(port);
            return server;
          },
        });
      } finally {
        for (const stop of stops.reverse()) await stop();
        await server.close();
      }
    });
}
