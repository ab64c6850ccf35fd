import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { type DnsServer, resolvesBy, startDnsServer } from '../support/dns-server.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { nextAddress, useTestMesh } from '../support/test-mesh.ts';

/* Routes to a wildcard host of a ServiceEntry, with real Envoys. */

const [one, two, fixed, resolver] = [nextAddress(), nextAddress(), nextAddress(), nextAddress()];
const port = 9080;
let names: DnsServer;
let client: Member;
const applications: Application[] = [];

const entries = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: wild, namespace: shop }
spec:
  hosts: ["*.wild.test"]
  ports: [{ number: ${port}, name: http, protocol: HTTP }]
  resolution: DYNAMIC_DNS
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: pass, namespace: shop }
spec:
  hosts: ["*.pass.test"]
  ports: [{ number: ${port}, name: http, protocol: HTTP }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: fixed, namespace: shop }
spec:
  hosts: ["*.fixed.test"]
  ports: [{ number: ${port}, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: ${fixed} }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: wild, namespace: shop }
spec:
  hosts: ["*.wild.test", "*.pass.test"]
  http:
  - match: [{ uri: { prefix: /fixed } }]
    route: [{ destination: { host: "*.fixed.test" } }]
  - match: [{ uri: { prefix: /pass } }]
    route: [{ destination: { host: "*.pass.test" } }]
  - match: [{ uri: { prefix: /named } }]
    rewrite: { authority: two.wild.test }
    route: [{ destination: { host: "*.wild.test" } }]
  - match: [{ uri: { prefix: /weighted } }]
    route:
    - { destination: { host: "*.wild.test" }, weight: 1 }
    - { destination: { host: "*.pass.test" }, weight: 1, headers: { request: { set: { host: two.pass.test } } } }
  - match: [{ uri: { prefix: /split } }]
    route:
    - { destination: { host: "*.wild.test" }, weight: 50 }
    - { destination: { host: "*.fixed.test" }, weight: 50 }
  - timeout: 5s
    route: [{ destination: { host: "*.wild.test" } }]
`;

const mesh = useTestMesh(
  () => ({
    policies: { 'shop/entries.yaml': entries, 'meshconfig.yaml': 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }\n' },
  }),
  async (started) => {
    for (const [address, name] of [
      [one, 'one'],
      [two, 'two'],
      [fixed, 'fixed'],
    ] as const)
      applications.push(await startApplication({ address, port }, name));
    const known: Record<string, string> = {
      'one.wild.test': one,
      'two.wild.test': two,
      'one.pass.test': one,
      'two.pass.test': two,
    };
    names = await startDnsServer(resolver, (name) => known[name]);
    client = await started.join({ service: 'frontend', envoyFlags: resolvesBy(resolver, names) });
    await started.synced();
  },
);
afterAll(async () => {
  names.close();
  await Promise.all(applications.map((application) => application.close()));
});

const ask = (host: string, path: string) => ({
  host: client.address,
  port: client.proxyPort,
  path: `http://${host}:${port}${path}`,
});

test('a wildcard host is a destination: who resolves calls each request at its own host, who has endpoints calls these', async () => {
  const found = async (host: string, path: string) => {
    const { status, body } = await fetchOnce(ask(host, path));
    return status === 200 ? body.trim() : status;
  };
  expect(await found('one.wild.test', '/')).toBe('one');
  expect(await found('two.wild.test', '/')).toBe('two');
  expect(await found('one.wild.test', '/pass')).toBe('one');
  expect(await found('one.pass.test', '/pass')).toBe('one');
  expect(await found('one.wild.test', '/fixed')).toBe('fixed');
  expect(await found('nobody.fixed.test', '/')).toBe('fixed');
  const { answers, succeeded } = await sendRequests(ask('one.wild.test', '/split'), 60);
  expect(succeeded).toBe(60);
  expect((answers.one ?? 0) * (answers.fixed ?? 0)).toBeGreaterThan(0);
});

test('a rewritten authority is what is resolved, at the port of the destination, also of one of several', async () => {
  const [, second] = applications;
  const report = await sendRequests(ask('one.wild.test', '/named'), 30);
  expect(report).toMatchObject({ succeeded: 30, failures: {}, answers: { two: 30 } });
  expect(second?.lastHeaders().host).toBe(`two.wild.test:${port}`);
  const { answers, succeeded } = await sendRequests(ask('one.wild.test', '/weighted'), 60);
  expect(succeeded).toBe(60);
  expect(Object.keys(answers).sort()).toEqual(['one', 'two']);
  expect(names.asked()).not.toContain('nobody.fixed.test');
});

test('a name below it is none, and it is told where it stands', async () => {
  const below = entries.replace('destination: { host: "*.fixed.test" }', 'destination: { host: two.wild.test }');
  await mesh().commit({ 'shop/entries.yaml': below });
  const [found] = mesh()
    .controlPlane()
    .values.policies()
    .diagnostics.filter(({ severity }) => severity === 'error');
  expect(found).toMatchObject({
    code: 'WEFT0101',
    field: 'spec.http[0].route[0].destination.host',
    message: 'no service "two.wild.test": "*.wild.test" covers the name, it is no destination of its own',
    hint: 'write host: "*.wild.test" and rewrite.authority: two.wild.test, or declare a ServiceEntry with this host',
  });
  await mesh().apply({ 'shop/entries.yaml': entries });
});
