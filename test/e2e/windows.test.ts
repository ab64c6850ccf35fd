import { afterAll, expect, test } from 'vitest';
import type { ProvenanceItem, VisibilityReport } from '../../src/admin/policy-windows.ts';
import type { Description } from '../../src/model/description.ts';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/*
 * What the running mesh tells about itself: descriptions, decisions, visibility, and the line behind each field that a proxy holds.
 */
const rules = (timeout: string) => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: echo, namespace: shop }
spec:
  hosts: [echo]
  http:
    - name: all
      timeout: ${timeout}
      route: [{ destination: { host: echo } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: echo, namespace: shop }
spec:
  host: echo
  trafficPolicy:
    connectionPool: { tcp: { maxConnections: 7 } }
`;

let client: Member;
let application: Application;
const mesh = useTestMesh(
  () => ({
    policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'services.yaml': serviceYaml('echo'), 'rules.yaml': rules('5s') },
  }),
  async (started) => {
    const address = started.nextAddress();
    application = await startApplication({ address, port: 9080 }, 'v1');
    await started.join({ service: 'echo', name: 'echo-1', version: 'v1', address, ports: [{ port: 9080 }] });
    client = await started.join({ service: 'frontend', name: 'frontend-1' });
    await started.synced();
    const known = () => client.stat('cluster.out_shop_echo_80.membership_healthy');
    await eventually('the caller knows echo', async () => (await known()) === 1);
  },
);

afterAll(() => application.close());

async function api<Value>(path: string): Promise<Value> {
  const answer = await fetch(`http://127.0.0.1:${mesh().controlPlane().adminPort}${path}`);
  const text = await answer.text();
  // Whatever is asked for: keys and credentials are in none of it.
  expect(text).not.toMatch(/PRIVATE KEY|BEGIN CERTIFICATE/);
  if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
  return JSON.parse(text);
}

const rowsOf = ({ sections }: Description, name: string) =>
  sections.find((section) => section.name === name)?.rows.map(({ text, by }) => (by ? `${text} | ${by}` : text)) ?? [];

test('a service: its rules, limits, endpoints, callers, who called it, each with its line', async () => {
  expect(await sendRequests({ host: client.address, port: mesh().localPort('echo', 80), path: '/' }, 20)).toMatchObject(
    {
      succeeded: 20,
    },
  );
  const service = () => api<Description>('/api/v1/describe?kind=service&name=echo');
  const told = await service();
  expect(told.subject).toBe('Service shop/echo');
  expect(rowsOf(told, 'port 80 http')).toContain('   timeout 5 s | policies/rules.yaml:9');
  expect(rowsOf(told, 'port 80 http: values')[0]).toBe('maxConnections 7 | policies/rules.yaml:18');
  expect(rowsOf(told, 'port 80 http: endpoints')).toEqual([
    expect.stringMatching(/^echo-1\.shop at [\d.]+:\d+, not probed, mesh TLS, version v1$/),
  ]);
  expect(rowsOf(told, 'mTLS and callers')).toContain('application port 9080: mTLS STRICT | policies/mesh.yaml:5');
  expect(rowsOf(told, 'port 80 http: what a sidecar changes').filter((row) => row.includes('R15'))).toHaveLength(6);
  await eventually('the calls are counted', async () =>
    rowsOf(await service(), 'calls of the last minute').some((row) => row.startsWith('frontend')),
  );
});

test('a workload and a policy', async () => {
  const workload = await api<Description>('/api/v1/describe?kind=workload&name=echo-1');
  expect(rowsOf(workload, 'workload')).toContain('identity spiffe://demo.mesh/ns/shop/sa/echo');
  expect(rowsOf(workload, 'application port 9080')).toContain('requestsPerConnection 1 | default:R13');
  const policy = await api<Description>('/api/v1/describe?kind=policy&name=DestinationRule/shop/echo');
  expect(rowsOf(policy, 'decides')).toEqual([
    'shop -> echo.shop.svc.cluster.local:80 maxConnections 7 | policies/rules.yaml:18',
  ]);
  await expect(api('/api/v1/describe?kind=service&name=ehco')).rejects.toThrow('did you mean \\"echo\\"?');
});

test('/debug/ir: decisions of a proxy and of a scope; /debug/sidecarz: what each proxy sees', async () => {
  interface Ir {
    readonly view: { readonly key: string };
    readonly inbound?: readonly { readonly mtls: { readonly value: string; readonly by: string } }[];
  }
  const ir = await api<Ir>('/debug/ir?proxyID=echo-1');
  expect(ir.inbound?.[0]?.mtls).toEqual({
    value: 'STRICT',
    by: 'PeerAuthentication/istio-system/default spec.mtls.mode policies/mesh.yaml:5',
  });
  const { scopes } = await api<{ readonly scopes: readonly string[] }>('/debug/ir');
  expect(scopes).toEqual([ir.view.key]);
  expect((await api<Ir>(`/debug/ir?scope=${encodeURIComponent(ir.view.key)}`)).view).toEqual(ir.view);
  const seen = await api<readonly VisibilityReport[]>('/debug/sidecarz');
  expect(seen.map(({ proxy, unknownHosts }) => [proxy, unknownHosts])).toEqual(
    ['echo-1.shop', 'frontend-1.shop'].map((proxy) => [proxy, { value: 'pass', by: 'default:D18' }]),
  );
  expect(seen[1]?.services.map(({ host, from }) => [host, from])).toContainEqual([
    'echo.shop.svc.cluster.local',
    'policies/services.yaml:4',
  ]);
});

test('each field that a policy decided leads to its line, also after the line has moved', async () => {
  const provenance = async () => {
    const { items } = await api<{ readonly items: readonly ProvenanceItem[] }>('/api/v1/proxies/frontend-1/provenance');
    return (field: string) =>
      items.find((item) => item.field === field && item.resource.startsWith('out_shop_echo_80'));
  };
  const before = await provenance();
  expect(before('timeout')).toMatchObject({
    part: 'VirtualService/shop/echo[all]',
    path: 'spec.http[0].timeout',
    file: 'policies/rules.yaml',
    line: 9,
    now: 'same',
  });
  expect(before('maxConnections')).toMatchObject({
    path: 'spec.trafficPolicy.connectionPool.tcp.maxConnections',
    line: 18,
  });
  const updates = () => client.stat('cluster_manager.cds.update_success');
  const held = await updates();
  await mesh().apply({ 'rules.yaml': `# a comment\n# above everything\n${rules('5s')}` });
  const after = await provenance();
  expect(after('timeout')).toMatchObject({ line: 11, now: 'same' });
  expect(after('maxConnections')).toMatchObject({ line: 20 });
  // Lines are no part of what Envoy is told.
  expect(await updates()).toBe(held);
});
