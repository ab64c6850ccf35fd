import { connect } from 'node:net';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { claimsOf, issuerKey, keySet, sharedToken, signedToken, unsignedToken } from '../support/json-web-token.ts';
import type { Member } from '../support/member.ts';
import { type RawAnswer, type RawHttp, rawHttp } from '../support/raw-http.ts';
import { serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/* What a real Envoy makes of tokens (P44, P49, D23, D24): each request over a socket of its own making, each answer counted at the program. */

const issuer = 'https://accounts.example';
const [key, other] = [issuerKey('a'), issuerKey('a')];
const rsa = issuerKey('r', 'RS256');
const rsaText = rsa.publicKey.export({ type: 'spki', format: 'pem' });
const now = Math.floor(Date.now() / 1000);
const claims = claimsOf(issuer, { aud: 'shop' });

/** A RequestAuthentication over catalog; `rules` as YAML flow. */
const authentication = (rules: string, name = 'tokens') => `---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: ${name}, namespace: shop }
spec: { selector: { matchLabels: { app: catalog } }, jwtRules: [${rules}] }
`;
const rule = (more = '', of = issuer) => `{ issuer: "${of}", jwks: '${keySet(key, rsa)}'${more} }`;

let catalog: Application;
let server: Member;
let http: RawHttp;

const mesh = useTestMesh(
  () => ({ policies: { 'catalog.yaml': serviceYaml('catalog') } }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog', ({ url, headers }, response) => {
      response.end(JSON.stringify({ url, headers }));
    });
    server = await started.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
    http = rawHttp(0, () => connect(server.inbound(9080), address));
  },
);
afterAll(async () => {
  http.close();
  await catalog?.close();
});

const apply = (text: string | undefined) => mesh().apply({ 'tokens.yaml': text });
beforeEach(() => apply(authentication(rule(', audiences: [shop, bank]'))));

const ask = (headers: readonly string[] = [], path = '/', method = 'GET') =>
  http.ask([`${method} ${path} HTTP/1.1`, 'host: catalog', ...headers]);
const bearer = (token: string) => [`authorization: Bearer ${token}`];
const withToken = async (token: string) => ask(bearer(token));
const seen = ({ body }: RawAnswer): { url: string; headers: Record<string, string> } => JSON.parse(body);

test('a change of keys acts on the next request of an open connection, and closes none (E21)', async () => {
  const connections = () => server.stat(`listener.${server.address}_${server.inbound(9080)}.downstream_cx_total`);
  const token = signedToken(other, claims);
  expect((await withToken(token)).status).toBe(401);
  const opened = await connections();
  const before = catalog.requests();
  const codes: number[] = [];
  const othersKeys = authentication(`{ issuer: "${issuer}", jwks: '${keySet(other)}' }`);
  for (const text of [othersKeys, authentication(rule()), undefined, authentication(rule()), othersKeys]) {
    await apply(text);
    for (let request = 0; request < 5; request += 1) codes.push((await withToken(token)).status);
  }
  const phase = (code: number) => Array.from({ length: 5 }, () => code);
  expect(codes).toEqual([200, 401, 200, 401, 200].flatMap(phase));
  expect(await connections()).toBe(opened);
  expect(catalog.requests()).toBe(before + 15);
  expect(await server.stat('listener_manager.listener_modified')).toBe(0);
});

const audience = 'Audiences in Jwt are not allowed';
const unknownKey = "Jwks doesn't have key to match kid or alg from Jwt";
const notThree = 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections';

test.each<[name: string, token: string, status: number, words?: string]>([
  ['good', signedToken(key, claims), 200],
  ['good, RSA', signedToken(rsa, claims), 200],
  ['one of several audiences', signedToken(key, { ...claims, aud: ['x', 'bank'] }), 200],
  ['30 s late, within the skew of clocks', signedToken(key, { ...claims, exp: now - 30 }), 200],
  ['expired', signedToken(key, { ...claims, exp: now - 3600 }), 401, 'Jwt is expired'],
  ['not yet valid', signedToken(key, { ...claims, nbf: now + 3600 }), 401, 'Jwt not yet valid'],
  ['wrong issuer', signedToken(key, { ...claims, iss: 'https://b.example' }), 401, 'Jwt issuer is not configured'],
  ['no issuer', signedToken(key, { ...claims, iss: undefined }), 401, 'Jwt issuer is not configured'],
  ['wrong audience', signedToken(key, { ...claims, aud: 'x' }), 401, audience],
  ['no audience', signedToken(key, { ...claims, aud: undefined }), 401, audience],
  ['no end', signedToken(key, { ...claims, exp: undefined }), 401],
  ['another key', signedToken(other, claims), 401, 'Jwt verification fails'],
  ['unknown kid', signedToken(key, claims, { kid: 'z' }), 401, unknownKey],
  ['a path as kid', signedToken(key, claims, { kid: '../../etc/passwd' }), 401, unknownKey],
  ['alg none', unsignedToken(claims), 401, notThree],
  ['HS256 by the text of the public key', sharedToken(rsaText, claims, { kid: 'r' }), 401, unknownKey],
  ['garbage', 'garbage', 401, notThree],
])('a token: %s', async (_name, token, status, words) => {
  const before = catalog.requests();
  const answer = await withToken(token);
  expect(answer).toMatchObject({ status, ...(words !== undefined && { body: words }) });
  expect(catalog.requests()).toBe(before + (status === 200 ? 1 : 0));
});

