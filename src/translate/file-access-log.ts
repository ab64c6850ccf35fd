import type { JsonObject } from '@bufbuild/protobuf';
import type { AccessLogDecision } from '../model/ir-mesh.ts';
import type { LogFormat, LogValue } from '../model/mesh-config.ts';
import { remember } from '../model/remember.ts';
import { pack } from '../proto/codec.ts';
import { type AccessLog, AccessLogSchema } from '../proto/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import {
  type SubstitutionFormatString,
  SubstitutionFormatStringSchema,
} from '../proto/gen/envoy/config/core/v3/substitution_format_string_pb.ts';
import { FileAccessLogSchema } from '../proto/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import {
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
} from '../proto/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import { message } from '../proto/message.ts';
import { shadowPrefix } from './rbac.ts';

/** What a line tells where nobody wrote a format (D28), by the names that it has as JSON. */
const told = {
  start_time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  route_name: '%ROUTE_NAME%',
  // P39, P46: the id of the rule of an AUDIT policy that matched, and what policies in dry-run would have decided.
  audit: noted(`${shadowPrefix.audit}shadow_effective_policy_id`),
  dry_run_deny: noted(`${shadowPrefix.deny}shadow_engine_result`),
  dry_run_allow: noted(`${shadowPrefix.allow}shadow_engine_result`),
};

/** What rules left in the metadata of a request or, where there are none, of a connection. */
function noted(name: string): string {
  const operators = ['http', 'network'].map((layer) => ({
    command: 'DYNAMIC_METADATA',
    param: `envoy.filters.${layer}.rbac:${name}`,
  }));
  return `%COALESCE(${JSON.stringify({ operators })})%`;
}

/** The same as text: callers' words in quotes, for they may hold spaces. */
function defaultLine(): string {
  const { start_time, method, path, protocol, ...rest } = told;
  const quoted = [
    'upstream_transport_failure_reason',
    'x_forwarded_for',
    'user_agent',
    'request_id',
    'authority',
    'upstream_host',
  ];
  const words = Object.entries(rest).map(([name, command]) => (quoted.includes(name) ? `"${command}"` : command));
  return `${[`[${start_time}]`, `"${method} ${path} ${protocol}"`, ...words].join(' ')}\n`;
}

/**
 * A line for each request and connection, where MeshConfig asks for one. The standard streams have loggers of their own: as files they
 * cannot be opened where they are sockets, as below `weft run`, and Envoy would refuse the listener.
 */
export const fileAccessLog = remember(({ file, encoding, format }: AccessLogDecision): AccessLog => {
  const logFormat = encoding === 'json' ? jsonFormat(format) : textFormat(format);
  const accessLogFormat = { case: 'logFormat' as const, value: logFormat };
  const streams = { '/dev/stdout': StdoutAccessLogSchema, '/dev/stderr': StderrAccessLogSchema };
  const stream = Object.hasOwn(streams, file) ? streams[file as keyof typeof streams] : undefined;
  return message(AccessLogSchema, {
    name: 'weft.lines',
    configType: {
      case: 'typedConfig',
      value: stream ? pack(stream, { accessLogFormat }) : pack(FileAccessLogSchema, { path: file, accessLogFormat }),
    },
  });
});

/** Every line ends. */
function textFormat(format: LogFormat | undefined): SubstitutionFormatString {
  const text = typeof format === 'string' ? format : defaultLine();
  const inlineString = text.endsWith('\n') ? text : `${text}\n`;
  return message(SubstitutionFormatStringSchema, {
    format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: inlineString } } },
  });
}

function jsonFormat(format: LogFormat | undefined): SubstitutionFormatString {
  const value: LogValue = typeof format === 'object' ? format : told;
  return message(SubstitutionFormatStringSchema, {
    // What was read as JSON is a JSON object.
    format: { case: 'jsonFormat', value: value as JsonObject },
  });
}
