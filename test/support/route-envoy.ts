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
import { proxyListener } from '../../src/translate/outbound-listener.ts';
import { type StaticEnvoy, startStaticEnvoy } from './static-envoy.ts';

/** One listener as behind HTTP_PROXY, with routes that are there from the start. */
export interface RoutedListener {
  readonly terms: ListenerTerms;
  readonly routes: RouteConfiguration;
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
export async function startRouteEnvoy(listeners: readonly RoutedListener[]): Promise<StaticEnvoy> {
  const json = listeners.map(({ terms, routes }, index) => {
    const listener = toEnvoyJson(proxyListener('127.0.0.1', 0, terms));
    return { ...inlined(listener, toEnvoyJson(routes)), name: `l${index}` };
  });
  return startStaticEnvoy('routes', { listeners: json });
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
