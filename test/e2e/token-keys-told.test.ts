import type { ServerResponse } from 'node:http';
import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { claimsOf, issuerKey, keySet, signedToken } from '../support/json-web-token.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/*
 * Keys of tokens that a workload's Envoy cannot have: it alone asks for them and says so in its counters. While it is so, `weft check`
 * and `weft describe` tell it with the line of the URL, and no more once a fetch came back.
 */

const issuer = 'https://accounts.example';
const key = issuerKey('a');
const uri = 'http://keys/jwks.json';
const tokens = (...uris: readonly string[]) => `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec:
  selector: { matchLabels: { app: catalog } }
  jwtRules:
${uris.map((each, index) => `    - issuer: ${issuer}${index === 0 ? '' : `/${index}`}\n      audiences: [shop]\n      jwksUri: ${each}\n      timeout: 1s\n`).join('')}`;

let answer: (response: ServerResponse) => void;
let keys: Application;
let catalog: Application;
let frontend: Member;
const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'catalog.yaml': serviceYaml('catalog'),
      'keys.yaml': serviceYaml('keys'),
      'gone.yaml': serviceYaml('gone'),
    },
  }),
  async (started) => {
    const own = started.nextAddress();
    catalog = await startApplication({ address: own, port: 9080 }, 'catalog');
    await started.join({ service: 'catalog', address: own, ports: [{ port: 9080 }] });
    const address = started.nextAddress();
    keys = await startApplication({ address, port: 9080 }, 'keys', (_request, response) => answer(response));
    await started.join({ service: 'keys', address, ports: [{ port: 9080 }] });
    frontend = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => Promise.all([catalog.close(), keys.close()]));

const ask = async (of = issuer) => {
  const headers = { authorization: `Bearer ${signedToken(key, claimsOf(of, { aud: 'shop' }))}` };
  const { status } = await fetchOnce({ host: frontend.address, port: mesh().localPort('catalog', 80), headers });
  return status;
};
const weft = (...words: readonly string[]) =>
  runVerb([...words, '--cp', `http://127.0.0.1:${mesh().controlPlane().adminPort}`], { cwd: mesh().folder });
const windows = [
  ['check', '--from', 'frontend-1.shop', '--to', 'catalog'],
  ['describe', 'policy', 'RequestAuthentication/shop/tokens'],
  ['describe', 'workload', 'catalog-1.shop'],
] as const;
const said = async () => Promise.all(windows.map(async (words) => await weft(...words)));
const isTold = ({ stdout }: { readonly stdout: string }) => stdout.includes('cannot fetch');

test.each<[name: string, wrong: typeof answer]>([
  ['an error', (response) => void response.writeHead(500).end()],
  ['no JSON', (response) => void response.end('nonsense')],
  ['an end without an answer', (response) => void response.destroy()],
])('said while keys cannot be had, and no more when they can: %s', async (name, wrong) => {
  answer = wrong;
  const own = `${uri}?${encodeURIComponent(name)}`;
  await mesh().apply({ 'tokens.yaml': tokens(own) });
  expect((await said()).map(isTold)).toEqual([false, false, false]);
  for (let request = 0; request < 3; request += 1) expect(await ask()).toBe(401);
  const told = await eventually('it is told', async () => {
    const all = await said();
    return all.every(({ stdout }) => /3 fetches failed/.test(stdout)) && all;
  });
  const [check] = told;
  expect(check?.code).toBe(1);
  for (const { stdout } of told) {
    const line = stdout.split('\n').find((each) => each.includes('cannot fetch'));
    expect(line).toContain(`catalog-1.shop cannot fetch the keys of ${issuer} at ${own}`);
    expect(line).toMatch(/policies\/tokens\.yaml:9$/);
    expect(stdout).toMatch(
      /fix:? .*must answer 200 with a JSON Web Key Set; weft check --from catalog-1\.shop --to keys\.shop/,
    );
  }
  answer = (response) => void response.end(keySet(key));
  expect(await ask()).toBe(200);
  await eventually('it is told no more', async () => (await said()).every((each) => !isTold(each)));
  expect((await weft(...windows[0])).code).toBe(0);
  const { edges } = mesh().controlPlane().values;
  expect(edges(60_000).filter(({ from }) => from === 'catalog')).toMatchObject([
    { to: 'keys', beside: 'own', uses: ['keys'] },
  ]);
});

test('a key server that nobody serves is told before anybody brings a token, and a token has no answer of weft authz but 401', async () => {
  await mesh().apply({ 'tokens.yaml': tokens('http://gone/jwks.json') });
  const { code, stdout } = await weft(...windows[0]);
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /× tokens +catalog-1\.shop cannot fetch the keys of .* at http:\/\/gone\/jwks\.json: a token of that issuer gets 401 .*gone\.shop has no endpoint at port 80 +policies\/tokens\.yaml:9\n +fix +start a workload of gone\.shop/,
  );
  expect(await ask()).toBe(401);
  const claims = JSON.stringify({ iss: issuer, aud: 'shop' });
  const authz = await weft('authz', '--from', 'frontend-1.shop', '--to', 'catalog', '-n', 'shop', '--claims', claims);
  expect([authz.code, authz.stdout]).toEqual([1, expect.stringContaining('‼ unknown: 401, unless keys from before')]);
});

test('another URL is not blamed for what the one before did', async () => {
  answer = (response) => void response.writeHead(503).end();
  await mesh().apply({ 'tokens.yaml': tokens(`${uri}?old`) });
  expect(await ask()).toBe(401);
  await eventually('it is told', async () => (await said()).every(isTold));
  await mesh().apply({ 'tokens.yaml': tokens(`${uri}?new`) });
  expect((await said()).map(isTold)).toEqual([false, false, false]);
});

test('of several URLs, all are named: Envoy does not say which one it was', async () => {
  answer = (response) => void response.end(keySet(key));
  await mesh().apply({ 'tokens.yaml': tokens(`${uri}?good`, 'http://nobody.shop.svc.cluster.local/keys') });
  expect(await ask()).toBe(200);
  expect(await ask(`${issuer}/1`)).toBe(401);
  const [check] = await eventually('it is told', async () => {
    const all = await said();
    return all.every(isTold) && all;
  });
  expect(check?.stdout).toContain(
    `the keys of one of ${issuer} at ${uri}?good, ${issuer}/1 at http://nobody.shop.svc.cluster.local/keys: a token`,
  );
});
