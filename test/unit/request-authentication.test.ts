import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { TokenRule } from '../../src/model/security-policy.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { issuerKey, keySet, publicJwk } from '../support/json-web-token.ts';

/* RequestAuthentication as text (P44, P49, D23): what is read of it, and what is refused with its line. */

const key = issuerKey('a');
const jwks = keySet(key);

/** A rule; values are written as JSON, which YAML is. */
type Written = Readonly<Record<string, unknown>>;

function parsed(rule: Written, spec: Written = {}) {
  const text = [
    'apiVersion: security.istio.io/v1',
    'kind: RequestAuthentication',
    'metadata: { name: tokens }',
    `spec: ${JSON.stringify({ ...spec, jwtRules: [rule] })}`,
    '',
  ].join('\n');
  const { objects, diagnostics: all } = parsePolicies([{ path: 'policies/shop/tokens.yaml', text }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  // What most rules here lack is said of each; it has a test of its own.
  const diagnostics = all.filter(({ code }) => code !== 'WEFT0168');
  const found = diagnostics.map(({ code, field, message }) => `${code} ${field}: ${message}`);
  return {
    ofAudiences: all.filter(({ code }) => code === 'WEFT0168'),
    found,
    hints: diagnostics.map(({ hint }) => hint),
    object: objects[0],
  };
}

function ruleOf(written: Written): TokenRule | undefined {
  const { object, found } = parsed(written);
  expect(found).toEqual([]);
  return object?.kind === 'RequestAuthentication' ? object.spec.rules[0] : undefined;
}

const at = 'spec.jwtRules[0]';
const good = { issuer: 'https://a.example', jwks };

test('WEFT0168: a rule without audiences takes tokens that are for others, which is said and no more', () => {
  const { ofAudiences, object } = parsed(good);
  expect(ofAudiences).toMatchObject([{ severity: 'info', field: at, hint: expect.stringContaining('add audiences') }]);
  expect(ofAudiences[0]?.message).toContain('https://a.example');
  expect(object?.kind).toBe('RequestAuthentication');
  expect(parsed({ ...good, audiences: [] }).ofAudiences).toHaveLength(1);
  expect(parsed({ ...good, audiences: ['shop'] }).ofAudiences).toEqual([]);
});

test('a rule with everything, and one with nothing but issuer and keys', () => {
  expect(ruleOf(good)).toEqual({
    issuer: 'https://a.example',
    audiences: [],
    keys: { kind: 'inline', jwks },
    fromHeaders: [],
    fromParams: [],
    fromCookies: [],
    forwardOriginalToken: false,
    outputClaimToHeaders: [],
    spaceDelimitedClaims: [],
  });
  const all = {
    issuer: 'a@b.example',
    audiences: ['x'],
    jwksUri: 'https://a.example:443/keys?a=b#c',
    timeout: '0.5s',
    fromHeaders: [{ name: 'x-token' }, { name: 'x-other', prefix: 'Token ' }],
    fromParams: ['t'],
    fromCookies: ['s'],
    forwardOriginalToken: true,
    outputPayloadToHeader: 'x-payload',
    outputClaimToHeaders: [{ header: 'x-sub', claim: 'sub' }],
    spaceDelimitedClaims: ['roles'],
  };
  const { jwksUri: _, timeout: __, ...rest } = all;
  expect(ruleOf(all)).toEqual({
    ...rest,
    fromHeaders: [
      { name: 'x-token', prefix: '' },
      { name: 'x-other', prefix: 'Token ' },
    ],
    keys: { kind: 'remote', uri: 'https://a.example/keys?a=b', timeout: 500 },
  });
  // Empty texts say nothing, as in Istio.
  expect(ruleOf({ ...good, outputPayloadToHeader: '' })).not.toHaveProperty('outputPayloadToHeader');
  expect(ruleOf({ issuer: 'x', jwksUri: 'http://issuer/keys' })?.keys).toMatchObject({ timeout: 5_000 });
});

test('what Istio refuses is refused', () => {
  expect(parsed({ jwks }).found).toEqual([`WEFT0002 ${at}: expected "issuer", which is required`]);
  const refused: readonly [Written, string][] = [
    [{ issuer: '' }, `${at}.issuer`],
    [{ audiences: [''] }, `${at}.audiences[0]`],
    [{ fromHeaders: [{ name: '' }] }, `${at}.fromHeaders[0].name`],
    [{ fromHeaders: [{ prefix: 'a' }] }, `${at}.fromHeaders[0]`],
    [{ fromParams: [''] }, `${at}.fromParams[0]`],
    [{ fromCookies: [''] }, `${at}.fromCookies[0]`],
    [{ outputClaimToHeaders: [{ header: 'x' }] }, `${at}.outputClaimToHeaders[0]`],
    [{ outputClaimToHeaders: [{ header: 'x y', claim: 'a' }] }, `${at}.outputClaimToHeaders[0].header`],
    [{ timeout: '5' }, `${at}.timeout`],
    [{ timeout: '0s' }, `${at}.timeout`],
    [{ timeout: '1193047h' }, `${at}.timeout`],
  ];
  for (const [written, field] of refused) {
    const { found } = parsed({ ...good, ...written });
    expect([field, found.length, found[0]?.startsWith(`WEFT0002 ${field}: `)]).toEqual([field, 1, true]);
  }
  expect(parsed({ ...good, jwksUri: 'https://a.example' }).found[0]).toMatch(/^WEFT0137 /);
  expect(parsed({ ...good, audience: ['x'] })).toMatchObject({
    found: [`WEFT0002 ${at}: unknown field "audience"`],
    hints: ['did you mean "audiences"?'],
  });
});

test('what Weft does not do is refused by its name', () => {
  const refused: readonly [Written, Written, string][] = [
    [{ issuer: 'https://a.example' }, {}, at],
    [{ ...good, presence: 'REQUIRED' }, {}, `${at}.presence`],
    [good, { targetRef: { kind: 'Gateway', name: 'x' } }, 'spec.targetRef'],
    [good, { targetRefs: [{ kind: 'Gateway', name: 'x' }] }, 'spec.targetRefs'],
  ];
  for (const [rule, spec, field] of refused)
    expect(parsed(rule, spec).found.map((one) => one.split(':')[0])).toEqual([`WEFT0004 ${field}`]);
  expect(parsed({ issuer: 'https://a.example' }).hints[0]).toContain(
    'https://a.example/.well-known/openid-configuration',
  );
});

test('a claim says no header by which a request is read or led', () => {
  for (const name of ['host', 'Content-Length', 'transfer-encoding', 'connection'])
    expect(parsed({ ...good, outputClaimToHeaders: [{ header: name, claim: 'a' }] }).found).toEqual([
      `WEFT0002 ${at}.outputClaimToHeaders[0].header: expected a header that may be changed here, got "${name}"`,
    ]);
  expect(parsed({ ...good, outputPayloadToHeader: ':path' }).found[0]).toContain('may be changed here');
});

test('a time to fetch keys that stand in the policy has no effect', () => {
  expect(parsed({ ...good, timeout: '1s' }).found[0]).toMatch(/^WEFT0132 spec\.jwtRules\[0\]\.timeout: has no effect/);
});

describe('keys in the policy (T24)', () => {
  const set = (...keys: readonly unknown[]) => JSON.stringify({ keys });
  const jwk = publicJwk(key);
  test.each<[text: string, words: string]>([
    ['nonsense', 'got no JSON'],
    ['[]', 'got no list "keys" in it'],
    ['{"keys": {}}', 'got no list "keys" in it'],
    ['{"keys": []}', 'expected at least one key in "keys"'],
    [set({ kty: 'oct', k: 'c2VjcmV0' }), 'keys[0] is a secret that issuer and proxy share (oct)'],
    [set(jwk, { kty: 'oct', k: 'c2VjcmV0' }), 'keys[1] is a secret'],
    [set({ kty: 'oct ', k: 'c2VjcmV0' }), 'keys[0] has no kty of RSA, EC or OKP'],
    [set(7), 'keys[0] has no kty of RSA, EC or OKP'],
    [set({}), 'keys[0] has no kty of RSA, EC or OKP'],
    [set(key.privateKey.export({ format: 'jwk' })), 'keys[0] holds the private key'],
    [set({ ...jwk, alg: 'HS256' }), 'keys[0]: alg "HS256" is none of a key of type EC'],
    [set({ ...jwk, alg: 'none' }), 'keys[0]: alg "none" is none of a key of type EC'],
    [set({ ...jwk, crv: 'secp256k1' }), 'keys[0]: crv is none of P-256, P-384, P-521'],
    [set({ ...jwk, x: 'AAAA' }), 'keys[0] is no key of type EC'],
    [set({ kty: 'RSA', e: 'AQAB' }), 'keys[0] is no key of type RSA'],
  ])('%s', (text, words) => {
    const { found } = parsed({ issuer: 'x', jwks: text });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^WEFT0002 spec\.jwtRules\[0\]\.jwks: /);
    expect(found[0]).toContain(words);
  });

  test('of each type are taken', () => {
    const curves = ['P-384', 'P-521'].map((namedCurve) => generateKeyPairSync('ec', { namedCurve }).publicKey);
    const all = [
      ...(['ES256', 'RS256', 'PS256', 'EdDSA'] as const).map((algorithm) => publicJwk(issuerKey('k', algorithm))),
      ...curves.map((one) => one.export({ format: 'jwk' })),
    ];
    expect(parsed({ issuer: 'x', jwks: set(...all) }).found).toEqual([]);
    expect(parsed({ issuer: 'x', jwks: `\n ${set(jwk)}\n` }).found).toEqual([]);
  });
});

describe('keys at a URL (T23)', () => {
  test.each([
    'http://127.0.0.1/keys',
    'https://10.0.0.1/keys',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://[::1]:8080/',
    'https://[::ffff:127.0.0.1]/',
    'http://169.254.169.254/latest/meta-data',
    'http://localhost:15000/config_dump',
    'http://LOCALHOST./',
    'http://a.localhost/',
  ])('an address is refused: %s', (jwksUri) => {
    const { found, hints } = parsed({ issuer: 'x', jwksUri });
    expect(found.map((one) => one.split(':')[0])).toEqual([`WEFT0004 ${at}.jwksUri`]);
    expect(hints[0]).toContain('ServiceEntry');
  });

  test.each([
    ['file:///etc/passwd'],
    ['gopher://a.example/'],
    ['//a.example/keys'],
    ['https://user:secret@a.example/keys'],
    ['https://user@a.example/keys'],
    ['https://*.example/keys'],
    ['https://a_b.example/keys'],
    ['https://a.example:0/keys'],
    ['https://a.example:99999/keys'],
    ['https://'],
  ])('what is no URL of a server is wrong: %s', (jwksUri) => {
    expect(parsed({ issuer: 'x', jwksUri }).found.map((one) => one.split(':')[0])).toEqual([`WEFT0002 ${at}.jwksUri`]);
  });
});
