import { once } from 'node:events';
import { expect, test } from 'vitest';
import type { RouteAnswer } from '../../src/model/route-answer.ts';
import { seenRequest } from '../../src/resolve/seen-request.ts';
import { fetchOnce } from '../support/load.ts';
import { openTcp } from '../support/mesh-client.ts';
import { useRuleMesh } from '../support/rule-mesh.ts';
import { runVerb } from '../support/run-verb.ts';

const rule = (name: string, match: string, subset: string) => `
    - name: ${name}
      match: [${match}]
      headers: { response: { set: { x-rule: ${name} } } }
      route: [{ destination: { host: echo, subset: ${subset} } }]`;

const policies = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: echo, namespace: shop }
spec:
  hosts: [echo]
  http:${rule('probes', '{ sourceLabels: { app: probe } }', 'v1')}${rule('ana', '{ headers: { x-user: { exact: ana } }, uri: { prefix: /a } }', 'v2')}${rule('numbers', '{ uri: { regex: "/[0-9]+" } }', 'v1')}${rule('posts', '{ method: { exact: POST }, withoutHeaders: { x-skip: {} } }', 'v2')}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: echo, namespace: shop }
spec: { host: echo, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }
`;

const { mesh, at, client } = useRuleMesh({ policies: { 'echo.yaml': policies }, services: { echo: ['v1', 'v2'] } });

async function answer(words: readonly string[]): Promise<{ readonly code: number; readonly said: RouteAnswer }> {
  const cp = `http://127.0.0.1:${mesh().controlPlane().adminPort}`;
  const all = ['route', '--cp', cp, '-n', 'shop', '-o', 'json', '--from', 'frontend-1', ...words];
  const { code, stdout, stderr } = await runVerb(all, { cwd: mesh().folder });
  expect(stderr).toBe('');
  return { code, said: JSON.parse(stdout) };
}

test.each([
  ['GET', '/abc', { 'x-user': 'ana' }, 'ana'],
  ['GET', '/b/../abc', { 'X-User': 'ana' }, 'ana'],
  ['GET', '/abc', { 'x-user': 'Ana' }, undefined],
  ['GET', '/17', {}, 'numbers'],
  ['GET', '/%31%37?x=1', {}, 'numbers'],
  ['GET', '/17/', {}, undefined],
  ['POST', '/', {}, 'posts'],
  ['POST', '/', { 'x-skip': '' }, undefined],
] as const)('%s %s with %o: weft route and the sidecar say %s', async (method, path, headers, winner) => {
  const flags = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
  const { code, said } = await answer(['--to', 'echo', '--method', method, '--path', path, ...flags]);
  const sent = await fetchOnce({ ...at('echo', path, headers), method });
  expect([sent.status, sent.headers['x-rule']]).toEqual([winner === undefined ? 404 : 200, winner]);
  expect([code, said.route]).toEqual(
    winner === undefined ? [1, undefined] : [0, `VirtualService/shop/echo[${winner}]`],
  );
  const [first] = said.candidates;
  expect(first?.condition).toMatchObject({ field: 'sourceLabels.app', got: 'frontend' });
});

