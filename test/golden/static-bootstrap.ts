import type { Message } from '@bufbuild/protobuf';
import { toEnvoyJson } from '../../src/proto/canonical-json.ts';
import { decode } from '../../src/proto/codec.ts';
import { schemaOf } from '../../src/proto/registry.ts';
import type { Resource } from '../../src/xds/resource.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  secretType,
} from '../../src/xds/resource-types.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

/** The message inside a resource. */
export function messageOf(resource: Resource): Message {
  return decode(schemaOf(resource.typeUrl), resource.value);
}

/**
 * A bootstrap that holds everything and asks nobody: `envoy --mode validate` looks only at what is static, so routes and
 * filters move into their listeners, endpoints into their clusters, and secrets are named where they were asked for. Nothing else changes. Throws if a
 * resource refers to a route configuration, endpoints or a secret that is not among them. Files that secrets name do not exist here:
 * `pem` stands for what is in them, and revocations are left out.
 */
export function staticBootstrap(resources: readonly Resource[], pem = { certificate: '', key: '' }): JsonObject {
  const find = (typeUrl: string, name: string): JsonObject => {
    const found = resources.find((resource) => resource.typeUrl === typeUrl && resource.name === name);
    if (found === undefined) throw new Error(`nothing is called ${name} among ${typeUrl}`);
    return jsonOf(found);
  };
  const all = (typeUrl: string) => resources.filter((resource) => resource.typeUrl === typeUrl).map(jsonOf);
  const inline = (json: Json): Json => {
    if (typeof json !== 'object' || json === null) return json;
    if (isList(json)) return json.map(inline);
    const { rds, sds_config: sds, config_discovery: discovery, ...rest } = json;
    if (discovery !== undefined) return find(extensionType, String(json.name));
    const kept = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, inline(value)]));
    if (sds !== undefined) find(secretType, String(json.name));
    if (rds === undefined) return kept;
    const name = typeof rds === 'object' && rds !== null && !isList(rds) ? String(rds.route_config_name) : '';
    return { ...kept, route_config: find(routeType, name) };
  };
  const clusters = all(clusterType).map((json) => {
    const { eds_cluster_config: eds, ...rest } = json;
    if (eds === undefined) return inline(json);
    const endpoints = find(endpointType, String(json.name));
    return { ...(inline(rest) as JsonObject), type: 'STATIC', load_assignment: endpoints };
  });
  return {
    node: { id: 'golden', cluster: 'golden' },
    static_resources: {
      clusters,
      listeners: all(listenerType).map(inline),
      secrets: all(secretType).map((secret) => withoutFiles(secret, pem)),
    },
  };
}

function withoutFiles(json: Json, pem: { readonly certificate: string; readonly key: string }, name = ''): Json {
  if (typeof json !== 'object' || json === null) return json;
  if (isList(json)) return json.map((item) => withoutFiles(item, pem));
  if ('filename' in json) return { inline_string: name === 'private_key' ? pem.key : pem.certificate };
  const kept = Object.entries(json).filter(([key]) => key !== 'watched_directory' && key !== 'crl');
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutFiles(value, pem, key)]));
}

function jsonOf(resource: Resource): JsonObject {
  return toEnvoyJson(messageOf(resource)) as JsonObject;
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}
