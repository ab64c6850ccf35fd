import fc from 'fast-check';
import type { ClaimValue } from '../../src/resolve/holds.ts';
import type { SentRequest } from '../../src/resolve/seen-request.ts';
import { issuers, sometimes } from './authorization-rules.ts';
import type { World } from './authorization-world.ts';
import { path as anyPath } from './routes-world.ts';

/** Who calls in the tests: SPIFFE IDs without their scheme. */
export const principals = [
  'demo.mesh/ns/shop/sa/web',
  'demo.mesh/ns/bank/sa/api',
  'demo.mesh/ns/shop/sa/w-b',
  'demo.mesh/ns/sp/sa/web',
  'demo.mesh/ns/shop/sa/api',
  'demo.mesh/ns/istio-system/sa/web',
  'partner.mesh/ns/shop/sa/web',
  'old.mesh/ns/shop/sa/web',
] as const;

export interface Call {
  /** Index in `principals`; absent: plaintext. */
  readonly identity?: number;
  readonly source: string;
  readonly destination: string;
  /** Of TLS; absent: it names none. */
  readonly serverName?: string;
  /** Absent: bytes. */
  readonly request?: SentRequest;
  /** Absent: the request has no token. */
  readonly token?: SentToken;
  readonly http2: boolean;
}

export interface SentToken {
  /** `good`: signed by the key that is known, and of this hour. */
  readonly kind: 'good' | 'ended' | 'forged';
  readonly claims: Readonly<Record<string, ClaimValue>>;
}

const path = fc.oneof(
  { weight: 2, arbitrary: anyPath },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '/a',
      '/ab',
      '/b',
      '/a.b',
      '/axb',
      '/(+',
      '/',
      '/a/',
      '/a/b',
      '/a/x/b',
      '//a',
      '/x/../a',
      '/%61',
      '/a%2Fb',
      '/a/[x]',
      '/a;v=1',
      '/A',
      '/api/1',
      '/a//b',
      '/x/b',
    ),
  },
);
const query = fc.constantFrom('', '', '', '?', '?q=/a', '?/../b');
const header = fc.oneof(
  fc.tuple(
    fc.constantFrom('x-user', 'X-User'),
    // Blanks around a value: only over HTTP/2 they reach the rules.
    fc.constantFrom(
      'ann',
      '',
      'Ann',
      'bob',
      'joan',
      'a,ann',
      'é',
      '  ann',
      'ann\t',
      '\t joan ',
      ' bob ',
      '\u00a0ann',
      ' \t',
    ),
  ),
  fc.tuple(fc.constant('accept'), fc.constantFrom('a', 'b', 'a,b', '')),
  fc.tuple(
    fc.constant('x-forwarded-for'),
    fc.constantFrom(
      '10.1.1.1',
      '192.0.2.1, 10.9.9.9',
      '10.9.9.9,192.0.2.1 ',
      'nobody',
      '2001:db8::1',
      '10.1.1.1:80',
      '10.1.1.1,',
      '[2001:db8::1]',
      '010.1.1.1',
    ),
  ),
  fc.tuple(fc.constant('x-forwarded-proto'), fc.constantFrom('http', 'https')),
);
const request: fc.Arbitrary<SentRequest> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'POST', 'PUT', 'PATCH', 'get'),
  authority: fc.constantFrom(
    'reviews',
    'reviews',
    'REVIEWS.shop',
    'reviews:9080',
    'Reviews.Shop:80',
    'other',
    'reviews.',
    'reviews.:80',
    'reviews:',
    'a.shop.',
    '[::1]:80',
    'xshop',
    'reviews..',
  ),
  path: fc.tuple(path, query).map((parts) => parts.join('').replaceAll(' ', '%20')),
  headers: fc.array(header, { maxLength: 5 }).map((all) => {
    // Of several, Envoy takes one for the scheme.
    let proto = 0;
    return all.filter(([name]) => name !== 'x-forwarded-proto' || ++proto === 1);
  }),
});

const token: fc.Arbitrary<SentToken> = fc
  .record({
    kind: fc.constantFrom('good', 'good', 'good', 'good', 'good', 'good', 'ended', 'forged'),
    iss: fc.constantFrom(...issuers),
    sub: sometimes(8, fc.constantFrom('ann', 'bob', 'x/bob', '', 'joann')),
    aud: sometimes(7, fc.constantFrom<ClaimValue>('shop', 'bank', ['bank', 'other'], 'other', ['shop'])),
    azp: sometimes(5, fc.constantFrom('app', 'map', '')),
    role: sometimes(7, fc.constantFrom<ClaimValue>('admin', ['dev', 'admin'], ['dev'], 7, true, [], '', 'a\nd')),
    team: sometimes(
      5,
      fc.constantFrom<ClaimValue>({ name: 'red' }, { name: ['red', 'blue'] }, 'red', { title: 'red' }),
    ),
    scope: sometimes(5, fc.constantFrom('read write', 'read', '')),
  } as const)
  .map(({ kind, ...all }) => ({ kind, claims: JSON.parse(JSON.stringify(all)) as SentToken['claims'] }));

/** A call to a port of this world. */
export function call({ protocol, mode, tokens }: World): fc.Arbitrary<Call> {
  return fc
    .record({
      identity: mode === 'DISABLE' ? fc.constant(undefined) : sometimes(8, fc.nat(principals.length - 1)),
      source: fc.constantFrom('127.0.0.1', '127.0.0.2', '127.0.0.9'),
      destination: fc.constantFrom('127.0.0.1', '127.0.0.5'),
      serverName: sometimes(7, fc.constantFrom('reviews', 'a.shop', 'other.test')),
      request,
      token: sometimes(tokens.length === 0 ? 1 : 6, token),
      http2: fc.constantFrom(false, false, false, true),
    })
    .map(({ identity, serverName, request: sent, source, destination, http2, token: shown }) => ({
      source,
      destination,
      ...(identity === undefined ? {} : { identity, ...(serverName === undefined ? {} : { serverName }) }),
      ...(protocol === 'http' ? { request: sent, ...(shown && { token: shown }) } : {}),
      http2: protocol === 'http' && http2 && isSendableByHttp2(sent),
    }));
}

/** Node's client of HTTP/2 sends ASCII, and some names once alone. */
function isSendableByHttp2({ headers }: SentRequest): boolean {
  return headers.every(([, value]) => /^[\t -~]*$/.test(value));
}
