import { expect, test } from 'vitest';
import { call, refusal } from './untyped-library.ts';

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService';
const base = { address: '127.0.0.1', port: 0, credentials: 'plaintext' } as const;

const cases: readonly (readonly [what: string, options: unknown, words: string])[] = [
  ['nothing', undefined, 'options must be an object, got undefined'],
  [
    'an empty object',
    {},
    '"address" is missing: a text that is not empty; "port" is missing: a whole number from 0 to 65535; "credentials" is missing: "plaintext" or an object with get and watch',
  ],
  ['a misspelt name', { ...base, tming: {} }, 'unknown name "tming": did you mean "timing"?'],
  [
    'a misspelt name that is needed',
    { address: '127.0.0.1', prot: 1, credentials: 'plaintext' },
    'unknown name "prot": did you mean "port"?',
  ],
  [
    'a name far from all',
    { ...base, nodes: 3 },
    'unknown name "nodes": there are address, port, credentials, transport, authenticate, open, observe, inspect, virtualHosts, identifier, clock, timing, quiet, admission, connection, limits, handlers',
  ],
  [
    'a name in a group',
    { ...base, connection: { maxage: 5 } },
    'unknown name "connection.maxage": did you mean "maxAge"?',
  ],
  ['a port as text', { ...base, port: '18000' }, '"port" must be a whole number from 0 to 65535, got "18000"'],
  [
    'a time too long for a timer',
    { ...base, timing: { hold: 2 ** 31 } },
    '"timing.hold" must be a number of milliseconds from 0 to 2^31-1, got 2147483648',
  ],
  [
    'an age that would be none, once it is spread',
    { ...base, connection: { maxAge: 2 ** 31 - 1 } },
    '"connection.maxAge" must be a number of milliseconds from 1 to 1.9e9, got 2147483647',
  ],
  [
    'a name that others have for it',
    { host: '127.0.0.1', port: 0, tls: 'plaintext' },
    'unknown name "host": did you mean "address"?; unknown name "tls": did you mean "credentials"?',
  ],
  ['a shortened name', { ...base, auth: () => {} }, 'unknown name "auth": did you mean "authenticate"?'],
  [
    'not a number',
    { ...base, limits: { names: Number.NaN } },
    '"limits.names" must be a whole number from 1 on, got NaN',
  ],
  ['half a name', { ...base, limits: { names: 1.5 } }, '"limits.names" must be a whole number from 1 on, got 1.5'],
  [
    'half a key',
    { ...base, limits: { metadataKeys: 0.5 } },
    '"limits.metadataKeys" must be a whole number from 0 on, got 0.5',
  ],
  [
    'an admission of nobody',
    { ...base, admission: { perSecond: 0, burst: 0, atOnce: 0, longestPlace: 0 } },
    '"admission.perSecond" must be a number above 0, got 0; "admission.burst" must be a whole number from 1 on, got 0; "admission.atOnce" must be a whole number from 1 on, got 0; "admission.longestPlace" must be a number of milliseconds from 1 to 2^31-1, got 0',
  ],
  [
    'a rate that never ends',
    { ...base, admission: { perSecond: Number.POSITIVE_INFINITY, burst: 0.5 } },
    '"admission.perSecond" must be a number above 0, got Infinity; "admission.burst" must be a whole number from 1 on, got 0.5',
  ],
  [
    'connections that nobody keeps',
    {
      ...base,
      connection: {
        keepaliveTime: 0,
        keepaliveTimeout: 0,
        firstRequest: 0,
        slowReader: 0,
        perNode: 0,
        receiveLimit: 0,
      },
    },
    [
      ...['keepaliveTime', 'keepaliveTimeout', 'firstRequest', 'slowReader'].map(
        (name) => `"connection.${name}" must be a number of milliseconds from 1 to 2^31-1, got 0`,
      ),
      '"connection.perNode" must be a whole number from 1 on, got 0',
      '"connection.receiveLimit" must be a whole number of bytes from 1 to 2^31-1, got 0',
    ].join('; '),
  ],
  [
    'half a connection',
    { ...base, connection: { unauthenticatedPerAddress: 2.5, receiveLimit: 1e10 } },
    '"connection.unauthenticatedPerAddress" must be a whole number from 1 on, got 2.5; "connection.receiveLimit" must be a whole number of bytes from 1 to 2^31-1, got 10000000000',
  ],
  [
    'a quiet time beyond the longest',
    { ...base, quiet: { quiet: 20_000, endpointsQuiet: 30, endpointsLongest: 20 } },
    '"quiet.quiet" (20000) is above "quiet.longest" (10000, its default): say both, the second not below the first; "quiet.endpointsQuiet" (30) is above "quiet.endpointsLongest" (20): say both, the second not below the first',
  ],
  [
    'principals that nobody looks at',
    { ...base, authenticate: () => ({ ok: 'anyone' }) },
    '"authenticate" without "open": nothing says which node a principal may be; open: () => ({ ok: \'snapshots\' }) lets each be any',
  ],
  ['another transport', { ...base, transport: 'quic' }, '"transport" must be "http2" or "grpc-js", got "quic"'],
  [
    'a key for credentials',
    { ...base, credentials: 'k'.repeat(99) },
    '"credentials" must be "plaintext" or an object with get and watch, got a text of 99 characters',
  ],
  ['half a source', { ...base, credentials: { get() {} } }, '"credentials.watch" is missing: a function'],
  [
    'a source that would ask for no certificate',
    { ...base, credentials: { get() {}, watch() {}, clientAuthorty: 'x' } },
    'unknown name "credentials.clientAuthorty": did you mean "clientAuthority"?',
  ],
  ['handlers as an object', { ...base, handlers: {} }, '"handlers" must be a Map, got an empty object'],
  [
    'handlers of what is no path, and of what is served already',
    {
      ...base,
      handlers: new Map([
        ['Method', () => {}],
        [`${ads}/DeltaAggregatedResources`, () => {}],
      ]),
    },
    `"handlers" has "Method": the path of a method is "/package.Service/Method"; "handlers" has "${ads}/DeltaAggregatedResources", which is served what set, update and open say`,
  ],
  [
    'a handler that is none',
    { ...base, handlers: new Map([['/a.B/C', { call() {} }]]) },
    '"handlers of /a.B/C" must be a function, got an object with call',
  ],
  [
    'certificates of clients that nobody looks at',
    { ...base, credentials: { get() {}, watch() {}, clientAuthority: 'x' } },
    '"credentials.clientAuthority" without "authenticate": a client without a valid certificate is turned away by authenticate alone, which is given the certificate, or undefined',
  ],
  [
    'two mistakes',
    { ...base, port: -1, observe: true },
    '"port" must be a whole number from 0 to 65535, got -1; "observe" must be a function, got true',
  ],
];

test.each(cases)('createXdsServer with %s', async (_what, options, words) => {
  expect(await refusal(() => call('createXdsServer', options))).toBe(`TypeError: createXdsServer: ${words}`);
});
