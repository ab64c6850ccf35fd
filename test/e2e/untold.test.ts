import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/* What a policy says and nobody meets: a real Envoy does what the finding says, and the finding is there. */

const rule = (text: string) => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: callers, namespace: shop }
spec: { selector: { matchLabels: { app: catalog } }, rules: [${text}] }
`;
const operation = (fields: string) => rule(`{ to: [{ operation: ${fields} }] }`);
const open = rule('{}');

let catalog: Application;
let frontend: Member;
const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'catalog.yaml': serviceYaml('catalog'),
      // As it comes from a cluster, where the container listens elsewhere.
      'pasted.yaml': serviceYaml('pasted', '[{ name: http, port: 80, targetPort: 8080 }]').replace(
        'app: pasted',
        'app: catalog',
      ),
      'authz.yaml': open,
    },
  }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    await started.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
    frontend = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => catalog?.close());

/** What ten requests got, and how many of them the application heard. */
async function calls(service: string, path = '/'): Promise<{ statuses: readonly number[]; reached: number }> {
  const before = catalog.requests();
  const port = mesh().localPort(service, 80);
  const answers = [];
  for (let request = 0; request < 10; request += 1)
    answers.push(await fetchOnce({ host: frontend.address, port, path }));
  return { statuses: [...new Set(answers.map(({ status }) => status))], reached: catalog.requests() - before };
}
const findings = (code: string) =>
  mesh()
    .controlPlane()
    .policies.get()
    .diagnostics.flatMap((one) => (one.code === code ? [`${one.field}: ${one.message}; ${one.hint}`] : []));

test('a Service whose targetPort nobody has: 503, told by the server and by weft describe (WEFT0205)', async () => {
  await eventually('the server says it', () => findings('WEFT0205').length > 0);
  const [said] = findings('WEFT0205');
  expect(said).toBe(
    'spec.ports[0].targetPort: port 80 of service pasted has no workload: 1 matches the selector, it has not port 8080; ports of its workloads: 9080; write one of them in targetPort, or start them with --port 8080',
  );
  const cp = ['--cp', `http://127.0.0.1:${mesh().controlPlane().adminPort}`];
  const { stdout } = await runVerb(['describe', 'service', 'pasted', '-n', 'shop', ...cp], { cwd: mesh().folder });
  expect(stdout).toContain('warning WEFT0205 port 80 of service pasted has no workload: 1 matches the selector');
  expect(await calls('pasted')).toEqual({ statuses: [503], reached: 0 });
  expect(await calls('catalog')).toEqual({ statuses: [200], reached: 10 });
  await mesh().apply({ 'pasted.yaml': serviceYaml('pasted').replace('app: pasted', 'app: catalog') });
  await eventually('it is not said any more', () => findings('WEFT0205').length === 0);
  expect(await calls('pasted')).toEqual({ statuses: [200], reached: 10 });
});

test.each([
  ['a method in lower case', operation('{ methods: [get] }'), '/', 'WEFT0165'],
  ['a path without its slash', operation('{ paths: [x] }'), '/x', 'WEFT0165'],
  ['a path with a query', operation('{ paths: ["/x?y=1"] }'), '/x?y=1', 'WEFT0165'],
  ['a star inside', operation('{ paths: ["/a/*/b"] }'), '/a/1/b', 'WEFT0165'],
  ['all of it excluded', operation('{ methods: [GET], notMethods: ["G*"] }'), '/', 'WEFT0165'],
  ['the port of the Service', operation('{ ports: ["80"] }'), '/', 'WEFT0113'],
  ['the same in when', rule('{ when: [{ key: destination.port, values: ["80"] }] }'), '/', 'WEFT0113'],
])('%s lets nobody in, and is told (%s)', async (_, text, path, code) => {
  await mesh().apply({ 'authz.yaml': text });
  expect(findings(code)).toHaveLength(1);
  expect(await calls('catalog', path)).toEqual({ statuses: [403], reached: 0 });
});

test.each([
  ['the method as it is', operation('{ methods: [GET] }'), '/'],
  ['the path without its query', operation('{ paths: ["/x"] }'), '/x?y=1'],
  ['a star at the end', operation('{ paths: ["/a/*"] }'), '/a/1/b'],
  ['the port of the workload', operation('{ ports: ["9080"] }'), '/'],
])('%s lets all in, and nothing is told', async (_, text, path) => {
  await mesh().apply({ 'authz.yaml': text });
  expect([...findings('WEFT0165'), ...findings('WEFT0113')]).toEqual([]);
  expect(await calls('catalog', path)).toEqual({ statuses: [200], reached: 10 });
});

test('a Host header that a rule names in capitals', async () => {
  await mesh().apply({ 'authz.yaml': operation('{ hosts: [Catalog.SHOP] }') });
  const ask = (host: string) =>
    fetchOnce({ host: frontend.address, port: mesh().localPort('catalog', 80), path: '/', headers: { host } });
  expect((await ask('catalog.shop')).status).toBe(200);
  expect((await ask('CATALOG.shop')).status).toBe(200);
  expect((await ask('catalog')).status).toBe(403);
});
