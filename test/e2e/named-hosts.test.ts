import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { type DnsServer, resolvesBy, startDnsServer } from '../support/dns-server.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { nextAddress, useTestMesh } from '../support/test-mesh.ts';

/* REGISTRY_ONLY holds where a destination is whom requests name (docs/decisions/60), with real Envoys. */

const [one, secret, resolver] = [nextAddress(), nextAddress(), nextAddress()];
const port = 9080;
let names: DnsServer;
let client: Member;
const applications: Application[] = [];

const entryOf = (name: string, host: string, more: string) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: ["${host}"]
  ports: [{ number: ${port}, name: http, protocol: HTTP }]
${more}---
`;
const routeOf = (name: string, destination: string, named: string, outside = '') => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: ["${name}.steer.test"]
  http:
  - match: [{ uri: { prefix: /named } }]
    rewrite: { authority: ${named} }
    route: [{ destination: { host: "${destination}" } }]
${outside}  - route: [{ destination: { host: "${destination}" } }]
---
`;
const entries = [
  entryOf('wild', '*.wild.test', '  resolution: DYNAMIC_DNS\n'),
  entryOf('none', 'one.none.test', ''),
  entryOf('a', 'a.steer.test', '  resolution: DNS\n'),
  entryOf('b', 'b.steer.test', '  resolution: DNS\n'),
  entryOf('p', 'p.steer.test', '  resolution: DNS\n'),
  routeOf('a', '*.wild.test', 'one.wild.test'),
  routeOf('b', 'one.none.test', 'one.none.test'),
  routeOf('p', 'p.steer.test', `"${secret}:${port}"`),
  `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: p, namespace: shop }
spec: { host: p.steer.test, trafficPolicy: { loadBalancer: { simple: PASSTHROUGH } } }
---
`,
].join('');

const mesh = useTestMesh(
  () => ({
    policies: { 'shop/entries.yaml': entries, 'meshconfig.yaml': 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }\n' },
  }),
  async (started) => {
    applications.push(
      await startApplication({ address: one, port }, 'one'),
      await startApplication({ address: secret, port }, 'secret'),
    );
    names = await startDnsServer(resolver, (name) => (name.startsWith('secret') ? secret : one));
    client = await started.join({ service: 'frontend', envoyFlags: resolvesBy(resolver, names) });
    await started.synced();
  },
);
afterAll(async () => {
  names.close();
  await Promise.all(applications.map((application) => application.close()));
});

/** Who answers at a local port, or the status. */
async function ask(service: string, host: string, path = '/'): Promise<string | number> {
  const at = mesh().localPort(service, port);
  const { status, body } = await fetchOnce({ host: client.address, port: at, path, headers: { host } });
  return status === 200 ? body.trim() : status;
}

test('names of the called service and of the destination are called; whoever else is named is unknown', async () => {
  for (const [service, called] of [
    ['a.steer', 'any.wild.test'],
    ['b.steer', 'one.none.test'],
  ] as const) {
    expect(await ask(service, `${called}:${port}`), called).toBe('one');
    expect(await ask(service, `${called.toUpperCase()}:${port}`), called).toBe('one');
    expect(await ask(service, `${service}.test:${port}`), service).toBe('one');
    expect(await ask(service, 'whoever.example', '/named'), service).toBe('one');
    const admin = mesh().controlPlane().adminPort;
    for (const stranger of [
      `${secret}:${port}`,
      `secret.example:${port}`,
      `${called}:${port + 1}`,
      `${called}.example:${port}`,
      `127.0.0.1:${admin}`,
      `localhost:${admin}`,
      `${client.address}:${client.proxyPort}`,
      `${client.address}:${mesh().localPort(service, port)}`,
      `[::1]:${port}`,
      `x@${called}:${port}`,
    ])
      expect(await ask(service, stranger), `${service} ${stranger}`).toBe(502);
  }
  expect(await ask('one.none', `${secret}:${port}`)).toBe(502);
  expect(await ask('one.none', `one.none.test:${port}`)).toBe('one');
});

test('of PASSTHROUGH, too, programs name nobody else; an authority that a rule writes is called', async () => {
  expect(await ask('p.steer', `p.steer.test:${port}`)).toBe('one');
  expect(await ask('p.steer', `${secret}:${port}`)).toBe(502);
  expect(await ask('p.steer', 'p.steer.test', '/named')).toBe('secret');
});

test('a rewritten authority of somebody else is refused with its line', async () => {
  const outside = `  - match: [{ uri: { prefix: /outside } }]
    rewrite: { authority: "${secret}:${port}" }
    route: [{ destination: { host: "*.wild.test" } }]
`;
  const files = { 'shop/entries.yaml': entries.replace(routeOf('a', '*.wild.test', 'one.wild.test'), '') };
  await mesh().commit({
    'shop/entries.yaml': `${files['shop/entries.yaml']}${routeOf('a', '*.wild.test', 'one.wild.test', outside)}`,
  });
  const [found] = mesh()
    .controlPlane()
    .values.policies()
    .diagnostics.filter(({ severity }) => severity === 'error');
  expect(found).toMatchObject({
    code: 'WEFT0101',
    field: 'spec.http[1].rewrite.authority',
    message: `"${secret}:${port}" is not of "*.wild.test", where requests are sent to whom they name`,
    hint: `write a name below wild.test, if with a port one of ${port}; or declare a ServiceEntry for that host and send there`,
  });
  expect(await ask('a.steer', 'whoever.example', '/outside')).toBe(502);
  await mesh().apply({ 'shop/entries.yaml': entries });
});
