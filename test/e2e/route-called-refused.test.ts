import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RouteAnswer } from '../../src/model/route-answer.ts';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import { inboundPort, type Member } from '../support/member.ts';
import { narrowEnvoy } from '../support/narrow-envoy.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

/*
 * What is decided before a workload is not what acts there where its proxy refused it: `weft route` and `weft check` of a caller say so.
 * Each answer is held against a request.
 */

/** An account that only an expression can mean: too large for that Envoy. */
const nobody = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: nobody, namespace: shop }
spec:
  selector: { matchLabels: { app: till } }
  action: DENY
  rules:
    - from: [{ source: { namespaces: [shop] } }]
`;

let mesh: TestMesh;
let till: Application;
let frontend: Member;
const stops: (() => void)[] = [];
beforeAll(async () => {
  mesh = await startTestMesh({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'till.yaml': serviceYaml('till'),
    },
  });
  const address = mesh.nextAddress();
  till = await startApplication({ address, port: 9080 }, 'till');
  await mesh.join({ service: 'till', address, ports: [{ port: 9080 }], envoyFlags: narrowEnvoy });
  frontend = await mesh.join({ service: 'frontend' });
  await mesh.synced();
});
afterAll(async () => {
  for (const stop of stops) stop();
  await till.close();
  // That Envoy is meant to refuse.
  await mesh.close({ checkRejected: false });
});

const ask = (...words: readonly string[]) =>
  runVerb([...words, '--cp', `http://127.0.0.1:${mesh.controlPlane().adminPort}`], { cwd: mesh.folder });
const routed = async (to: string) => {
  const { code, stdout } = await ask('route', '--from', 'frontend-1.shop', '--to', to, '-o', 'json');
  return { code, said: JSON.parse(stdout) as RouteAnswer };
};
const status = async () => (await fetchOnce({ host: frontend.address, port: mesh.localPort('till', 80) })).status;

test('rules that the proxy of the called refused are told with their line, and the call is no good answer', async () => {
  const [to, type, resource] = ['till', 'RDS', 'in_9080'];
  const before = await routed(to);
  expect([before.code, before.said.called]).toEqual([0, { connected: 1, otherwise: [] }]);
  expect(await status()).toBe(200);

  await mesh.commit({ 'authz.yaml': nobody });
  const told = await eventually('it is refused', async () => {
    const answer = await routed(to);
    return answer.said.called?.otherwise.some((each) => each.resource === resource) === true && answer;
  });
  expect(told.code).toBe(1);
  expect(told.said.called).toMatchObject({
    connected: 1,
    otherwise: [
      {
        proxy: 'till-1.shop',
        state: 'refused',
        type,
        resource,
        held: expect.any(String),
        refusal: { message: expect.stringContaining('RE2 program size'), by: 'till-1.shop' },
      },
    ],
  });
  // What was decided does not act there.
  expect(await status()).toBe(200);

  const { stdout } = await ask('route', '--from', 'frontend-1.shop', '--to', to);
  expect(stdout).toContain('- what stands before the called is not all in force: see "refused by the called"');
  expect(stdout).toMatch(
    new RegExp(`^refused by the called\\n  × ${type} ${resource}: till-1\\.shop refused it: .*RE2 program size`, 'm'),
  );
  expect(stdout).toMatch(/till-1\.shop: an older form/);
  const check = await ask('check', '--from', 'frontend-1.shop', '--to', to);
  expect(check.code).toBe(1);
  expect(check.stdout).toMatch(new RegExp(`^× held +till-1\\.shop refused it: ${resource} `, 'm'));

  await mesh.apply({ 'authz.yaml': undefined });
  expect([(await routed(to)).code, (await routed(to)).said.called?.otherwise]).toEqual([0, []]);
});

test('a listener that the proxy of the called refused is told, and nothing listens', async () => {
  const address = mesh.nextAddress();
  const squatter = createServer((socket) => socket.destroy()).listen(inboundPort(9080), address);
  await once(squatter, 'listening');
  stops.push(() => squatter.close());
  await mesh.apply({ 'safe.yaml': serviceYaml('safe') });
  await mesh.join({ service: 'safe', address, ports: [{ port: 9080 }], waitReady: false });
  const { code, said } = await eventually('it is refused', async () => {
    const answer = await routed('safe');
    return (answer.said.called?.otherwise.length ?? 0) > 0 && answer;
  });
  expect([code, said.outcome, said.clusters[0]?.endpoints.length]).toEqual([1, 'forward', 1]);
  expect(said.called?.otherwise).toEqual([
    {
      proxy: 'safe-1.shop',
      state: 'refused',
      type: 'LDS',
      resource: 'in_9080',
      refusal: expect.objectContaining({ message: expect.stringContaining('cannot bind') }),
    },
  ]);
  const { stdout } = await ask('route', '--from', 'frontend-1.shop', '--to', 'safe');
  expect(stdout).toMatch(/^refused by the called\n {2}× LDS in_9080: safe-1\.shop refused it: .*cannot bind/m);
  expect(stdout).toContain('safe-1.shop: nothing of that name');
});
