import { readdirSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { type DnsServer, resolvesBy, startDnsServer } from '../support/dns-server.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { nextAddress, useTestMesh } from '../support/test-mesh.ts';

/* No request makes a sidecar call itself (docs/decisions/60), with real Envoys: one that did took all 20,000 file descriptors within seconds. */

const [one, resolver] = [nextAddress(), nextAddress()];
const port = 9080;
let names: DnsServer;
let application: Application;
let client: Member;

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
metadata: { name: none, namespace: shop }
spec:
  hosts: ["one.none.test"]
  ports: [{ number: ${port}, name: http, protocol: HTTP }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: www, namespace: shop }
spec:
  hosts: ["www.steer.test", "www.none.test"]
  ports: [{ number: ${port}, name: http, protocol: HTTP }]
  resolution: DNS
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: steer, namespace: shop }
spec:
  hosts: ["www.steer.test"]
  http: [{ route: [{ destination: { host: "*.wild.test" } }] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: steer-none, namespace: shop }
spec:
  hosts: ["www.none.test"]
  http: [{ route: [{ destination: { host: one.none.test } }] }]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: shop }
spec:
  egress:
  - { port: { number: 9081, name: http, protocol: HTTP }, hosts: ["./*.wild.test"] }
  - { hosts: ["./*"] }
`;

const mesh = useTestMesh(
  () => ({ policies: { 'shop/entries.yaml': entries } }),
  async (started) => {
    application = await startApplication({ address: one, port }, 'one');
    const known = (name: string) =>
      name === 'self.elsewhere.test' ? client?.address : name.startsWith('nobody') ? undefined : one;
    names = await startDnsServer(resolver, known);
    client = await started.join({ service: 'frontend', envoyFlags: resolvesBy(resolver, names) });
    await started.synced();
  },
);
afterAll(async () => {
  names.close();
  await application.close();
});

const descriptors = () => readdirSync(`/proc/${client.sidecar.pid()}/fd`).length;

/** The status of a request that names `host`, sent as it is to a listener of the sidecar. */
async function ask(at: number, host: string, path = '/'): Promise<number> {
  const { status, body } = await fetchOnce({ host: client.address, port: at, path, headers: { host } });
  if (status === 421) expect(body).toContain("the sidecar's own port");
  return status;
}

test('a request that names the listener where it is sent is misdirected: by address, by name, in whatever form, through HTTP_PROXY and local ports', async () => {
  const before = descriptors();
  const listeners = {
    HTTP_PROXY: client.proxyPort,
    'leads to *.wild.test': mesh().localPort('www.steer', port),
    'leads to one.none.test': mesh().localPort('www.none', port),
    'is of one.none.test': mesh().localPort('one.none', port),
  };
  for (const [what, at] of Object.entries(listeners)) {
    for (const form of [client.address, 'self.elsewhere.test', 'SELF.elsewhere.test', `[::ffff:${client.address}]`])
      expect(await ask(at, `${form}:${at}`), `${what}, ${form}`).toBe(421);
    expect(descriptors() - before, what).toBeLessThan(40);
  }
  // A Sidecar's listener with one service knows nobody else anyway (P48).
  for (const form of [client.address, 'self.elsewhere.test']) expect(await ask(9081, `${form}:9081`)).toBe(502);
  const absolute = `http://${client.address}:${client.proxyPort}/`;
  expect(await ask(client.proxyPort, `${client.address}:${client.proxyPort}`, absolute)).toBe(421);
});

test('what does not come back passes: another program of the same address, a local port, the port where it is sent at another address', async () => {
  expect(await ask(client.proxyPort, `${one}:${port}`)).toBe(200);
  const local = mesh().localPort('one.none', port);
  expect(await ask(client.proxyPort, `one.none.test:${port}`, `http://one.none.test:${port}/`)).toBe(200);
  expect(await ask(local, `one.none.test:${port}`)).toBe(200);
  const twin = await startApplication({ address: one, port: client.proxyPort }, 'twin');
  try {
    expect(await ask(client.proxyPort, `${one}:${client.proxyPort}`)).toBe(200);
  } finally {
    await twin.close();
  }
  // Once through the local port, where the same request names its own.
  expect(await ask(client.proxyPort, `${client.address}:${local}`)).toBe(421);
});
