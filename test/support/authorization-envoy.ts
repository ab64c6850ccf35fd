import type { Inbound } from '../../src/model/ir-inbound.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import { clusterName, inboundName } from '../../src/translate/names.ts';
import { translateInbound } from '../../src/translate/translate-inbound.ts';
import { type SecretMaterial, translateSecrets } from '../../src/translate/translate-secrets.ts';
import { staticBootstrap } from '../golden/static-bootstrap.ts';
import type { Judges } from './judges.ts';
import { type StaticEnvoy, startStaticEnvoy } from './static-envoy.ts';

/** One port of one workload, as it was resolved. */
export interface Door {
  readonly inbound: Inbound;
  readonly proxy: Proxy;
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

/**
 * A real Envoy with the inbound listeners of these doors as translation makes them, and nobody to ask. Behind HTTP it answers 200 itself,
 * unless `behind` says `application`;
 * behind TCP stands `application`; the body of its answers are their details (`%RESPONSE_CODE_DETAILS%`) and what `notedKeys` say. Of each
 * connection for bytes the file `log` gets a line: its two ends, and the same notes.
 */
export async function startDoorEnvoy(
  doors: readonly Door[],
  secrets: SecretMaterial,
  application: { readonly address: string; readonly port: number },
  behind: 'answer' | 'application' = 'answer',
  { judges, log }: { readonly judges?: Pick<Judges, 'http' | 'grpc'>; readonly log?: string } = {},
): Promise<StaticEnvoy> {
  const secretResources = translateSecrets(secrets);
  const listeners = doors.map(({ inbound, proxy }, index) => {
    const made = staticBootstrap([...translateInbound([inbound], proxy), ...secretResources]);
    const { listeners: all } = made.static_resources as { readonly listeners: readonly JsonObject[] };
    const [listener = {}] = all;
    const shown = opened(listener, inboundName(inbound.port), `w${index}`, behind);
    return { ...((log === undefined ? shown : logged(shown, log)) as JsonObject), name: `w${index}` };
  });
  const { secrets: staticSecrets } = staticBootstrap(secretResources).static_resources as {
    readonly secrets: readonly JsonObject[];
  };
  return startStaticEnvoy('doors', {
    listeners,
    secrets: staticSecrets.filter(({ name }) => name === 'identity' || name === 'bundle'),
    clusters: [cluster('application', application), ...(judges ? judgeClusters(doors, judges) : [])],
  });
}

/** What rules that are only noted leave of a request (P46), in the order in which an answer says it. */
export const notedKeys = [
  'weft_audit_shadow_effective_policy_id',
  'istio_dry_run_deny_shadow_engine_result',
  'istio_dry_run_deny_shadow_effective_policy_id',
  'istio_dry_run_allow_shadow_engine_result',
  'istio_dry_run_allow_shadow_effective_policy_id',
] as const;

/** The authorizers that the doors ask, under the names by which they do. */
function judgeClusters(doors: readonly Door[], { http, grpc }: Pick<Judges, 'http' | 'grpc'>): readonly JsonObject[] {
  const asked = doors.flatMap(({ inbound }) => inbound.authorization.custom?.authorizer ?? []);
  const byName = new Map(asked.map((authorizer) => [clusterName(authorizer.ref), authorizer.http === undefined]));
  return [...byName].map(([name, isGrpc]) => ({
    ...cluster(name, isGrpc ? grpc : http),
    ...(isGrpc && { typed_extension_protocol_options: { [protocolOptions]: overHttp2 } }),
  }));
}
const protocolOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const overHttp2 = {
  '@type': `type.googleapis.com/${protocolOptions}`,
  explicit_http_config: { http2_protocol_options: {} },
};

/** A cluster of one address. */
function cluster(name: string, { address, port }: { readonly address: string; readonly port: number }): JsonObject {
  const endpoint = { address: { socket_address: { address, port_value: port } } };
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
  };
}

/** A listener on a port that Envoy chooses, under its own name, that leads to where the test looks. */
function opened(value: Json, name: string, own: string, behind: 'answer' | 'application'): Json {
  if (typeof value !== 'object' || value === null) return value === name ? own : value;
  if (isList(value)) return value.map((each) => opened(each, name, own, behind));
  const kept = Object.entries(value).map(([key, inner]): readonly [string, Json] => {
    if (key === 'port_value') return [key, 0];
    if (key === 'cluster' && inner === name) return [key, 'application'];
    return [key, opened(inner, name, own, behind)];
  });
  const { route, ...rest } = Object.fromEntries(kept);
  const answer = { status: 200, body: { inline_string: 'served' } };
  const served =
    route === undefined || !('match' in rest) || behind === 'application'
      ? Object.fromEntries(kept)
      : { ...rest, direct_response: answer };
  if (!('http_filters' in served)) return served;
  const noted = notedKeys.map((key) => `%DYNAMIC_METADATA(envoy.filters.http.rbac:${key})%`);
  const details = { text_format_source: { inline_string: ['%RESPONSE_CODE_DETAILS%', ...noted].join(' ') } };
  const replies = served.local_reply_config;
  const given = typeof replies === 'object' && replies !== null && !isList(replies) ? replies : {};
  return { ...served, local_reply_config: { ...given, body_format: details } };
}

/** Connections have no answer in which their notes could stand. */
function logged(value: Json, file: string): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map((each) => logged(each, file));
  const kept = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, logged(inner, file)]));
  if (!String(kept['@type']).endsWith('.TcpProxy')) return kept;
  const noted = notedKeys.map((key) => `%DYNAMIC_METADATA(envoy.filters.network.rbac:${key})%`);
  const line = ['%DOWNSTREAM_REMOTE_ADDRESS%>%DOWNSTREAM_LOCAL_ADDRESS%', ...noted].join(' ');
  const config = {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
    path: file,
    log_format: { text_format_source: { inline_string: `${line}\n` } },
  };
  return { ...kept, access_log: [{ name: 'notes', typed_config: config }] };
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}
