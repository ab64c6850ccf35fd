import type { DumpedResource } from './config-dump.ts';
import { addressText, at, everywhere, field, items, type Json, textOf } from './dump-value.ts';

/** One line of `weft proxy-config routes`: a route with each cluster that it may choose. */
export interface RouteRow {
  readonly configuration: string;
  /** Where requests to it come in, `127.0.0.1:21003`; `-`: at no listener of the dump. */
  readonly listener: string;
  readonly host: string;
  readonly match: string;
  readonly cluster: string;
  readonly weight: string;
  /** Where the rule stands, `policies/reviews.yaml:9`; else the name of the route. */
  readonly from: string;
}

/** Rows in the order in which routes are tried. `placeOf` finds the line of a route's name. */
export function routeRows(
  configurations: readonly DumpedResource[],
  listeners: readonly DumpedResource[],
  placeOf: (routeName: string) => string | undefined,
): readonly RouteRow[] {
  const addresses = addressesByRoutes(listeners);
  return configurations.flatMap(({ name: configuration, resource }) =>
    items(field(resource, 'virtual_hosts')).flatMap((host) => {
      const domains = items(field(host, 'domains')).map(textOf);
      return items(field(host, 'routes')).flatMap((route) => {
        const routeName = textOf(field(route, 'name'));
        return targets(route).map(({ cluster, weight }) => ({
          configuration,
          listener: addresses.get(configuration)?.join(',') ?? '-',
          host: domains[0] ?? textOf(field(host, 'name')),
          match: matchText(field(route, 'match')),
          cluster,
          weight,
          from: placeOf(routeName) ?? (routeName || '-'),
        }));
      });
    }),
  );
}

/** By the name of a route configuration, where its listeners are. */
function addressesByRoutes(listeners: readonly DumpedResource[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { name, resource } of listeners) {
    const address = addressText(field(resource, 'address')) || name;
    for (const configuration of new Set(everywhere(resource, 'route_config_name').map(textOf)))
      found.set(configuration, [...(found.get(configuration) ?? []), address]);
  }
  return found;
}

function targets(route: Json): readonly { readonly cluster: string; readonly weight: string }[] {
  const action = field(route, 'route');
  const weighted = items(at(action, 'weighted_clusters', 'clusters'));
  if (weighted.length > 0) {
    return weighted.map((entry) => ({ cluster: textOf(field(entry, 'name')), weight: textOf(field(entry, 'weight')) }));
  }
  const redirect = field(route, 'redirect');
  if (redirect !== undefined) return [{ cluster: `redirect ${redirectText(redirect)}`, weight: '-' }];
  const direct = field(route, 'direct_response');
  if (direct !== undefined) return [{ cluster: `answers ${textOf(field(direct, 'status'))}`, weight: '-' }];
  const header = textOf(field(action, 'cluster_header'));
  const cluster = textOf(field(action, 'cluster')) || (header ? `by header ${header}` : '');
  return [{ cluster: cluster || '-', weight: '-' }];
}

function redirectText(redirect: Json): string {
  const scheme = textOf(field(redirect, 'scheme_redirect'));
  const host = textOf(field(redirect, 'host_redirect'));
  const port = textOf(field(redirect, 'port_redirect'));
  const path = textOf(field(redirect, 'path_redirect')) || textOf(field(redirect, 'prefix_rewrite'));
  return `${scheme && `${scheme}://`}${host}${port && `:${port}`}${path}` || '-';
}

function matchText(match: Json): string {
  const path = pathText(match);
  const headers = items(field(match, 'headers')).map((header) => {
    const name = textOf(field(header, 'name'));
    const not = field(header, 'invert_match') === true ? '!' : '';
    const condition = stringText(field(header, 'string_match'));
    return name === ':method' && not === '' ? condition.replace(/^=/, '') : `${not}${name}${condition}`;
  });
  const query = items(field(match, 'query_parameters')).map(
    (parameter) => `?${textOf(field(parameter, 'name'))}${stringText(field(parameter, 'string_match'))}`,
  );
  const parts = [...(path === '/*' ? [] : [path]), ...headers, ...query];
  return parts.length === 0 ? 'any' : parts.join(' ');
}

function pathText(match: Json): string {
  const exact = textOf(field(match, 'path'));
  if (exact) return exact;
  const prefix = textOf(field(match, 'prefix'));
  if (prefix) return `${prefix}*`;
  const separated = textOf(field(match, 'path_separated_prefix'));
  if (separated) return `${separated}/*`;
  const regex = textOf(at(match, 'safe_regex', 'regex'));
  if (regex) return `~${regex}`;
  return field(match, 'connect_matcher') === undefined ? '/*' : 'CONNECT';
}

function stringText(match: Json): string {
  const exact = field(match, 'exact');
  if (exact !== undefined) return `=${textOf(exact)}`;
  const prefix = field(match, 'prefix');
  if (prefix !== undefined) return `=${textOf(prefix)}*`;
  const suffix = field(match, 'suffix');
  if (suffix !== undefined) return `=*${textOf(suffix)}`;
  const contains = field(match, 'contains');
  if (contains !== undefined) return `=*${textOf(contains)}*`;
  const regex = textOf(at(match, 'safe_regex', 'regex'));
  return regex ? `~${regex}` : '';
}