test('no token passes, and so does what is none', async () => {
  for (const headers of [[], ['authorization: Basic abc'], ['authorization: Bearer '], ['x-token: garbage']])
    expect((await ask(headers)).status).toBe(200);
});

test('a bad token in a request of another form never reaches the program', async () => {
  const before = catalog.requests();
  const statusOf = async (first: string) => (await http.ask([first, 'host: catalog', ...bearer('garbage')])).status;
  expect(await statusOf('GET http://catalog/ HTTP/1.1')).toBe(401);
  expect(await statusOf('GET http://catalog HTTP/1.1')).toBe(401);
  // No path, so no route.
  for (const first of ['OPTIONS * HTTP/1.1', 'CONNECT catalog:80 HTTP/1.1'])
    expect([first, await statusOf(first)]).not.toEqual([first, 200]);
  expect(catalog.requests()).toBe(before);
});

test('a preflight of CORS passes with whatever token (D24)', async () => {
  const preflight = ['origin: http://o.example', 'access-control-request-method: GET', ...bearer('garbage')];
  expect((await ask(preflight, '/', 'OPTIONS')).status).toBe(200);
  expect((await ask(preflight.slice(1), '/', 'OPTIONS')).status).toBe(401);
});

test('a token is looked for in the bearer and in access_token, and goes no further (D23, D24)', async () => {
  const token = signedToken(key, claims);
  expect(seen(await withToken(token)).headers).not.toHaveProperty('authorization');
  expect(seen(await ask([], `/a?b=1&access_token=${token}&c=2`)).url).toBe('/a?b=1&c=2');
  expect((await ask([], '/a?access_token=garbage')).status).toBe(401);
  // Each place is looked at: a good token in one excuses no bad one in another.
  expect((await ask(bearer(token), '/a?access_token=garbage')).status).toBe(401);
});

test('all places, and what the program gets', async () => {
  const places =
    ', fromHeaders: [{ name: x-token, prefix: "Token " }, { name: X-Bare }], fromParams: [t], fromCookies: [s]';
  const out = `, outputPayloadToHeader: x-payload, outputClaimToHeaders: [{ header: x-sub, claim: sub }, { header: x-role, claim: a.role }]`;
  await apply(authentication(rule(`${places}, forwardOriginalToken: true${out}`)));
  const told = { ...claims, a: { role: 'boss' } };
  const token = signedToken(key, told);
  const heard = {
    'x-sub': 'ann',
    'x-role': 'boss',
    'x-payload': Buffer.from(JSON.stringify(told)).toString('base64url'),
  };
  const ways: readonly [readonly string[], string?][] = [
    [[`x-token: Token ${token}`]],
    [[`x-bare: ${token}`]],
    [[], `/?t=${token}`],
    [[`cookie: a=b; s=${token}`]],
  ];
  for (const [headers, path = '/'] of ways) {
    const answer = await ask(headers, path);
    expect([headers, path, answer.status]).toEqual([headers, path, 200]);
    const got = seen(answer);
    expect(got.headers).toMatchObject(heard);
    expect(got.url).toBe(path);
    expect(
      (
        await ask(
          headers.map((header) => `${header}x.y`),
          path === '/' ? '/' : `${path}x.y`,
        )
      ).status,
    ).toBe(401);
  }
  // Not its places any more.
  expect((await ask(bearer('garbage'), '/?access_token=garbage')).status).toBe(200);
  // Nobody says a claim but a token.
  const forged = seen(await ask(['x-sub: root', 'x-role: root', 'x-payload: e30'])).headers;
  for (const name of ['x-sub', 'x-role', 'x-payload']) expect(forged).not.toHaveProperty(name);
});

test('policies add up: any token of any of them, or none', async () => {
  const second = `{ issuer: "https://b.example", jwks: '${keySet(other)}' }`;
  await apply(authentication(rule()) + authentication(second, 'more'));
  expect((await withToken(signedToken(key, claims))).status).toBe(200);
  expect((await withToken(signedToken(other, claimsOf('https://b.example')))).status).toBe(200);
  expect((await withToken(signedToken(key, claimsOf('https://b.example')))).status).toBe(401);
  expect((await withToken(signedToken(other, claims))).status).toBe(401);
  expect((await ask()).status).toBe(200);
});
