import { createServer, type Socket } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, openTcp } from '../support/mesh-client.ts';
import { mutualTlsYaml, nextAddress, useTestMesh } from '../support/test-mesh.ts';

const [first, second, stranger] = [nextAddress(), nextAddress(), nextAddress()];
const applications: Application[] = [];
let named: Application;
let client: Member;

/** Hosts outside the mesh: two addresses written down, a name that DNS knows, and where it leads with another port. */
const entries = (dnsPort: number) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ledger, namespace: shop }
spec:
  hosts: [ledger.example.com]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 9080 }, { number: 2525, name: tcp, protocol: TCP, targetPort: 9025 }]
  resolution: STATIC
  endpoints: [{ address: ${first} }, { address: ${second} }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: local, namespace: shop }
spec:
  hosts: [localhost]
  ports: [{ number: 8080, name: http, protocol: HTTP, targetPort: ${dnsPort} }]
  resolution: DNS
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec:
  hosts: [api.example.com]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: DNS_ROUND_ROBIN
  endpoints: [{ address: localhost, ports: { http: ${dnsPort} } }]
`;

const greeting = (socket: Socket) => socket.end('220 ledger\r\n');
const greeters = [createServer(greeting), createServer(greeting)];

const mesh = useTestMesh(
  () => ({ policies: { 'mesh.yaml': mutualTlsYaml('STRICT') } }),
  async (started) => {
    for (const [address, name] of [
      [first, 'first'],
      [second, 'second'],
      [stranger, 'stranger'],
    ] as const)
      applications.push(await startApplication({ address, port: 9080 }, name));
    for (const [index, greeter] of greeters.entries())
      await new Promise<void>((resolve) => greeter.listen(9025, [first, second][index], resolve));
    named = await startApplication({ address: '127.0.0.1', port: 0 }, 'named');
    applications.push(named);
    await started.apply({ 'shop/outside.yaml': entries(named.port) });
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(async () => {
  for (const greeter of greeters) greeter.close();
  await Promise.all(applications.map((application) => application.close()));
});

const through = (url: string) => ({ host: client.address, port: client.proxyPort, path: url });

test('a host that the registry does not know passes HTTP_PROXY as it is (D18)', async () => {
  const report = await sendRequests(through(`http://${stranger}:9080/any`), 200);
  expect(report).toMatchObject({ succeeded: 200, failures: {}, answers: { stranger: 200 } });
  expect(applications[2]?.requests()).toBe(200);
  expect(applications[2]?.lastHeaders().host).toBe(`${stranger}:9080`);
  // A name that nobody knows is an answer of its own.
  const byName = await fetchOnce(through('http://nobody.invalid:9080/'));
  expect(byName.status).toBe(503);
  const socket = await openTcp(client.address, client.proxyPort);
  const tunnel = `CONNECT ${stranger}:9080 HTTP/1.1\r\nhost: ${stranger}:9080\r\n\r\n`;
  const get = `GET / HTTP/1.1\r\nhost: ${stranger}\r\nconnection: close\r\n\r\n`;
  socket.write(tunnel);
  await new Promise((resolve) => socket.once('data', resolve));
  expect((await exchange(socket, get)).received).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*stranger/);
});

test('a ServiceEntry with addresses spreads its requests over them, in plaintext', async () => {
  const report = await sendRequests(through('http://ledger.example.com/'), 200);
  expect(report).toMatchObject({ succeeded: 200, failures: {} });
  expect(report.answers).toEqual({ first: applications[0]?.requests(), second: applications[1]?.requests() });
  expect(applications[0]?.requests()).toBeGreaterThan(20);
  expect(applications[1]?.requests()).toBeGreaterThan(20);
  expect(applications[0]?.lastHeaders()).not.toHaveProperty('x-forwarded-client-cert');
});

test('its TCP port has a local port, and CONNECT reaches it by name', async () => {
  const local = await openTcp(client.address, mesh().localPort('ledger', 2525));
  expect(await exchange(local)).toEqual({ received: '220 ledger\r\n' });
  const proxy = await openTcp(client.address, client.proxyPort);
  const connect = 'CONNECT ledger.example.com:2525 HTTP/1.1\r\nhost: ledger.example.com:2525\r\n\r\n';
  expect((await exchange(proxy, connect)).received).toMatch(/^HTTP\/1\.1 200[\s\S]*220 ledger\r\n$/);
});

test('ServiceEntries with names are resolved by the proxy', async () => {
  for (const url of ['http://localhost:8080/', 'http://api.example.com/']) {
    const report = await sendRequests(through(url), 100);
    expect(report).toMatchObject({ succeeded: 100, failures: {}, answers: { named: 100 } });
  }
  expect(named.requests()).toBe(200);
});
