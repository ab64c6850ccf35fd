import { isIP } from 'node:net';
import { isLabel } from '../model/identity.ts';
import { regexProblem } from './re2.ts';
import type { TextRule } from './shape.ts';

const domainName = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i;
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What a text must be under each rule ("expected ..."), or undefined if it is. */
export const textRules: Readonly<Record<TextRule, (value: string) => string | undefined>> = {
  label: (value) => (isLabel(value) ? undefined : 'lower-case letters, digits and "-", at most 63'),
  name: (value) =>
    /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(value) ? undefined : 'lower-case letters, digits, "-" and "."',
  'label-key': (value) =>
    /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(value)
      ? undefined
      : 'a label name: letters, digits, "-", "_", "." and at most one prefix with "/"',
  'label-value': (value) =>
    /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/.test(value)
      ? undefined
      : 'a label value: at most 63 letters, digits, "-", "_" and "."',
  'header-name': (value) => (token.test(value.replace(/^:/, '')) ? undefined : 'a header name'),
  // Claims are refused by name later, not as a wrong header.
  'condition-name': (value) =>
    value.startsWith('@request.auth.claims') || token.test(value.replace(/^:/, '')) ? undefined : 'a header name',
  'header-value': headerValueProblem,
  host: hostProblem,
  'export-to': (value) =>
    value === '*' || value === '.' || value === '~' || isLabel(value) ? undefined : '"*", "." or a namespace',
  ip: (value) => (isIP(value) ? undefined : 'an IP address'),
  'ip-or-cidr': (value) => (isIpOrCidr(value) ? undefined : 'an IP address or a range such as 10.0.0.0/8'),
  // `*` alone means present (P12).
  'regex-or-star': (value) => (value === '*' ? undefined : textRules.regex(value)),
  regex: (value) => {
    const problem = regexProblem(value);
    return problem && `a regular expression of RE2: ${problem}`;
  },
  'port-text': (value) =>
    /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65535 ? undefined : 'a port from "1" to "65535"',
  method: (value) => (token.test(value) ? undefined : 'an HTTP method'),
  free: () => undefined,
  'no-star': (value) => (value.includes('*') ? 'no stars' : undefined),
};

/** No value of a policy needs control characters, and Envoy refuses most that have some. */
export function hasControlCharacters(value: string): boolean {
  return /\p{Cc}/u.test(value);
}

/** True for `10.1.2.3`, `10.0.0.0/8` and their IPv6 forms. */
export function isIpOrCidr(value: string): boolean {
  const [address = '', bits, ...more] = value.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0 || address.includes('%')) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** A DNS name, `*.name`, `*` or an IP address; nothing with a scheme, a port or a path. */
function hostProblem(value: string): string | undefined {
  const name = value.startsWith('*.') ? value.slice(2) : value;
  if (value === '*' || isIP(value) !== 0) return undefined;
  if (value.includes('://')) return 'a host name without a scheme';
  if (/:\d+$/.test(value)) return 'a host name without a port';
  return value.length <= 255 && domainName.test(name) ? undefined : 'a host name';
}

/** One header, perhaps another one in its place where it is missing, perhaps a length. */
const headerCommand = /^%(?:REQ|RESP|TRAILER)\(:?[\w.-]+(?:\?:?[\w.-]+)?\)(?::\d{1,9})?%/;

/** A time as `strftime` writes it, perhaps with a format; of its commands `%n` would write a line break. */
const timeCommand = /^%START_TIME(?:\((?:(?!%[-_0^#]*\d*[EO]?n)[^()])*\))?%/;

/** Envoy's other substitution commands that need nothing but the request, the response and the connection. */
const plainCommand =
  /^%(?:PROTOCOL|REQUESTED_SERVER_NAME|HOSTNAME|RESPONSE_CODE|RESPONSE_FLAGS|RESPONSE_CODE_DETAILS|ROUTE_NAME|VIRTUAL_CLUSTER_NAME|UPSTREAM_(?:HOST|CLUSTER|REMOTE_ADDRESS|LOCAL_ADDRESS)|DOWNSTREAM_(?:REMOTE|LOCAL|DIRECT_REMOTE)_ADDRESS(?:_WITHOUT_PORT)?|DOWNSTREAM_LOCAL_PORT|DOWNSTREAM_(?:PEER_ISSUER|(?:PEER|LOCAL)_(?:SUBJECT|URI_SAN|DNS_SAN))|DOWNSTREAM_TLS_(?:VERSION|CIPHER|SESSION_ID)|DOWNSTREAM_PEER_(?:FINGERPRINT_256|SERIAL|CERT_V_START|CERT_V_END)|STREAM_ID|CONNECTION_ID)%/;

const commands: readonly RegExp[] = [headerCommand, timeCommand, plainCommand];

/** What Envoy wants instead of a command that it does not take, nearest first. */
function commandProblem(rest: string): string {
  const [, name] = /^%(REQ|RESP|TRAILER|START_TIME)\b/.exec(rest) ?? [];
  if (name === 'START_TIME') return '%START_TIME% or %START_TIME(%s)%, without a length or a line break';
  if (name !== undefined)
    return `%${name}(x-name)%, %${name}(x-name?x-other)% with one alternative, or %${name}(x-name):20%`;
  return '"%%" for a percent sign, or a command of Envoy such as %REQ(x-name)%';
}

function headerValueProblem(value: string): string | undefined {
  for (let at = value.indexOf('%'); at !== -1; at = value.indexOf('%', at)) {
    const rest = value.slice(at);
    const found = rest.startsWith('%%') ? '%%' : commands.map((each) => each.exec(rest)?.[0]).find(Boolean);
    if (found === undefined) return commandProblem(rest);
    at += found.length;
  }
  return value.length <= 16_384 ? undefined : 'at most 16384 characters';
}
