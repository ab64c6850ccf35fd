import { createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import type { RouteAnswer } from '../../src/model/route-answer.ts';
import type { Member } from '../support/member.ts';
import { openTcp, readUntil } from '../support/mesh-client.ts';
import { runVerb } from '../support/run-verb.ts';
import { selfSigned } from '../support/self-signed.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/*
 * `weft route` about connections that nobody reads (P19): what it says, of a running mesh and of the same files, against where
 * connections of real programs through real Envoys arrive.
 */

const rules = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: vault, namespace: shop }
spec:
  hosts: [vault, "*.vault.test"]
  tls:
  - match: [{ sniHosts: [first.vault.test] }]
    route: [{ destination: { host: vault, subset: v1 } }]
  - match: [{ sniHosts: ["*.vault.test"], sourceLabels: { app: frontend } }]
    route: [{ destination: { host: keys } }]
  - match: [{ port: 444, sniHosts: [vault] }]
    route: [{ destination: { host: keys } }]
  tcp:
  - match: [{ sourceLabels: { app: batch } }]
    route: [{ destination: { host: vault, subset: v2, port: { number: 5432 } } }]
  - match: [{ port: 5433 }]
    route: [{ destination: { host: vault, subset: v1, port: { number: 5432 } } }]
  - match: [{ port: 5432 }]
    route:
    - { destination: { host: vault, subset: v1 }, weight: 70 }
    - { destination: { host: vault, subset: v2 }, weight: 30 }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: vault, namespace: shop }
spec:
  host: vault
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
`;
const ports =
  '[{ name: tls, port: 443, targetPort: 9443 }, { name: tls-more, port: 444, targetPort: 9443 }, { name: tcp, port: 5432, targetPort: 9432 }, { name: tcp-more, port: 5433, targetPort: 9432 }]';

const callers = new Map<string, Member>();
const servers: Server[] = [];
let stranger = '';

/** Says the name of its workload as soon as it is spoken to, within TLS of its own or without. */
async function serve(address: string, port: number, name: string, keys?: { certificate: string; key: string }) {
  const answer = (socket: Socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(`${name}\n`);
  };
  const server =
    keys === undefined ? createServer(answer) : createTlsServer({ cert: keys.certificate, key: keys.key }, answer);
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  servers.push(server);
}

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml':
        serviceYaml('vault', ports) +
        serviceYaml(
          'keys',
          '[{ name: tls, port: 443, targetPort: 9443 }, { name: tls-more, port: 444, targetPort: 9443 }]',
        ) +
        serviceYaml('frontend') +
        serviceYaml('batch'),
      'vault.yaml': rules,
    },
  }),
  async (started) => {
    const keys = selfSigned('vault.test');
    const member = async (service: string, version: string) => {
      const [address, name] = [started.nextAddress(), `${service}-${version}`];
      await serve(address, 9443, `${name}.shop`, keys);
      await serve(address, 9432, `${name}.shop`);
      const applications = [
        { port: 9443, protocol: 'tls' as const },
        { port: 9432, protocol: 'tcp' as const },
      ];
      await started.join({
        service,
        name,
        version,
        address,
        ports: service === 'vault' ? applications : [{ port: 9443, protocol: 'tls' }],
      });
    };
    await Promise.all([member('vault', 'v1'), member('vault', 'v2'), member('keys', 'v1')]);
    stranger = started.nextAddress();
    await serve(stranger, 9432, 'stranger');
    for (const service of ['frontend', 'batch']) callers.set(service, await started.join({ service }));
    await started.synced();
  },
);
afterAll(() => {
  for (const server of servers) server.close();
});

const asked = async (words: readonly string[]): Promise<RouteAnswer & { readonly exit: number }> => {
  const { code, stdout, stderr } = await runVerb(['route', '-n', 'shop', '-o', 'json', ...words], {
    cwd: mesh().folder,
  });
  expect(stderr).toBe('');
  return { ...JSON.parse(stdout), exit: code };
};
const live = (words: readonly string[]) =>
  asked(['--cp', `http://127.0.0.1:${mesh().controlPlane().adminPort}`, ...words]);
