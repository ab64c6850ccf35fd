import { createServer, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import type { Member } from '../support/member.ts';
import { openTcp, readUntil } from '../support/mesh-client.ts';
import { selfSigned } from '../support/self-signed.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

const ports =
  '[{ name: tls, port: 443, targetPort: 9443 }, { name: tls-late, port: 444, targetPort: 9444 }, { name: tcp, port: 5432, targetPort: 9432 }]';

const subsets = `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: vault, namespace: shop }
spec:
  host: vault
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
`;

const rules = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: vault, namespace: shop }
spec:
  hosts: [vault, "*.vault.test"]
  tls:
  - match: [{ sniHosts: [first.vault.test] }]
    route: [{ destination: { host: vault, subset: v1 } }]
  - match: [{ sniHosts: ["*.vault.test"] }]
    route: [{ destination: { host: keys } }]
  - match: [{ sniHosts: [vault], sourceLabels: { app: nobody } }]
    route: [{ destination: { host: keys } }]
  tcp:
  - match: [{ sourceLabels: { app: nobody } }]
    route: [{ destination: { host: keys, port: { number: 443 } } }]
  - match: [{ port: 5432, sourceLabels: { app: frontend } }]
    route:
    - { destination: { host: vault, subset: v1 }, weight: 80 }
    - { destination: { host: vault, subset: v2 }, weight: 20 }
`;

/** Called by an address that only the mesh knows. */
const byAddress = (endpoint: string) => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: legacy, namespace: shop }
spec:
  hosts: [legacy.test]
  addresses: [240.0.0.7]
  resolution: STATIC
  ports: [{ number: 5432, name: tcp, protocol: TCP }]
  endpoints: [{ address: ${endpoint}, ports: { tcp: 9432 } }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: original, namespace: shop }
spec:
  hosts: [nowhere.test]
  addresses: [${endpoint}]
  resolution: NONE
  ports: [{ number: 9432, name: tcp, protocol: TCP }]
`;

const stops: (() => void)[] = [];
let client: Member;

/** Speaks first: its name in a line; then it echoes. */
async function listenFirst(address: string, port: number, name: string): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(`220 ${name}\n`);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  stops.push(() => server.close());
}

/** TLS of the application itself: after the handshake its name. */
async function listenTls(address: string, port: number, name: string): Promise<void> {
  const { certificate, key } = selfSigned('vault');
  const server = createTlsServer({ cert: certificate, key }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(`${name}\n`);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  stops.push(() => server.close());
}

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml':
        serviceYaml('vault', ports) + serviceYaml('keys', '[{ name: tls, port: 443, targetPort: 9443 }]'),
      'vault.yaml': rules + subsets,
    },
  }),
  async (started) => {
    const start = async (service: string, version: string) => {
      const address = started.nextAddress();
      await listenTls(address, 9443, `${service}-${version}`);
      if (service === 'vault') {
        await listenFirst(address, 9444, version);
        await listenFirst(address, 9432, version);
      }
      const all = [
        { port: 9443, protocol: 'tls' as const },
        { port: 9444, protocol: 'tls' as const },
        { port: 9432, protocol: 'tcp' as const },
      ];
      const name = `${service}-${version}`;
      await started.join({ service, name, version, address, ports: service === 'vault' ? all : all.slice(0, 1) });
    };
    await Promise.all([start('vault', 'v1'), start('vault', 'v2'), start('keys', 'v1')]);
    const legacy = started.nextAddress();
    await listenFirst(legacy, 9432, 'legacy');
    await started.commit({ 'legacy.yaml': byAddress(legacy) });
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => {
  for (const stop of stops) stop();
});

const to = (service: string, port: number): [string, number] => [client.address, mesh().localPort(service, port)];

/** What a TLS server says to who asks for this name, over a connection of its own. */
function ask(socket: Socket, servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const tls: TLSSocket = connectTls({ socket, servername, rejectUnauthorized: false });
    let text = '';
    tls.setTimeout(10_000, () => tls.destroy(new Error(`no answer for ${servername}`)));
    tls.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.endsWith('\n')) return;
      resolve(text.trim());
      tls.destroy();
      socket.destroy();
    });
    tls.once('error', reject);
  });
}

/** A tunnel by the sidecar's proxy port; its head is still to be read, and may come together with the first words of the server. */
async function tunnel(authority: string): Promise<Socket> {
  const socket = await openTcp(client.address, client.proxyPort);
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
  return socket;
}

