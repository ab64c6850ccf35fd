import { connect } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { type Claims, claimsOf, issuerKey, keySet, signedToken } from '../support/json-web-token.ts';
import type { Member } from '../support/member.ts';
import { type RawHttp, rawHttp } from '../support/raw-http.ts';
import { serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/* Rules about tokens, at a real Envoy (P44): what the filter that verifies tokens leaves of them is what conditions look at. */

const issuer = 'https://accounts.example/a';
const key = issuerKey('a');

const authentication = `---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec:
  jwtRules:
    - { issuer: "${issuer}", jwks: '${keySet(key)}', spaceDelimitedClaims: [roles] }
    - { issuer: "https://b.example", jwks: '${keySet(key)}' }
`;
const policy = (spec: string) => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: callers, namespace: shop }
spec: { selector: { matchLabels: { app: catalog } }, ${spec} }
`;

let catalog: Application;
let server: Member;
let http: RawHttp;

const mesh = useTestMesh(
  () => ({ policies: { 'catalog.yaml': serviceYaml('catalog') } }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    server = await started.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
    http = rawHttp(0, () => connect(server.inbound(9080), address));
  },
);
afterAll(async () => {
  http.close();
  await catalog.close();
});

const apply = (spec: string) => mesh().apply({ 'tokens.yaml': authentication + policy(spec) });
const ask = async (claims?: Claims, more: readonly string[] = [], method = 'GET') => {
  const token = claims === undefined ? [] : [`authorization: Bearer ${signedToken(key, claims)}`];
  return (await http.ask([`${method} / HTTP/1.1`, 'host: catalog', ...token, ...more])).status;
};
const ann = claimsOf(issuer);
const bob = claimsOf(issuer, { sub: 'bob' });
const other = claimsOf('https://b.example');

const from = (principals: string) => `rules: [{ from: [{ source: { ${principals} } }] }]`;
const when = (name: string, values: string) => `rules: [{ when: [{ key: "${name}", ${values} }] }]`;

test.each<
  [name: string, spec: string, allowed: readonly (Claims | undefined)[], refused: readonly (Claims | undefined)[]]
>([
  ['any token', from('requestPrincipals: ["*"]'), [ann, bob, other], [undefined, { ...ann, sub: '' }]],
  ['one subject', from(`requestPrincipals: ["${issuer}/ann"]`), [ann], [bob, other, undefined]],
  ['one issuer', from(`requestPrincipals: ["${issuer}/*"]`), [ann, bob], [other, undefined]],
  ['nobody with a token', from('notRequestPrincipals: ["*"]'), [undefined], [ann, other]],
  [
    'a claim',
    when('request.auth.claims[group]', 'values: [admins, "ops-*"]'),
    [
      { ...ann, group: 'admins' },
      { ...ann, group: ['x', 'admins'] },
      { ...ann, group: ['ops-1'] },
    ],
    [ann, { ...ann, group: 'admin' }, { ...ann, group: ['x'] }, { ...ann, group: { admins: true } }, undefined],
  ],
  [
    'a claim in a claim',
    when('request.auth.claims[realm][roles]', 'values: [writer]'),
    [{ ...ann, realm: { roles: ['reader', 'writer'] } }],
    [
      { ...ann, realm: { roles: 'reader' } },
      { ...ann, roles: 'writer' },
      { ...ann, 'realm.roles': 'writer' },
    ],
  ],
  [
    'a word of the scope',
    when('request.auth.claims[scope]', 'values: [write]'),
    [
      { ...ann, scope: 'read write' },
      { ...ann, scope: 'write' },
    ],
    [
      { ...ann, scope: 'read' },
      { ...ann, scope: 'writer' },
    ],
  ],
  [
    'a word of a claim that is said to be a list of words',
    when('request.auth.claims[roles]', 'values: [writer]'),
    [
      { ...ann, roles: 'reader writer' },
      { ...other, roles: 'writer' },
    ],
    [
      { ...ann, roles: 'writers' },
      { ...other, roles: 'reader writer' },
    ],
  ],
  [
    'an audience',
    when('request.auth.audiences', 'values: [shop]'),
    [
      { ...ann, aud: 'shop' },
      { ...ann, aud: ['bank', 'shop'] },
    ],
    [ann, { ...ann, aud: 'bank' }],
  ],
  [
    'a presenter',
    when('request.auth.presenter', 'values: [web]'),
    [{ ...ann, azp: 'web' }],
    [ann, { ...ann, azp: 'x' }],
  ],
  [
    'all but a claim',
    when('request.auth.claims[group]', 'notValues: [guests]'),
    [ann, undefined],
    [{ ...ann, group: 'guests' }],
  ],
  [
    'DENY by a claim',
    `action: DENY, ${when('request.auth.claims[group]', 'values: ["*"]')}`,
    [ann, undefined],
    [
      { ...ann, group: 'x' },
      { ...ann, group: 'a\nb' },
    ],
  ],
])('%s', async (_name, spec, allowed, refused) => {
  await apply(spec);
  const before = catalog.requests();
  const statuses = async (all: readonly (Claims | undefined)[]) => {
    const seen: number[] = [];
    for (const claims of all) seen.push(await ask(claims));
    return seen;
  };
  expect(await statuses(allowed)).toEqual(allowed.map(() => 200));
  expect(await statuses(refused)).toEqual(refused.map(() => 403));
  expect(catalog.requests()).toBe(before + allowed.length);
});

test('a token that is refused is 401 before any rule, and a preflight has none (D24)', async () => {
  await apply(from('requestPrincipals: ["*"]'));
  expect(await ask({ ...ann, exp: 1 })).toBe(401);
  const preflight = ['origin: http://o.example', 'access-control-request-method: GET'];
  expect(await ask(ann, preflight, 'OPTIONS')).toBe(403);
  await apply(
    'rules: [{ to: [{ operation: { methods: [OPTIONS] } }] }, { from: [{ source: { requestPrincipals: ["*"] } }] }]',
  );
  expect(await ask(undefined, preflight, 'OPTIONS')).toBe(200);
  expect(await ask()).toBe(403);
});