const offline = (words: readonly string[]) => asked(['-f', mesh().folder, ...words]);

/** What files cannot know: who has joined, and how far anybody's proxy is. */
function ofFiles({
  exit,
  outcome,
  to,
  route,
  by,
  candidates,
  clusters,
  decisions,
  notes,
}: RouteAnswer & { readonly exit: number }) {
  const places = clusters.map(({ endpoints: _, ...cluster }) => cluster);
  return { exit, outcome, to, route, by, candidates, clusters: places, decisions, notes };
}

interface Question {
  readonly from: string;
  readonly port: number;
  /** Undefined: no TLS; empty: TLS without a server name. */
  readonly serverName?: string;
  readonly tunnel?: boolean;
}

const member = (name: string): Member => {
  const found = callers.get(name);
  if (found === undefined) throw new Error(`no caller ${name}`);
  return found;
};

/** One connection as a program of the caller makes it; the workload at its other end. */
async function arrives({ from, port, serverName, tunnel = false }: Question): Promise<string> {
  const { address, proxyPort } = member(from);
  const socket = await openTcp(address, tunnel ? proxyPort : mesh().localPort('vault', port));
  const done = async (stream: Socket) => {
    const text = await readUntil(stream, '\n');
    socket.destroy();
    return text.trim();
  };
  if (tunnel) {
    const head = serverName === undefined ? readUntil(socket, '.shop\n') : readUntil(socket, '\r\n\r\n');
    socket.write(`CONNECT vault:${port} HTTP/1.1\r\nhost: vault:${port}\r\n\r\n`);
    const said = await head;
    // A server that speaks first is heard together with the head of the answer, or behind it.
    if (serverName === undefined) {
      socket.destroy();
      return said.slice(said.indexOf('\r\n\r\n') + 4).trim();
    }
  }
  if (serverName === undefined) return done(socket);
  return done(
    connectTls({ socket, rejectUnauthorized: false, ...(serverName === '' ? {} : { servername: serverName }) }),
  );
}

/** Of a share of 30 % none of 60 connections: 5 in 10^10. */
const connections = 60;

async function everywhere(question: Question): Promise<readonly string[]> {
  const seen = new Set<string>();
  for (let round = 0; round < connections; round += 10)
    for (const name of await Promise.all(Array.from({ length: 10 }, () => arrives(question)))) seen.add(name);
  return [...seen].sort();
}

const wordsOf = ({ from, port, serverName, tunnel = false }: Question) => [
  ...['--from', from, '--to', `vault:${port}`],
  ...(serverName === undefined ? [] : ['--sni', serverName]),
  ...(tunnel ? ['--method', 'CONNECT'] : []),
];

