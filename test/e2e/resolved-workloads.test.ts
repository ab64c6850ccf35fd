import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { type DnsServer, resolvesBy, startDnsServer } from '../support/dns-server.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { mutualTlsYaml, nextAddress, useTestMesh } from '../support/test-mesh.ts';

/* A ServiceEntry with resolution DNS whose endpoints are the workloads that it selects, by their names and addresses. */

const [first, second, resolver] = [nextAddress(), nextAddress(), nextAddress()];
const addresses: Record<string, string> = { 'a.far.test': first, 'b.far.test': second };
let names: DnsServer;
let client: Member;
const applications: Record<string, Application> = {};

const entry = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: far, namespace: shop }
spec:
  hosts: [far.test]
  location: MESH_INTERNAL
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 9080 }]
  resolution: DNS
  workloadSelector: { labels: { tier: far } }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: far, namespace: shop }
spec: { host: far.test, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } } }
`;
const workload = (name: string, rest: string) => `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: shop, labels: { tier: far } }
spec: { address: ${name}.far.test, ${rest} }
`;

const mesh = useTestMesh(
  () => ({ policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'shop/far.yaml': entry } }),
  async (started) => {
    applications.a = await startApplication({ address: first, port: 0 }, 'a');
    applications.b = await startApplication({ address: second, port: 9080 }, 'b');
    // A host of the entry would lead to nobody.
    names = await startDnsServer(resolver, (name) => addresses[name]);
    client = await started.join({ service: 'frontend', envoyFlags: resolvesBy(resolver, names) });
    await started.synced();
  },
);
afterAll(async () => {
  names.close();
  await Promise.all(Object.values(applications).map((application) => application.close()));
});

const far = () => ({ host: client.address, port: client.proxyPort, path: 'http://far.test/' });

test('calls find the workloads that it selects, by name, port and weight, and never its hosts', {
  timeout: 60_000,
}, async () => {
  expect((await fetchOnce(far())).status).toBe(503);
  await mesh().apply({
    'shop/a.yaml': workload('a', `weight: 3, ports: { http: ${applications.a?.port} }`),
    'shop/b.yaml': workload('b', 'weight: 1'),
  });
  const share = async (count: number) => (await sendRequests(far(), count, 1)).answers;
  await eventually('both are found', async () => Object.keys(await share(4)).length === 2);
  expect(await share(80)).toEqual({ a: 60, b: 20 });

  // Who joined is called at its address, with mesh TLS: in plaintext its sidecar would refuse it.
  const address = nextAddress();
  applications.c = await startApplication({ address, port: 9080 }, 'c');
  const labels = { tier: 'far' };
  const token = await mesh().token('near', { labels });
  const near = await mesh().join({ service: 'near', labels, token, address, ports: [{ port: 9080 }] });
  await mesh().synced();
  await eventually('the third is found', async () => 'c' in (await share(5)));
  expect(await share(100)).toEqual({ a: 60, b: 20, c: 20 });

  // Where it says that it takes plaintext alone, it has that (P35), though its address does not travel by EDS.
  await mesh().apply({
    'shop/plain.yaml': `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: plain, namespace: shop }
spec: { selector: { matchLabels: { tier: far } }, mtls: { mode: DISABLE } }
`,
  });
  await eventually('it is called in plaintext', async () => (await share(5)).c === 1);
  expect(await share(100)).toEqual({ a: 60, b: 20, c: 20 });

  await mesh().apply({ 'shop/a.yaml': undefined });
  await eventually('nobody asks the one that is gone', async () => !('a' in (await share(4))));
  expect(await share(20)).toEqual({ b: 10, c: 10 });
  await near.sidecar.stop();
  await eventually('nor the one that left', async () => !('c' in (await share(4))));
  expect(names.asked()).not.toContain('far.test');
});