/** The name that a server says first. */
function greeted(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => reject(new Error(`no greeting within 10 s: ${JSON.stringify(text)}`)), 10_000);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const [, name] = /220 (\S+)\n$/.exec(text) ?? [];
      if (name === undefined) return;
      clearTimeout(late);
      resolve(name);
    });
    socket.once('error', reject);
  });
}

/** How often each of the servers said its name, over so many connections. */
async function count(connections: number, open: () => Promise<Socket>): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  let left = connections;
  const worker = async () => {
    while (left-- > 0) {
      const socket = await open();
      const name = await greeted(socket);
      counts[name] = (counts[name] ?? 0) + 1;
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return counts;
}

/** Five standard deviations around the share (decision 40). */
function expectShare(hits: number | undefined, connections: number, share: number): void {
  const deviation = 5 * Math.sqrt(connections * share * (1 - share));
  expect(Math.abs((hits ?? 0) - connections * share)).toBeLessThan(deviation);
}

test('P19: connections go by server name, the most specific one; what names none of them goes to the service', async () => {
  const says = async (name: string) => ask(await openTcp(...to('vault', 443)), name);
  for (let round = 0; round < 10; round += 1) {
    expect(await says('first.vault.test')).toBe('vault-v1');
    expect(await says('second.vault.test')).toBe('keys-v1');
  }
  // Neither a rule for other callers nor one for other names: both instances of the service answer.
  for (const name of ['vault', 'elsewhere.test']) {
    const answers = new Set<string>();
    for (let round = 0; round < 40; round += 1) answers.add(await says(name));
    expect([...answers].sort()).toEqual(['vault-v1', 'vault-v2']);
  }
});

test('R11: a tunnel to a TLS port goes to the service, whatever name is asked for inside', async () => {
  const answers = new Set<string>();
  for (let round = 0; round < 40; round += 1) {
    const socket = await tunnel('vault.shop:443');
    await readUntil(socket, '\r\n\r\n');
    answers.add(await ask(socket, 'second.vault.test'));
  }
  expect([...answers].sort()).toEqual(['vault-v1', 'vault-v2']);
});

test('P15: of 1,000 connections each destination gets its share, at the local port and in tunnels', async () => {
  const local = await count(1_000, () => openTcp(...to('vault', 5432)));
  expect((local.v1 ?? 0) + (local.v2 ?? 0)).toBe(1_000);
  expectShare(local.v1, 1_000, 0.8);
  const tunnelled = await count(1_000, () => tunnel('vault.shop:5432'));
  expect((tunnelled.v1 ?? 0) + (tunnelled.v2 ?? 0)).toBe(1_000);
  expectShare(tunnelled.v1, 1_000, 0.8);
});

test('R1: a server that speaks first is heard at once on a TCP port, and after the wait on a TLS port with rules', async () => {
  const began = Date.now();
  expect(await readUntil(await openTcp(...to('vault', 5432)), '\n')).toMatch(/^220 v[12]\n$/);
  expect(Date.now() - began).toBeLessThan(2_000);
  // Nobody says a server name here: the connection goes to the service, and bytes pass both ways.
  const socket = await openTcp(...to('vault', 444));
  expect(await readUntil(socket, '\n')).toMatch(/^220 v[12]\n$/);
  const echo = readUntil(socket, 'still\n');
  socket.write('still\n');
  expect(await echo).toBe('still\n');
  socket.destroy();
});

test('P4: a service is called by its address in a tunnel', async () => {
  expect(await count(20, () => tunnel('240.0.0.7:5432'))).toEqual({ legacy: 20 });
  expect(await count(20, () => openTcp(client.address, mesh().localPort('legacy', 5432)))).toEqual({ legacy: 20 });
});

test('where nothing is resolved (NONE), plain connections go to the declared address', async () => {
  const local = mesh().localPort('nowhere', 9432);
  expect(await count(5, () => openTcp(client.address, local))).toEqual({ legacy: 5 });
  expect(await count(5, () => tunnel('nowhere.test:9432'))).toEqual({ legacy: 5 });
});

test('P10: where no rule is left, the service is called as if there were none', async () => {
  await mesh().apply({ 'vault.yaml': rules.replace('{ app: frontend }', '{ app: nobody }') + subsets });
  const both = await count(200, () => openTcp(...to('vault', 5432)));
  expectShare(both.v1, 200, 0.5);
  await mesh().apply({ 'vault.yaml': rules + subsets });
});