const both = ['vault-v1.shop', 'vault-v2.shop'];
const table: readonly (readonly [Question, string, readonly string[]])[] = [
  // TCP: by who calls, by port, by weight; nobody sees more of a connection.
  [{ from: 'batch', port: 5432 }, 'VirtualService/shop/vault[tcp.0]', ['vault-v2.shop']],
  [{ from: 'batch', port: 5433 }, 'VirtualService/shop/vault[tcp.0]', ['vault-v2.shop']],
  [{ from: 'frontend', port: 5433 }, 'VirtualService/shop/vault[tcp.1]', ['vault-v1.shop']],
  [{ from: 'frontend', port: 5432 }, 'VirtualService/shop/vault[tcp.2]', both],
  [{ from: 'frontend', port: 5433, tunnel: true }, 'VirtualService/shop/vault[tcp.1]', ['vault-v1.shop']],
  // TLS: by server name, the closest one; rules for others and other ports are none; without a name the service itself.
  [
    { from: 'frontend', port: 443, serverName: 'first.vault.test' },
    'VirtualService/shop/vault[tls.0]',
    ['vault-v1.shop'],
  ],
  [
    { from: 'frontend', port: 443, serverName: 'FIRST.vault.test' },
    'VirtualService/shop/vault[tls.0]',
    ['vault-v1.shop'],
  ],
  [
    { from: 'frontend', port: 443, serverName: 'other.vault.test' },
    'VirtualService/shop/vault[tls.1]',
    ['keys-v1.shop'],
  ],
  [{ from: 'batch', port: 443, serverName: 'other.vault.test' }, 'default/shop/vault', both],
  [{ from: 'batch', port: 443, serverName: 'vault' }, 'default/shop/vault', both],
  [{ from: 'batch', port: 444, serverName: 'vault' }, 'VirtualService/shop/vault[tls.2]', ['keys-v1.shop']],
  [{ from: 'batch', port: 444, serverName: '' }, 'default/shop/vault', both],
  [{ from: 'frontend', port: 443, serverName: 'first.vault.test', tunnel: true }, 'default/shop/vault', both],
];

test.each(table)(
  '%o: weft route, live and of the files, and the connections say %s',
  async (question, route, workloads) => {
    const words = wordsOf(question);
    const said = await live(words);
    expect([said.exit, said.outcome, said.route]).toEqual([0, 'forward', route]);
    expect(said.proxies).toEqual({ connected: 1, otherwise: [] });
    expect(ofFiles(await offline(words))).toEqual(ofFiles(said));
    const chosen = said.clusters.flatMap(({ endpoints }) => endpoints.map(({ workload }) => workload));
    expect(chosen.sort()).toEqual(workloads);
    expect(await everywhere(question)).toEqual(workloads);
  },
);

test('a changed rule changes the answer and the way of new connections together', async () => {
  const question: Question = { from: 'frontend', port: 5433 };
  await mesh().apply({
    'vault.yaml': rules.replace('[{ port: 5433 }]', '[{ port: 5433, sourceLabels: { app: nobody } }]'),
  });
  const said = await live(wordsOf(question));
  expect(said.route).toBe('default/shop/vault');
  expect(said.candidates.map(({ verdict, condition }) => [verdict, condition?.field])).toEqual([
    ['differs', 'sourceLabels.app'],
    ['differs', 'sourceLabels.app'],
    ['differs', 'port'],
    ['chosen', undefined],
  ]);
  expect(await everywhere(question)).toEqual(both);
  await mesh().apply({ 'vault.yaml': rules });
  expect((await live(wordsOf(question))).route).toBe('VirtualService/shop/vault[tcp.1]');
  expect(await everywhere(question)).toEqual(['vault-v1.shop']);
});

test('a tunnel to who is not of the mesh passes without a rule, or is refused where nobody else may be called', async () => {
  const { address, proxyPort } = member('frontend');
  const head = async (end: string) => {
    const socket = await openTcp(address, proxyPort);
    socket.write(`CONNECT ${stranger}:9432 HTTP/1.1\r\nhost: ${stranger}:9432\r\n\r\n`);
    const said = await readUntil(socket, end);
    socket.destroy();
    return said;
  };
  const words = ['--from', 'frontend', '--to', `${stranger}:9432`, '--method', 'CONNECT'];
  expect(await live(words)).toMatchObject({ exit: 0, outcome: 'pass' });
  expect(await head('stranger\n')).toMatch(/^HTTP\/1\.1 200 /);
  await mesh().apply({ 'meshconfig.yaml': 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }\n' });
  for (const said of [await live(words), await offline(words)])
    expect(said).toMatchObject({ exit: 1, outcome: 'refuse', status: 403, by: { file: 'policies/meshconfig.yaml' } });
  expect(await head('\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /);
  await mesh().apply({ 'meshconfig.yaml': undefined });
});
