import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ListenerTerms } from '../../src/model/ir-mesh.ts';
import { toEnvoyJson } from '../../src/proto/canonical-json.ts';
import {
  type Route,
  RouteSchema,
  type VirtualHost,
  VirtualHostSchema,
} from '../../src/proto/gen/envoy/config/route/v3/route_components_pb.ts';
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from '../../src/proto/gen/envoy/config/route/v3/route_pb.ts';
import { message } from '../../src/proto/message.ts';
import { createEnvoyAdmin } from '../../src/sidecar/envoy-admin.ts';
import { spawnLeashed } from '../../src/sidecar/spawn-leashed.ts';
import { proxyListener } from '../../src/translate/outbound-listener.ts';
import { envoyPath } from './envoy-path.ts';
import { eventually } from './eventually.ts';

/** One listener as behind HTTP_PROXY, with routes that are there from the start. */
export interface RoutedListener {
  readonly terms: ListenerTerms;
  readonly routes: RouteConfiguration;
}

export interface RouteEnvoy {
  /** The ports of the listeners, in their order. */
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

/**
 * The same virtual hosts, but each route only says which one it is: `<virtual host>#<index>` as the answer's body, and
 * `more(virtual host, index)` beside it. Whatever the route is to do besides is left out; how it matches stays as translated.
 */
export function tellingRoutes(configuration: RouteConfiguration): RouteConfiguration {
  const { name, virtualHosts } = configuration;
  const host = ({ name: hostName, domains, routes }: VirtualHost): VirtualHost =>
    message(VirtualHostSchema, {
      name: hostName,
      domains,
      routes: routes.map((route, index) => telling(route, `${hostName}#${index}`)),
    });
  return message(RouteConfigurationSchema, { name, virtualHosts: virtualHosts.map(host) });
}

function telling({ match, name }: Route, text: string): Route {
  const body = { specifier: { case: 'inlineString' as const, value: text } };
  return message(RouteSchema, {
    name,
    ...(match === undefined ? {} : { match }),
    action: { case: 'directResponse', value: { status: 200, body } },
  });
}

/** A real Envoy with these listeners and nobody to ask; Envoy chooses their ports. */
export async function startRouteEnvoy(listeners: readonly RoutedListener[]): Promise<RouteEnvoy> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-routes-'));
  const admin = { kind: 'pipe', path: join(folder, 'admin.sock') } as const;
  const json = listeners.map(({ terms, routes }, index) => {
    const listener = toEnvoyJson(proxyListener('127.0.0.1', 0, terms));
    return { ...inlined(listener, toEnvoyJson(routes)), name: `l${index}` };
  });
  const bootstrap = {
    node: { id: 'routes', cluster: 'routes' },
    admin: { address: { pipe: { path: admin.path, mode: 0o600 } } },
    static_resources: { listeners: json },
    // As Weft's bootstraps: the size of expressions is bounded by the check of policies.
    layered_runtime: {
      layers: [
        { name: 'static', static_layer: { re2: { max_program_size: { error_level: 32_768, warn_level: 32_768 } } } },
      ],
    },
  };
  const file = join(folder, 'envoy.json');
  await writeFile(file, JSON.stringify(bootstrap));
  const log: string[] = [];
  const flags = ['-c', file, '--disable-hot-restart', '--concurrency', '1', '-l', 'error'];
  const envoy = spawnLeashed(await envoyPath(), flags, (line) => log.push(line));
  const stop = async () => {
    envoy.kill('SIGKILL');
    await envoy.exited;
    await rm(folder, { recursive: true, force: true });
  };
  let ended = false;
  void envoy.exited.then(() => {
    ended = true;
  });
  try {
    const client = createEnvoyAdmin(admin, 5_000);
    await eventually('the Envoy of the routes is ready', async () => ended || (await client.ready()), 30_000);
    if (ended) throw new Error(`Envoy ended:\n${log.join('\n').slice(0, 4_000)}`);
    return { ports: portsOf(await client.get('/listeners?format=json'), listeners.length), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A listener whose routes stand in it: its `rds` becomes `route_config`. */
function inlined(value: unknown, routes: unknown): object {
  const replace = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(replace);
    if (typeof part !== 'object' || part === null) return part;
    const entries = Object.entries(part);
    return Object.fromEntries(
      entries.map(([key, inner]) => (key === 'rds' ? ['route_config', routes] : [key, replace(inner)])),
    );
  };
  return replace(value) as object;
}

function portsOf(text: string, count: number): readonly number[] {
  const { listener_statuses: statuses } = JSON.parse(text) as {
    readonly listener_statuses: readonly {
      readonly name: string;
      readonly local_address: { readonly socket_address: { readonly port_value: number } };
    }[];
  };
  const byName = new Map(statuses.map((status) => [status.name, status.local_address.socket_address.port_value]));
  return Array.from({ length: count }, (_, index) => byName.get(`l${index}`) ?? 0);
}
