import type { JsonObject } from '@bufbuild/protobuf';
import type { ConfigDump } from '../admin/admin-source.ts';
import { toEnvoyJson } from '../proto/canonical-json.ts';
import { decode } from '../proto/codec.ts';
import { schemaOf } from '../proto/registry.ts';
import type { Resource } from '../xds/resource.ts';
import { clusterType, endpointType, listenerType, routeType, secretType } from '../xds/resource-types.ts';
import { lookup, namesOf, type Snapshot } from '../xds/snapshot.ts';

/**
 * What a proxy should hold, in the shape of Envoy's own `/config_dump`, so that its viewers work (section 5 of experience.md). Private
 * keys are left out by construction: of a secret only the name and the public certificates are copied (T6).
 */
export function configDump(snapshot: Snapshot): ConfigDump {
  const resources = (typeUrl: string): readonly Resource[] =>
    [...namesOf(snapshot.layers, typeUrl)].sort().flatMap((name) => lookup(snapshot.layers, typeUrl, name) ?? []);
  const each = (typeUrl: string, field: string) =>
    resources(typeUrl).map((resource) => ({ version_info: resource.version, [field]: plain(resource) }));
  const dump = (kind: string, fields: Record<string, unknown>) => ({
    '@type': `type.googleapis.com/envoy.admin.v3.${kind}`,
    ...fields,
  });
  return {
    configs: [
      dump('ClustersConfigDump', { dynamic_active_clusters: each(clusterType, 'cluster') }),
      dump('EndpointsConfigDump', { dynamic_endpoint_configs: each(endpointType, 'endpoint_config') }),
      dump('ListenersConfigDump', {
        dynamic_listeners: resources(listenerType).map((resource) => ({
          name: resource.name,
          active_state: { version_info: resource.version, listener: plain(resource) },
        })),
      }),
      dump('RoutesConfigDump', { dynamic_route_configs: each(routeType, 'route_config') }),
      dump('SecretsConfigDump', {
        dynamic_active_secrets: resources(secretType).map((resource) => ({
          name: resource.name,
          version_info: resource.version,
          secret: publicPart(plain(resource)),
        })),
      }),
    ],
  };
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
