import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { nextAddress, serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

// A hole in the language, which has none that is known: names of query parameters may be empty, which Envoy's own rules forbid.
vi.mock('../../src/policy/rules/http.ts', async (original) => {
  const { httpRules } = await original<typeof import('../../src/policy/rules/http.ts')>();
  return { httpRules: { ...httpRules, 'query-name': { ...httpRules['query-name'], problem: () => undefined } } };
});

let mesh: TestMesh;
let client: Member;
const applications: Application[] = [];

beforeAll(async () => {
  mesh = await startTestMesh({
    policies: { 'catalog.yaml': serviceYaml('catalog'), 'ledger.yaml': serviceYaml('ledger') },
  });
  for (const service of ['catalog', 'ledger']) {
    const address = nextAddress();
    applications.push(await startApplication({ address, port: 9080 }, service));
    await mesh.join({ service, address, ports: [{ port: 9080 }] });
  }
  client = await mesh.join({ service: 'frontend' });
  await mesh.synced();
});

afterAll(async () => {
  for (const application of applications) await application.close();
  // No Envoy has refused anything: none was sent it.
  await mesh.close();
});

const route = (service: string, commit: string, more = '') => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${service}, namespace: shop }
spec:
  hosts: [${service}]
  http:
  - name: marked
    headers:
      response: { set: { x-commit: ${commit} } }${more}
    route: [{ destination: { host: ${service} } }]
`;
const broken = `\n    match: [{ queryParams: { "": { exact: a } } }]`;
const answerTo = async (member: Member, service: string) => {
  const { status, headers } = await fetchOnce({
    host: member.address,
    port: member.proxyPort,
    path: `http://${service}.shop/`,
  });
  return `${status} ${headers['x-commit']}`;
};
const controlPlane = () => mesh.controlPlane();
const findings = () =>
  controlPlane()
    .values.policies()
    .diagnostics.filter(({ code }) => code === 'WEFT0601');

test('WEFT0601 what would break a rule of Envoy is sent to no Envoy: it keeps its last good form, the rest of the commit acts', {
  timeout: 90_000,
}, async () => {
  const files = (commit: string, more = '') => ({
    'catalog-route.yaml': route('catalog', commit, more),
    'ledger-route.yaml': route('ledger', commit),
  });
  await mesh.apply(files('first'));
  await eventually('the first commit acts', async () => (await answerTo(client, 'catalog')) === '200 first');
  expect(findings()).toEqual([]);

  const commit = await mesh.commit(files('second', broken));
  await eventually('the rest acts', async () => (await answerTo(client, 'ledger')) === '200 second');
  expect(await answerTo(client, 'catalog')).toBe('200 first');
  await eventually('it is said, with its line', () => findings().length > 0);
  const [finding] = findings();
  expect(finding).toMatchObject({
    severity: 'error',
    message: expect.stringMatching(
      /^generated (VirtualHost|RouteConfiguration) "\S+catalog\S+" is invalid: \S+match\.queryParameters\[0\]\.name must have at least 1 characters$/,
    ),
    at: { file: 'policies/catalog-route.yaml', line: 7 },
    object: { kind: 'VirtualService', namespace: 'shop', name: 'catalog' },
    field: 'spec.http[0]',
  });
  const [refused] = controlPlane().values.refused();
  expect(refused).toMatchObject({
    firstRefusedBy: 'the server',
    withheldFrom: 'equals',
    source: { file: 'policies/catalog-route.yaml', commit },
    fix: expect.stringContaining('WEFT0601'),
  });

  // Who comes later gets the last good form, too.
  const late = await mesh.join({ service: 'batch' });
  await eventually('a newcomer has it', async () => (await answerTo(late, 'ledger')) === '200 second');
  expect(await answerTo(late, 'catalog')).toBe('200 first');

  await mesh.apply(files('third'));
  for (const member of [client, late])
    await eventually('what is right again acts', async () => (await answerTo(member, 'catalog')) === '200 third');
  expect([findings(), controlPlane().values.refused()]).toEqual([[], []]);
  expect(await client.stat('cluster_manager.cds.update_rejected')).toBe(0);
});
