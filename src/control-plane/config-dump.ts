import type { JsonObject } from '@bufbuild/protobuf';
import type { ConfigDump } from '../admin/admin-source.ts';
import { toEnvoyJson } from '../proto/canonical-json.ts';
import { decode } from '../proto/codec.ts';
import { schemaOf } from '../proto/registry.ts';
import type { Resource } from '../xds/resource.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  secretType,
  virtualHostType,
} from '../xds/resource-types.ts';
import { lookup, namesOf, type Snapshot } from '../xds/snapshot.ts';
import { routesOf } from '../xds/virtual-hosts.ts';

/** A resource whose newest form a proxy refused, or is kept from since an equal one refused it. */
export interface HeldInstead {
  /** What it holds in its place, where that is known. */
  readonly held: Resource | undefined;
  /** The version of that; undefined: it holds nothing. */
  readonly version: string | undefined;
  readonly message: string;
  /** ISO time. */
  readonly at: string;
}

/**
 * What a proxy should hold, in the shape of Envoy's own `/config_dump`, so that its viewers work (section 5 of experience.md). Where the
 * newest form was refused the proxy's own stands there, and the refused one under `error_state`, as Envoy does it. Private keys are left
 * out by construction: of a secret only the name and the public certificates are copied (T6).
 */
export function configDump(
  snapshot: Snapshot,
  insteadOf: (resource: Resource) => HeldInstead | undefined = () => undefined,
): ConfigDump {
  const all = (typeUrl: string): readonly Resource[] =>
    [...namesOf(snapshot.layers, typeUrl)].sort().flatMap((name) => lookup(snapshot.layers, typeUrl, name) ?? []);
  const each = (typeUrl: string, entryOf: EntryOf): readonly object[] =>
    all(typeUrl).map((resource) => {
      const { name, version } = resource;
      const instead = insteadOf(resource);
      if (instead === undefined) return entryOf(name, version, resource);
      return { ...entryOf(name, instead.version, instead.held), ...refusal(resource, instead) };
    });
  const hosts = new Map<string, Resource[]>();
  for (const host of all(virtualHostType)) {
    const routes = routesOf(host.name);
    const list = hosts.get(routes);
    if (list === undefined) hosts.set(routes, [host]);
    else list.push(host);
  }
  /** Envoy shows virtual hosts in their route configuration, however they came, and so one that it refused is told of there. */
  const withHosts = (name: string, version: string | undefined, held: Resource | undefined): object => {
    const entry = versioned('route_config')(name, version, held);
    const routes = held && shown(held);
    if (routes?.vhds === undefined) return entry;
    const own = hosts.get(name) ?? [];
    const virtual_hosts = own.flatMap((host) => {
      const instead = insteadOf(host);
      const present = instead === undefined ? host : instead.held;
      return present === undefined ? [] : [hostIn(present)];
    });
    const [refused] = own.flatMap((host) => {
      const instead = insteadOf(host);
      return instead === undefined ? [] : [refusal(host, instead)];
    });
    return { ...entry, route_config: { ...routes, virtual_hosts }, ...refused };
  };
  const dump = (kind: string, fields: Record<string, unknown>) => ({
    '@type': `type.googleapis.com/envoy.admin.v3.${kind}`,
    ...fields,
  });
  return {
    configs: [
      dump('ClustersConfigDump', { dynamic_active_clusters: each(clusterType, versioned('cluster')) }),
      dump('EndpointsConfigDump', { dynamic_endpoint_configs: each(endpointType, versioned('endpoint_config')) }),
      dump('ListenersConfigDump', {
        dynamic_listeners: each(listenerType, (name, version, resource) =>
          version === undefined ? { name } : { name, active_state: versioned('listener')(name, version, resource) },
        ),
      }),
      dump('RoutesConfigDump', { dynamic_route_configs: each(routeType, withHosts) }),
      dump('EcdsConfigDump', { ecds_filters: each(extensionType, versioned('ecds_filter')) }),
      dump('SecretsConfigDump', {
        dynamic_active_secrets: each(secretType, (name, version, resource) => ({
          name,
          ...versioned('secret')(name, version, resource),
        })),
      }),
    ],
  };
}

function refusal(resource: Resource, { message, at }: HeldInstead) {
  const error_state = {
    failed_configuration: shown(resource),
    last_update_attempt: at,
    details: message,
    version_info: resource.version,
  };
  return { error_state, client_status: 'NACKED' };
}

/** A part of a message needs no type. */
function hostIn(host: Resource): JsonObject {
  const { '@type': _, ...fields } = shown(host);
  return fields;
}

/** The entry of what is held; of what a client brought along only the version may be known, and it may hold nothing. */
type EntryOf = (name: string, version: string | undefined, held: Resource | undefined) => object;

function versioned(field: string): EntryOf {
  return (_name, version, held) => ({
    ...(version === undefined ? {} : { version_info: version }),
    ...(held === undefined ? {} : { [field]: shown(held) }),
  });
}

function shown(resource: Resource): JsonObject {
  return resource.typeUrl === secretType ? publicPart(plain(resource)) : plain(resource);
}

function plain(resource: Resource): JsonObject {
  const schema = schemaOf(resource.typeUrl);
  const json = schema === undefined ? undefined : toEnvoyJson(decode(schema, resource.value));
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new TypeError(`no JSON form of ${resource.typeUrl}`);
  return { '@type': resource.typeUrl, ...json };
}

/** An allow-list: whatever else a secret holds stays out. */
function publicPart(secret: JsonObject): JsonObject {
  const shown: JsonObject = { '@type': secret['@type'] ?? '', name: secret.name ?? '' };
  const certificate = member(secret.tls_certificate, 'certificate_chain');
  if (certificate !== undefined) shown.tls_certificate = { certificate_chain: certificate, private_key: '[redacted]' };
  const trusted = member(secret.validation_context, 'trusted_ca');
  if (trusted !== undefined) shown.validation_context = { trusted_ca: trusted };
  return shown;
}

function member(value: JsonObject[string] | undefined, name: string): JsonObject[string] | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value[name] : undefined;
}