test('what the sidecar answers by itself is told: hosts and values that are none of HTTP, each character tried on Envoy', async () => {
  const say = async (authority: string, more = '', line = 'GET /abc') => {
    const text = `${line} HTTP/1.1\r\nhost: ${authority}\r\n${more}connection: close\r\n\r\n`;
    // At the local port of a service every host means it, so that none has to be looked for.
    const socket = await openTcp(client().address, mesh().localPort('echo', 80));
    socket.write(text, 'latin1');
    const [first] = await once(socket, 'data');
    socket.destroy();
    return Number(/^HTTP\/1\.1 (\d+)/.exec(String(first))?.[1]);
  };
  const told = (authority: string, headers: readonly (readonly [string, string])[] = []) => {
    const seen = seenRequest({ method: 'GET', authority, path: '/abc', headers }, 'dots');
    return 'refused' in seen && seen.refused === 400;
  };
  const wrong: string[] = [];
  const every = Array.from({ length: 255 }, (_, index) => String.fromCharCode(index + 1));
  for (const character of every.filter((each) => each !== '\r' && each !== '\n')) {
    const host = `echo${character}x`;
    if (((await say(host)) === 400) !== told(host)) wrong.push(`host ${JSON.stringify(character)}`);
    const value = `a${character}x`;
    if (((await say('echo', `x-any: ${value}\r\n`)) === 400) !== told('echo', [['x-any', value]]))
      wrong.push(`value ${JSON.stringify(character)}`);
  }
  expect(wrong).toEqual([]);
  for (const [line, words, status] of [
    ['GET abc', ['--path', 'abc'], 400],
    ['GET /a#b', ['--path', '/a#b'], 400],
    ['GET /a b', ['--path', '/a b'], 400],
    ['OPTIONS *', ['--method', 'OPTIONS', '--path', '*'], 404],
  ] as const) {
    expect([line, await say('echo', '', line)]).toEqual([line, status]);
    const { code, said } = await answer(['--to', 'echo', ...words]);
    expect([code, said.outcome, said.status]).toEqual([1, 'invalid', status]);
  }
}, 60_000);

test('a fault and an answer of the sidecar are told as what they are: nobody is reached', async () => {
  const http = (text: string) =>
    `---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: echo, namespace: shop }\nspec: { hosts: [echo], http: [{ name: one, ${text} }] }\n`;
  const to = 'route: [{ destination: { host: echo } }]';
  const cp = ['--cp', `http://127.0.0.1:${mesh().controlPlane().adminPort}`];
  const windows = async () => {
    const words = [...cp, '-n', 'shop', '--from', 'frontend-1', '--to', 'echo'];
    const [route, check] = await Promise.all(
      ['route', 'check'].map((verb) => runVerb([verb, ...words], { cwd: mesh().folder })),
    );
    return `${route?.code} ${route?.stdout} ${check?.code} ${check?.stdout}`;
  };
  await mesh().apply({ 'echo.yaml': http(`fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }, ${to}`) });
  expect((await fetchOnce(at('echo', '/'))).status).toBe(418);
  expect(await windows()).toMatch(
    /^1 [\s\S]*× VirtualService\/shop\/echo\[one\][\s\S]*× 100% of the calls get 418 by the sidecar itself [\s\S]* 1 [\s\S]*× route +VirtualService\/shop\/echo\[one\]: 418 by a fault, for 100% of the calls +policies\/echo\.yaml:5/,
  );
  await mesh().apply({ 'echo.yaml': http('directResponse: { status: 503 }') });
  expect((await fetchOnce(at('echo', '/'))).status).toBe(503);
  expect(await windows()).toMatch(
    /^1 [\s\S]*× VirtualService\/shop\/echo\[one\]: answered with 503 [\s\S]* 1 [\s\S]*× route +VirtualService\/shop\/echo\[one\]: 503 by the sidecar of the caller +policies\/echo\.yaml:5/,
  );
  await mesh().apply({ 'echo.yaml': policies });
});

test('the endpoints are those of this moment', async () => {
  const { said } = await answer(['--to', 'echo:80', '--path', '/17']);
  expect(said.clusters).toEqual([
    expect.objectContaining({
      cluster: 'out_shop_echo_80_v1',
      percent: 100,
      endpoints: [{ workload: 'echo-v1.shop', address: expect.any(String), healthy: true, meshTls: true }],
    }),
  ]);
});

test('a caller that nobody knows is told, and who may be meant', async () => {
  const cp = `http://127.0.0.1:${mesh().controlPlane().adminPort}`;
  const { code, stderr } = await runVerb(['route', '--cp', cp, '-n', 'shop', '--to', 'echo', '--from', 'frontent-1'], {
    cwd: mesh().folder,
  });
  expect(code).toBe(2);
  expect(stderr).toContain('WEFT0920 there is no workload "frontent-1"');
  expect(stderr).toContain('did you mean "frontend-1.shop"?');
});
