import { nearestName } from '../model/nearest-name.ts';
import type { Tier } from './shape.ts';

/** Commands of Envoy's access logs that may stand alone, `%NAME%`; all of them were tried on the pinned Envoy. */
export const plainCommands: ReadonlySet<string> = new Set(
  `
  ACCESS_LOG_TYPE BYTES_RECEIVED BYTES_RETRANSMITTED BYTES_SENT CONNECTION_ID CONNECTION_TERMINATION_DETAILS
  CUSTOM_FLAGS DOWNSTREAM_CX_RTT DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED
  DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT DOWNSTREAM_DETECTED_CLOSE_TYPE DOWNSTREAM_DIRECT_LOCAL_ADDRESS
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT
  DOWNSTREAM_DIRECT_LOCAL_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT
  DOWNSTREAM_DIRECT_REMOTE_PORT DOWNSTREAM_HANDSHAKE_DURATION DOWNSTREAM_HEADER_BYTES_RECEIVED
  DOWNSTREAM_HEADER_BYTES_SENT DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_CLOSE_REASON DOWNSTREAM_LOCAL_DNS_SAN
  DOWNSTREAM_LOCAL_EMAIL_SAN DOWNSTREAM_LOCAL_IP_SAN DOWNSTREAM_LOCAL_OTHERNAME_SAN DOWNSTREAM_LOCAL_PORT
  DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_LOCAL_URI_SAN DOWNSTREAM_PEER_CERT DOWNSTREAM_PEER_CERT_V_END
  DOWNSTREAM_PEER_CERT_V_START DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1 DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256
  DOWNSTREAM_PEER_CHAIN_SERIALS DOWNSTREAM_PEER_DNS_SAN DOWNSTREAM_PEER_EMAIL_SAN DOWNSTREAM_PEER_FINGERPRINT_1
  DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_IP_SAN DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256
  DOWNSTREAM_PEER_ISSUER_SERIAL DOWNSTREAM_PEER_OTHERNAME_SAN DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_SUBJECT
  DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_REMOTE_PORT
  DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_GROUP DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_VERSION
  DOWNSTREAM_TRANSPORT_FAILURE_REASON DOWNSTREAM_WIRE_BYTES_RECEIVED DOWNSTREAM_WIRE_BYTES_SENT DURATION EMIT_TIME
  EMIT_TIME_LOCAL FILTER_CHAIN_NAME GRPC_STATUS GRPC_STATUS_NUMBER HOSTNAME LISTENER_NAME LOCAL_REPLY_BODY
  PACKETS_RETRANSMITTED PATH PROTOCOL QUERY_PARAMS REQUESTED_SERVER_NAME REQUEST_DURATION REQUEST_HEADERS_BYTES
  REQUEST_TX_DURATION RESPONSE_CODE RESPONSE_CODE_DETAILS RESPONSE_DURATION RESPONSE_FLAGS RESPONSE_FLAGS_LONG
  RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES RESPONSE_TX_DURATION ROUNDTRIP_DURATION ROUTE_NAME
  ROUTE_RESOLUTION_COUNT ROUTE_RESOLUTION_TIME_US SPAN_ID START_TIME START_TIME_LOCAL STREAM_ID TLS_JA3_FINGERPRINT
  TLS_JA4_FINGERPRINT TRACE_ID UNIQUE_ID UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW UPSTREAM_CONNECTION_ID
  UPSTREAM_CONNECTION_IDS_ATTEMPTED UPSTREAM_CONNECTION_POOL_READY_DURATION
  UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT UPSTREAM_DETECTED_CLOSE_TYPE
  UPSTREAM_HEADER_BYTES_RECEIVED UPSTREAM_HEADER_BYTES_SENT UPSTREAM_HOST UPSTREAM_HOSTS_ATTEMPTED
  UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT UPSTREAM_HOST_NAME UPSTREAM_HOST_NAMES_ATTEMPTED
  UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT UPSTREAM_HOST_NAME_WITHOUT_PORT UPSTREAM_LOCAL_ADDRESS
  UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_CLOSE_REASON UPSTREAM_LOCAL_DNS_SAN UPSTREAM_LOCAL_IP_SAN
  UPSTREAM_LOCAL_PORT UPSTREAM_LOCAL_URI_SAN UPSTREAM_PEER_CERT UPSTREAM_PEER_CERT_V_END UPSTREAM_PEER_CERT_V_START
  UPSTREAM_PEER_DNS_SAN UPSTREAM_PEER_IP_SAN UPSTREAM_PEER_ISSUER UPSTREAM_PEER_SUBJECT UPSTREAM_PEER_URI_SAN
  UPSTREAM_PROTOCOL UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT
  UPSTREAM_REMOTE_PORT UPSTREAM_REQUEST_ATTEMPT_COUNT UPSTREAM_SERVER_NAME UPSTREAM_TLS_CIPHER UPSTREAM_TLS_GROUP
  UPSTREAM_TLS_SESSION_ID UPSTREAM_TLS_VERSION UPSTREAM_TRANSPORT_FAILURE_REASON UPSTREAM_WIRE_BYTES_RECEIVED
  UPSTREAM_WIRE_BYTES_SENT VIRTUAL_CLUSTER_NAME
`
    .trim()
    .split(/\s+/),
);

