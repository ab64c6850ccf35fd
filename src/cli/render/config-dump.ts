import { Failure } from '../../model/failure.ts';
import { at, field, items, type Json, keyOf, objectOf, textOf } from './dump-value.ts';

/** The parts of a configuration that `weft proxy-config` shows, in the order of `all`. */
export const dumpTypes = ['listeners', 'routes', 'clusters', 'endpoints', 'secrets', 'bootstrap'] as const;
export type DumpType = (typeof dumpTypes)[number];

/** One resource of a dump: the message itself, and the version under which it is held. */
export interface DumpedResource {
  readonly name: string;
  readonly version: string;
  readonly resource: Json;
}

/** A resource whose newest form was refused; `version`: of what is held in its place, empty: nothing. */
export interface RefusedInDump {
  readonly name: string;
  readonly version: string;
  readonly message: string;
}

interface PartShape {
  readonly message: string;
  /** The lists of a part, and the path to the resource in each entry. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly nameField: string;
}

const shapes: Readonly<Record<Exclude<DumpType, 'bootstrap'>, PartShape>> = {
  listeners: {
    message: 'ListenersConfigDump',
    lists: { static_listeners: ['listener'], dynamic_listeners: ['active_state', 'listener'] },
    nameField: 'name',
  },
  routes: {
    message: 'RoutesConfigDump',
    lists: { static_route_configs: ['route_config'], dynamic_route_configs: ['route_config'] },
    nameField: 'name',
  },
  clusters: {
    message: 'ClustersConfigDump',
    lists: { static_clusters: ['cluster'], dynamic_active_clusters: ['cluster'] },
    nameField: 'name',
  },
  endpoints: {
    message: 'EndpointsConfigDump',
    lists: { static_endpoint_configs: ['endpoint_config'], dynamic_endpoint_configs: ['endpoint_config'] },
    nameField: 'cluster_name',
  },
  secrets: {
    message: 'SecretsConfigDump',
    lists: { static_secrets: ['secret'], dynamic_active_secrets: ['secret'], dynamic_warming_secrets: ['secret'] },
    nameField: 'name',
  },
};

/** The entries `configs` of Envoy's config dump, or of one that Weft made. Throws Failure WEFT0912 for anything else. */
export function dumpParts(dump: Json, where: string): readonly Json[] {
  const configs = field(dump, 'configs');
  if (Array.isArray(configs)) return configs;
  throw new Failure(
    'WEFT0912',
    `${where} is not a config dump: it has no list "configs"`,
    'take one with: curl "http://ADMIN/config_dump?include_eds", or weft proxy-config all NAME -o json',
    where,
  );
}

/** The parts of one type, as they stand in the dump. */
export function partsOf(parts: readonly Json[], type: DumpType): readonly Json[] {
  const message = type === 'bootstrap' ? 'BootstrapConfigDump' : shapes[type].message;
  return parts.filter((part) => textOf(field(part, '@type')).endsWith(`.${message}`));
}

/** The resources of one type, by name. */
export function resourcesOf(parts: readonly Json[], type: DumpType): readonly DumpedResource[] {
  if (type === 'bootstrap') {
    return partsOf(parts, type).map((part) => ({ name: 'bootstrap', version: '', resource: field(part, 'bootstrap') }));
  }
  const { lists, nameField } = shapes[type];
  return partsOf(parts, type)
    .flatMap((part) =>
      Object.entries(lists).flatMap(([list, path]) =>
        items(field(part, list)).flatMap((entry) => {
          const resource = at(entry, ...path);
          // A listener that is only warming, or was refused, has no active state.
          if (resource === undefined) return [];
          const version = textOf(field(entry, 'version_info')) || textOf(at(entry, 'active_state', 'version_info'));
          return [{ name: textOf(field(resource, nameField)) || textOf(field(entry, 'name')), version, resource }];
        }),
      ),
    )
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** The parts of one type with those resources alone that `keep` leaves, as it leaves them. */
export function filteredParts(
  parts: readonly Json[],
  type: DumpType,
  keep: (resource: DumpedResource) => DumpedResource | undefined,
): readonly Json[] {
  if (type === 'bootstrap') return parts;
  const { lists, nameField } = shapes[type];
  const filtered = (entry: Json, path: readonly string[]): readonly Json[] => {
    const resource = at(entry, ...path);
    const name = textOf(field(resource, nameField)) || textOf(field(entry, 'name'));
    const left = keep({ name, version: '', resource });
    return left === undefined ? [] : [withAt(entry, path, left.resource)];
  };
  return parts.map((part) => {
    const lefts = Object.entries(lists).flatMap(([list, path]) => {
      const key = keyOf(part, list);
      return key === undefined
        ? []
        : [[key, items(field(part, list)).flatMap((entry) => filtered(entry, path))] as const];
    });
    return { ...objectOf(part), ...Object.fromEntries(lefts) };
  });
}

function withAt(value: Json, [first, ...rest]: readonly string[], inner: Json): Json {
  const key = first === undefined ? undefined : keyOf(value, first);
  if (first === undefined) return inner;
  return key === undefined ? value : { ...objectOf(value), [key]: withAt(field(value, first), rest, inner) };
}

/** What stands in a dump under `error_state`, by name: Envoy's own dumps have it for listeners, Weft's for every type. */
export function refusedOf(parts: readonly Json[], type: DumpType): readonly RefusedInDump[] {
  if (type === 'bootstrap') return [];
  const { lists, nameField } = shapes[type];
  return partsOf(parts, type).flatMap((part) =>
    Object.keys(lists).flatMap((list) =>
      items(field(part, list)).flatMap((entry) => {
        const state = field(entry, 'error_state');
        if (state === undefined) return [];
        const name = textOf(field(entry, 'name')) || textOf(at(state, 'failed_configuration', nameField));
        const version = textOf(field(entry, 'version_info')) || textOf(at(entry, 'active_state', 'version_info'));
        return [{ name, version, message: textOf(field(state, 'details')) }];
      }),
    ),
  );
}
