import { patternRule, type RuleDefinition } from './rule-definition.ts';

const headerName = /^:?[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

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
  return problemOfLength(value, longestHeader);
}

/** Of a header's name, and of its value, in what Envoy is told to add. */
const longestHeader = 16_384;
/** Of a query parameter that Envoy is told to look at. */
const longestQueryName = 1_024;

function problemOfLength(value: string, longest: number): string | undefined {
  return Buffer.byteLength(value) <= longest ? undefined : `at most ${longest} bytes`;
}

function urlProblem(value: string): string | undefined {
  const isRight = /^https?:\/\/[^/]/.test(value) && URL.canParse(value);
  return isRight ? undefined : 'a URL that begins with http:// or https://';
}

/** Words of HTTP. */
export const httpRules = {
  'header-name': {
    expected: 'a header name',
    problem: (value) => (headerName.test(value) ? problemOfLength(value, longestHeader) : 'a header name'),
    pattern: headerName.source,
    good: ['x-a', ':authority', 'X_b.c', 'a'.repeat(16_384)],
    bad: ['a b', 'a:b', '::a', 'é', 'a(b)', 'a'.repeat(16_385)],
  },
  'query-name': {
    expected: 'the name of a query parameter',
    problem: (value) => (value === '' ? 'the name of a query parameter' : problemOfLength(value, longestQueryName)),
    good: ['debug', 'a b', 'é'.repeat(512)],
    bad: ['é'.repeat(513)],
  },
  // Claims are refused by name later, not as a wrong header.
  'condition-name': {
    expected: 'a header name',
    problem: (value) =>
      value.startsWith('@request.auth.claims') || headerName.test(value) ? undefined : 'a header name',
    pattern: `^@request\\.auth\\.claims|${headerName.source}`,
    good: ['x-a', ':method', '@request.auth.claims.group', '@request.auth.claims[a]'],
    bad: ['a b', '@request', 'a:b'],
  },
  'header-value': {
    expected: 'a header value; "%%" is a percent sign',
    problem: headerValueProblem,
    good: ['a', '100%%', '%REQ(x-a)%', '%REQ(:authority?x-b):20%', '%START_TIME(%s)%', 'a %HOSTNAME% b'],
    bad: ['100%', '%', '%NOTHING%', '%REQ(a?b?c)%', '%START_TIME(%n)%', 'a'.repeat(16_385), 'é'.repeat(8_193)],
  },
  // Of tools that take fewer names than HTTP does.
  'plain-header-name': patternRule(
    'letters, digits, "-" and "_"',
    /^[-_A-Za-z0-9]+$/,
    ['x-a', 'X_b'],
    ['a.b', ':a', 'a b', 'é'],
  ),
  // Of the kubelet's tests, which take fewer still.
  'probe-header-name': patternRule('letters, digits and "-"', /^[-A-Za-z0-9]+$/, ['x-a', 'Host'], ['a_b', 'a.b', ':a']),
  'http-url': {
    expected: 'a URL that begins with http:// or https://',
    problem: urlProblem,
    pattern: '^https?://',
    good: ['https://a.example/keys', 'http://a:8080'],
    bad: ['a.example/keys', 'ftp://a', 'https://', 'https:///keys', '//a'],
  },
} as const satisfies Readonly<Record<string, RuleDefinition>>;