/** What stands in parentheses ends at the first one that closes; Envoy's own expression ends at a line break, too. */
const inside = '[^)\\r\\n\\0]';
const length = '(?::\\d{1,18})?';
const name = ":?[\\w!#$%&'*+.^`|~-]+";
/** A header, and perhaps another one that is written where the first one is not there. */
const header = new RegExp(`^\\((?:${name})?(?:\\?(?:${name})?)?(?<!\\()\\)${length}$`);
/** As `strftime` writes it; of its commands `%n` would write a line break. */
const time = new RegExp(`^\\((?:(?!%[-_0^#]*\\d*[EO]?n)${inside})*\\)$`);
const words = new RegExp(`^\\(${inside}+\\)$`);
const cutWords = new RegExp(`^\\(${inside}+\\)${length}$`);
const state = new RegExp(`^\\([^):\\r\\n\\0]+(?::(?:PLAIN|TYPED|FIELD:[^):\\r\\n\\0]+))?\\)${length}$`);
/** Moments have names of their own, and filters may set others. */
const moment = '[^):\\r\\n\\0]*';
/** How many bits of an address are written, as one of a range. */
const bits = /^\((?:\d{1,2}|1[01]\d|12[0-8])\)$/;
/** Addresses that may be written as a range. */
const addresses = ['DIRECT_LOCAL', 'DIRECT_REMOTE', 'LOCAL', 'REMOTE'].map((of) => `DOWNSTREAM_${of}`);
const ranges = [...addresses, 'UPSTREAM_LOCAL', 'UPSTREAM_REMOTE'].map((of) => `${of}_ADDRESS_WITHOUT_PORT`);

/** Commands with words in parentheses, and what may stand behind their name. */
const withWords: Readonly<Record<string, RegExp>> = {
  ...Object.fromEntries(ranges.map((range) => [range, bits])),
  REQ: header,
  STREAM_INFO_REQ: header,
  RESP: header,
  TRAILER: header,
  REQUEST_HEADER: header,
  RESPONSE_HEADER: header,
  RESPONSE_TRAILER: header,
  START_TIME: time,
  EMIT_TIME: time,
  START_TIME_LOCAL: time,
  EMIT_TIME_LOCAL: time,
  DOWNSTREAM_PEER_CERT_V_START: time,
  DOWNSTREAM_PEER_CERT_V_END: time,
  UPSTREAM_PEER_CERT_V_START: time,
  UPSTREAM_PEER_CERT_V_END: time,
  GRPC_STATUS: /^\((?:CAMEL_STRING|SNAKE_STRING|NUMBER)\)$/,
  PATH: new RegExp(`^(?:\\((?:(?:WQ|NQ)(?::(?:ORIG|PATH|ORIG_OR_PATH))?)?\\))?${length}$`),
  COMMON_DURATION: new RegExp(`^\\(${moment}:${moment}(?::(?:ms|us|ns))?\\)$`),
  QUERY_PARAM: cutWords,
  QUERY_PARAMS: new RegExp(`^(?:\\((?:ORIG|DECODED)?\\))?${length}$`),
  REQUESTED_SERVER_NAME: /^\((?:SNI_ONLY|SNI_FIRST|HOST_FIRST)(?::(?:ORIG_OR_HOST|HOST|ORIG))?\)$/,
  // ALLOW_WHITESPACES; Envoy takes any other word, and writes what it writes without one.
  RESPONSE_CODE_DETAILS: words,
  XFCC_VALUE: new RegExp(`^\\((?:by|hash|cert|chain|subject|uri|dns)\\)${length}$`, 'i'),
  DYNAMIC_METADATA: cutWords,
  ENVIRONMENT: cutWords,
  CLUSTER_METADATA: words,
  UPSTREAM_METADATA: words,
  FILTER_STATE: state,
  UPSTREAM_FILTER_STATE: state,
};

const isEmpty = /^(?:\(\))?$/;

/** Commands that extensions of Envoy serve, or whose words are a language of their own. */
const unsupported = ['CEL', 'TYPED_CEL', 'COALESCE', 'METADATA', 'REQ_WITHOUT_QUERY'];

/** What is wrong with a text of an access log: not one of Envoy's, or one that is refused by name. */
export type LogFormatProblem =
  | { readonly kind: 'wrong'; readonly expected: string; readonly hint: string }
  | { readonly kind: 'refused'; readonly what: string; readonly tier: Tier };

/**
 * Checks the `%COMMAND(words):length%` parts of a text, for Envoy refuses every listener that has a wrong one. Undefined: nothing is
 * wrong. `%%` is a percent sign.
 */
export function logFormatProblem(text: string): LogFormatProblem | undefined {
  for (let at = text.indexOf('%'); at !== -1; at = text.indexOf('%', at)) {
    const rest = text.slice(at);
    if (rest.startsWith('%%')) {
      at += 2;
      continue;
    }
    // Words may hold percent signs themselves: `%START_TIME(%s)%`.
    const found = /^%([A-Z0-9_]+)((?:\([^)\r\n\0]*\))?(?::\d+)?)%/.exec(rest);
    const [whole = '', name = '', behind = ''] = found ?? [];
    const started = /^%([A-Z_]+)\(/.exec(rest)?.[1] ?? name;
    if (unsupported.includes(started)) return { kind: 'refused', what: `%${started}%`, tier: 'T2' };
    const fits = isEmpty.test(behind) ? plainCommands.has(name) : withWords[name]?.test(behind);
    if (found === null || fits !== true) return wrong(rest, started);
    at += whole.length;
  }
  return undefined;
}

function wrong(rest: string, name: string): LogFormatProblem {
  const known = [...new Set([...plainCommands, ...Object.keys(withWords)])];
  const near = known.includes(name) ? undefined : nearestName(name, known);
  const hint = near
    ? `did you mean ${JSON.stringify(near)}?`
    : known.includes(name)
      ? `correct what stands behind ${name}, or its last "%"`
      : 'write "%%" for a percent sign';
  return { kind: 'wrong', expected: `a command of Envoy's access logs at ${JSON.stringify(rest.slice(0, 40))}`, hint };
}
