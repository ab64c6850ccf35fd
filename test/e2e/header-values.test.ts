import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { longestDuration } from '../../src/policy/duration.ts';
import { textRules } from '../../src/policy/text-rules.ts';
import { durationOf } from '../../src/translate/duration.ts';
import { envoyPath } from '../support/envoy-path.ts';

const folder = mkdtempSync(join(tmpdir(), 'weft-values-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const seconds = (millis: number) => {
  const { seconds: whole, nanos } = durationOf(millis);
  return `${whole}.${String(nanos).padStart(9, '0')}s`;
};

/** What Envoy says of a route with these header values and this timeout; undefined: it takes it. */
async function refusal(name: string, values: readonly string[], timeout = '1s'): Promise<string | undefined> {
  const headers = values.map((value, index) => ({ header: { key: `x-${index}`, value } }));
  const route = {
    match: { prefix: '/' },
    route: { cluster: 'c', timeout },
    request_headers_to_add: headers,
    response_headers_to_add: headers,
  };
  const typed = (type: string, fields: object) => ({
    '@type': `type.googleapis.com/envoy.extensions.${type}`,
    ...fields,
  });
  const connectionManager = typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'x',
    http_filters: [{ name: 'r', typed_config: typed('filters.http.router.v3.Router', {}) }],
    route_config: { name: 'r', virtual_hosts: [{ name: 'v', domains: ['*'], routes: [route] }] },
  });
  const listener = {
    name: 'l',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [{ filters: [{ name: 'hcm', typed_config: connectionManager }] }],
  };
  const cluster = { name: 'c', type: 'STATIC', load_assignment: { cluster_name: 'c' } };
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify({ static_resources: { listeners: [listener], clusters: [cluster] } }));
  const flags = ['--mode', 'validate', '--disable-hot-restart', '-l', 'error', '-c', file];
  return promisify(execFile)(await envoyPath(), flags).then(
    () => undefined,
    (error: { readonly stderr: string }) => error.stderr,
  );
}

const headers = ['a', ':path', 'X-Foo_Bar.baz', 'a?b', ':authority?x-host'];
const taken = [
  ...['REQ', 'RESP', 'TRAILER'].flatMap((word) =>
    headers.flatMap((name) => [`%${word}(${name})%`, `%${word}(${name}):9%`]),
  ),
  ...['%START_TIME%', '%START_TIME()%', '%START_TIME(%Y-%m-%dT%H:%M:%S.%3f%z)%', '100%%', 'a%%n %PROTOCOL% b'],
  ...['REMOTE', 'LOCAL', 'DIRECT_REMOTE'].map((side) => `%DOWNSTREAM_${side}_ADDRESS_WITHOUT_PORT%`),
  ...['PEER_SUBJECT', 'LOCAL_URI_SAN', 'PEER_DNS_SAN', 'PEER_ISSUER', 'TLS_CIPHER'].map(
    (word) => `%DOWNSTREAM_${word}%`,
  ),
  ...['FINGERPRINT_256', 'SERIAL', 'CERT_V_START', 'CERT_V_END'].map((word) => `%DOWNSTREAM_PEER_${word}%`),
  ...['HOSTNAME', 'RESPONSE_FLAGS', 'ROUTE_NAME', 'UPSTREAM_HOST', 'STREAM_ID', 'CONNECTION_ID'].map(
    (word) => `%${word}%`,
  ),
];

test('Envoy takes every command in a header that Weft takes', async () => {
  expect(taken.filter((value) => textRules['header-value'](value) !== undefined)).toEqual([]);
  expect(await refusal('taken', taken)).toBeUndefined();
});

const refused = [
  ...[
    '%REQ(a?b?c)%',
    '%RESP(a?b?c)%',
    '%TRAILER(a?b?c)%',
    '%REQ()%',
    '%REQ(a b)%',
    '%REQ(a:b)%',
    '%REQ(:)%',
    '%REQ(a?b:c)%',
  ],
  ...['%REQ(a):%', '%REQ(a):-1%', '%REQ(a):99999999999999999999%', '%REQ%', '%REQ(a)', '%PROTOCOL:5%', '%PROTOCOL(a)%'],
  ...[
    '%START_TIME(%n)%',
    '%START_TIME(%-5En)%',
    '%START_TIME(%%n)%',
    '%START_TIME():5%',
    '%START_TIME:5%',
    '%NOTHING%',
    '50%',
  ],
];

test.each(refused)('what Envoy refuses in a header is refused before it gets there: %s', async (value) => {
  expect(textRules['header-value'](value)).toBeTypeOf('string');
  expect(await refusal('refused', [value])).toBeTypeOf('string');
});

test('the longest duration is Envoy’s', async () => {
  expect(await refusal('long', [], seconds(longestDuration))).toBeUndefined();
  expect(await refusal('longer', [], seconds(longestDuration + 1))).toContain('Duration out-of-range');
});
