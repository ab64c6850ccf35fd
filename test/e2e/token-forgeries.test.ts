import { connect } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { promise } from '../support/hostile-promise.ts';
import {
  type Claims,
  claimsOf,
  issuerKey,
  keySet,
  sharedToken,
  signedToken,
  unsignedToken,
} from '../support/json-web-token.ts';
import type { Member } from '../support/member.ts';
import { type RawHttp, rawHttp } from '../support/raw-http.ts';
import { serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/* Tokens that are made to be mistaken for others, at a real Envoy (T24). */

const issuer = 'https://accounts.example';
const [key, rsa, stranger] = [issuerKey('a'), issuerKey('r', 'RS256'), issuerKey('a')];

let keys: Application;
let catalog: Application;
let server: Member;
let http: RawHttp;

const mesh = useTestMesh(
  () => ({ policies: { 'catalog.yaml': serviceYaml('catalog'), 'keys.yaml': serviceYaml('keys') } }),
  async (started) => {
    const [own, keysAddress] = [started.nextAddress(), started.nextAddress()];
    catalog = await startApplication({ address: own, port: 9080 }, 'catalog');
    server = await started.join({ service: 'catalog', address: own, ports: [{ port: 9080 }] });
    keys = await startApplication({ address: keysAddress, port: 9080 }, 'keys', (_request, response) => {
      response.end(keySet(key, rsa));
    });
    await started.join({ service: 'keys', address: keysAddress, ports: [{ port: 9080 }] });
    http = rawHttp(0, () => connect(server.inbound(9080), own));
  },
);
afterAll(async () => {
  http.close();
  await Promise.all([catalog.close(), keys.close()]);
});

const statusOf = async (token: string) =>
  (await http.ask(['GET / HTTP/1.1', 'host: catalog', `authorization: Bearer ${token}`])).status;
const apply = (keysOf: string) =>
  mesh().apply({
    'tokens.yaml': `---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec:
  selector: { matchLabels: { app: catalog } }
  jwtRules: [{ issuer: "${issuer}", ${keysOf}, audiences: [shop] }]
`,
  });

test('T24: 40 tokens that nobody may accept, with keys in the policy and from a service', async () => {
  const now = Math.floor(Date.now() / 1000);
  const claims = claimsOf(issuer, { aud: 'shop' });
  const pem = { type: 'spki', format: 'pem' } as const;
  const without = (name: string): Claims => ({ ...claims, [name]: undefined });
  const signed = (more: Claims, header: Claims = {}) => signedToken(key, { ...claims, ...more }, header);
  const good = signedToken(key, claims);
  const [head = '', body = '', end = ''] = good.split('.');
  const otherEnd = signedToken(stranger, claims).split('.')[2];
  const tokens: Readonly<Record<string, string>> = {
    'alg none': unsignedToken(claims),
    'alg None': unsignedToken(claims, { alg: 'None', kid: 'a' }),
    'alg none with a signature': unsignedToken(claims, { alg: 'none', kid: 'a' }, end),
    'no alg': unsignedToken(claims, { kid: 'a' }, end),
    'alg of no text': unsignedToken(claims, { alg: 1, kid: 'a' }, end),
    'HS256 by the PEM of RSA': sharedToken(rsa.publicKey.export(pem), claims, { kid: 'r' }),
    'HS256 by the PEM of EC': sharedToken(key.publicKey.export(pem), claims, { kid: 'a' }),
    'HS256 by the key set': sharedToken(keySet(key, rsa), claims, { kid: 'a' }),
    'HS256 by nothing': sharedToken('', claims, { kid: 'a' }),
    'HS256 without kid': sharedToken(rsa.publicKey.export(pem), claims),
    'RS256 said of an EC key': signed({}, { alg: 'RS256' }),
    'ES256 said of an RSA key': signedToken(rsa, claims, { alg: 'ES256' }),
    'PS256 said of RS256': signedToken(rsa, claims, { alg: 'PS256' }),
    'ES384 said of ES256': signed({}, { alg: 'ES384' }),
    'unknown kid': signed({}, { kid: 'z' }),
    'path as kid': signed({}, { kid: '../../../../dev/null' }),
    'query as kid': signed({}, { kid: "a' OR '1'='1" }),
    'kid of another key': signed({}, { kid: 'r' }),
    'key in the header (jwk)': signedToken(stranger, claims, { jwk: stranger.publicKey.export({ format: 'jwk' }) }),
    'key elsewhere (jku)': signedToken(stranger, claims, { kid: 'x', jku: `http://${server.address}:9080/` }),
    'chain elsewhere (x5u)': signedToken(stranger, claims, { x5u: `http://${server.address}:9080/` }),
    'another key of that name': signedToken(stranger, claims),
    'no issuer': signedToken(key, without('iss')),
    'issuer of no text': signed({ iss: 7 }),
    'issuer with a slash more': signed({ iss: `${issuer}/` }),
    'another issuer': signed({ iss: 'https://b.example' }),
    'no audience': signedToken(key, without('aud')),
    'another audience': signed({ aud: 'bank-of-others' }),
    'no audience in the list': signed({ aud: [] }),
    'no end': signedToken(key, without('exp')),
    'end at 0': signed({ exp: 0 }),
    'end before': signed({ exp: now - 3_600 }),
    'end as a word': signed({ exp: 'never' }),
    'negative end': signed({ exp: -1 }),
    'begins later': signed({ nbf: now + 3_600 }),
    'signature of another': `${head}.${body}.${otherEnd}`,
    'no signature': `${head}.${body}.`,
    'claims exchanged': `${head}.${Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url')}.${end}`,
    'four parts': `${good}.x`,
    'no JSON': `${head}.bm9uc2Vuc2U.${end}`,
  };
  const before = catalog.requests();
  const accepted: string[] = [];
  for (const keysOf of [`jwks: '${keySet(key, rsa)}'`, 'jwksUri: http://keys/jwks.json']) {
    await apply(keysOf);
    for (const [name, token] of Object.entries(tokens)) if ((await statusOf(token)) !== 401) accepted.push(name);
    for (const token of [good, signedToken(rsa, claims)]) expect(await statusOf(token)).toBe(200);
  }
  expect(accepted).toEqual([]);
  expect(Object.keys(tokens)).toHaveLength(40);
  expect(catalog.requests()).toBe(before + 4);
  promise(
    'T24',
    `40 tokens, each with keys in the policy and from a service: ${accepted.length} accepted, 4 good ones all`,
  );
});
