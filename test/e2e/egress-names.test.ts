import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer as createSecureServer, type TLSSocket } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { type DnsServer, resolvesBy, startDnsServer } from '../support/dns-server.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, openTcp } from '../support/mesh-client.ts';
import { createTestAuthority } from '../support/test-certificates.ts';
import { nextAddress, useTestMesh } from '../support/test-mesh.ts';
import { startTlsApplication, type TlsApplication } from '../support/tls-application.ts';

const folder = mkdtempSync(join(tmpdir(), 'weft-names-'));
const authority = createTestAuthority('wild');
const roots = join(folder, 'roots.pem');
writeFileSync(roots, authority.certificate);
const socket = join(folder, 'app.sock');
const local = createServer((request, response) => response.end(`socket ${request.headers.host}\n`));
const [address, resolver] = [nextAddress(), nextAddress()];

let plain: Application;
let secure: TlsApplication;
let names: DnsServer;
let client: Member;

/** Hosts that only requests know, and one on this machine. */
const entries = () => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: wild, namespace: shop }
spec:
  hosts: ["*.wild.test"]
  ports:
  - { number: ${plain.port}, name: http, protocol: HTTP }
  - { number: ${secure.port}, name: http-secure, protocol: HTTP }
  resolution: DYNAMIC_DNS
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: wild, namespace: shop }
spec:
  host: "*.wild.test"
  trafficPolicy:
    portLevelSettings:
    - { port: { number: ${secure.port} }, tls: { mode: SIMPLE, caCertificates: ${roots} } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: opaque, namespace: shop }
spec:
  hosts: ["*.opaque.test"]
  ports: [{ number: ${secure.port}, name: tls, protocol: TLS }]
  resolution: DYNAMIC_DNS
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: named, namespace: shop }
spec:
  hosts: [one.named.test]
  ports: [{ number: ${plain.port}, name: http, protocol: HTTP }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: socket, namespace: shop }
spec:
  hosts: [app.local.test]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: "unix://${socket}" }]
`;

const mesh = useTestMesh(
  () => ({ policies: { 'meshconfig.yaml': 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }\n' } }),
  async (started) => {
    plain = await startApplication({ address, port: 0 }, 'plain');
    const own = authority.issue({ names: ['one.wild.test', 'one.opaque.test'] });
    secure = await startTlsApplication({ address, port: 0 }, 'secure', own);
    names = await startDnsServer(resolver, (name) =>
      /\.(?:wild|opaque|named)\.test$/.test(name) ? address : undefined,
    );
    await new Promise<void>((resolve) => local.listen(socket, resolve));
    await started.apply({ 'shop/names.yaml': entries() });
    client = await started.join({ service: 'frontend', envoyFlags: resolvesBy(resolver, names) });
    await started.synced();
  },
);
afterAll(async () => {
  names.close();
  local.close();
  await Promise.all([plain.close(), secure.close()]);
  rmSync(folder, { recursive: true, force: true });
});

function createTlsServer(
  own: { readonly certificate: string; readonly key: string },
  greet: (socket: TLSSocket) => void,
) {
  const server = createSecureServer({ cert: own.certificate, key: own.key }, greet);
  // Who does not believe it says so, and goes.
  server.on('tlsClientError', () => undefined);
  return server;
}

const through = (url: string) => ({ host: client.address, port: client.proxyPort, path: url });

test('DYNAMIC_DNS: each request is called at the host that it says', async () => {
  for (const host of ['one.wild.test', 'two.wild.test']) {
    const report = await sendRequests(through(`http://${host}:${plain.port}/`), 50);
    expect(report).toMatchObject({ succeeded: 50, failures: {}, answers: { plain: 50 } });
    expect(plain.lastHeaders().host).toBe(`${host}:${plain.port}`);
  }
  expect(names.asked()).toEqual(expect.arrayContaining(['one.wild.test', 'two.wild.test']));
  // Whoever is not below it is not called, nor asked for (P48).
  expect((await fetchOnce(through(`http://wild.other.test:${plain.port}/`))).status).toBe(502);
  expect(names.asked()).not.toContain('wild.other.test');
  expect((await fetchOnce(through(`http://nobody.wild.test.:${plain.port}/`))).status).not.toBe(200);
});

test('its TLS asks for the host of each request, and verifies it', async () => {
  const report = await sendRequests(through(`http://one.wild.test:${secure.port}/`), 50);
  expect(report).toMatchObject({ succeeded: 50, failures: {}, answers: { secure: 50 } });
  expect(secure.last().serverName).toBe('one.wild.test');
  // The same server under a name that its certificate does not hold.
  expect((await fetchOnce(through(`http://two.wild.test:${secure.port}/`))).status).toBe(503);
  expect(secure.requests()).toBe(50);
});

test('a tunnel to a TLS port of *.x carries the program’s own TLS', async () => {
  const tunnel = await openTcp(client.address, client.proxyPort);
  tunnel.write(`CONNECT one.opaque.test:${secure.port} HTTP/1.1\r\nhost: one.opaque.test:${secure.port}\r\n\r\n`);
  const answer = await new Promise<string>((resolve) => tunnel.once('data', (data) => resolve(String(data))));
  expect(answer).toMatch(/^HTTP\/1\.1 200/);
  const tls = connect({ socket: tunnel, servername: 'one.opaque.test', ca: authority.certificate });
  await new Promise<void>((resolve, reject) => {
    tls.once('secureConnect', resolve);
    tls.once('error', reject);
  });
  expect(tls.authorized).toBe(true);
  tls.destroy();
});

test('a request that names its own local port does not come back to it for ever', async () => {
  const port = mesh().localPort('one', plain.port);
  const own = await fetchOnce({ host: client.address, port });
  expect(own).toMatchObject({ status: 502, body: expect.stringContaining('one.named.test') });
  const headers = { host: `one.named.test:${plain.port}` };
  expect(await fetchOnce({ host: client.address, port, headers })).toMatchObject({ status: 200, body: 'plain\n' });
});

test('a plain connection leaves as TLS, and reaches nobody whose name is another', async () => {
  const opaque = createTlsServer(authority.issue({ names: ['db.tls.test'] }), (socket) => socket.end('220 db\r\n'));
  await new Promise<void>((resolve) => opaque.listen(0, address, resolve));
  const at = opaque.address();
  if (at === null || typeof at === 'string') throw new Error('no port');
  const entry = (name: string) => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.tls.test]
  ports: [{ number: 2525, name: tcp, protocol: TCP }]
  resolution: STATIC
  endpoints: [{ address: ${address}, ports: { tcp: ${at.port} } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: shop }
spec: { host: ${name}.tls.test, trafficPolicy: { tls: { mode: SIMPLE, caCertificates: ${roots} } } }
`;
  await mesh().apply({ 'shop/db.yaml': entry('db') + entry('other') });
  const greeting = async (name: string) =>
    (await exchange(await openTcp(client.address, mesh().localPort(name, 2525)))).received;
  expect(await greeting('db')).toBe('220 db\r\n');
  expect(await greeting('other')).toBe('');
  opaque.close();
});

test('an endpoint may be a unix socket', async () => {
  expect(await fetchOnce(through('http://app.local.test/'))).toMatchObject({
    status: 200,
    body: 'socket app.local.test\n',
  });
});
