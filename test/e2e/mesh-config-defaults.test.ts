import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Application, startApplication } from '../support/application.ts';
import { type DnsServer, resolvesBy, startDnsServer } from '../support/dns-server.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { mutualTlsYaml, nextAddress, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/* MeshConfig's connectTimeout, dnsRefreshRate and trustDomainAliases, with real Envoys. */

const silentAddress = nextAddress();
const resolver = nextAddress();
let silent: ChildProcess;
let silentPort = 0;
const waiting: Socket[] = [];
let names: DnsServer;
/** How often each name was asked for. */
const asked = new Map<string, number>();
let named: Application;
let echo: Application;
let client: Member;

const entry = (name: string, rest: string) => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.test]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: TARGET }]
  ${rest}
`;

const mesh = useTestMesh(
  async () => {
    silent = spawn(
      process.execPath,
      [fileURLToPath(new URL('../support/silent-listener.mjs', import.meta.url)), silentAddress],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const { stdout } = silent;
    if (stdout === null) throw new Error('no output');
    silentPort = Number(String((await once(stdout, 'data'))[0]));
    named = await startApplication({ address: resolver, port: 0 }, 'named');
    names = await startDnsServer(
      resolver,
      (name) => {
        asked.set(name, (asked.get(name) ?? 0) + 1);
        return name === 'named.test' ? resolver : undefined;
      },
      0,
    );
    return {
      policies: {
        'mesh.yaml': mutualTlsYaml('STRICT'),
        'echo.yaml': serviceYaml('echo'),
        'shop/entries.yaml': [
          entry('silent', `resolution: STATIC\n  endpoints: [{ address: ${silentAddress} }]`).replace(
            'TARGET',
            `${silentPort}`,
          ),
          entry('named', 'resolution: DNS').replace('TARGET', `${named.port}`),
          entry('nobody', 'resolution: DNS').replace('TARGET', '80'),
        ].join(''),
      },
    };
  },
  async (started) => {
    const address = started.nextAddress();
    echo = await startApplication({ address, port: 9080 }, 'echo');
    await started.join({ service: 'echo', address, ports: [{ port: 9080 }] });
    client = await started.join({ service: 'frontend', envoyFlags: resolvesBy(resolver, names) });
    await started.synced();
    await fillQueue();
  },
);
afterAll(async () => {
  for (const socket of waiting) socket.destroy();
  silent.kill('SIGKILL');
  names.close();
  await Promise.all([named.close(), echo.close()]);
});

/** Connects until the kernel lets a connection wait: one that is not there within half a second. */
async function fillQueue(): Promise<void> {
  await eventually('connections wait', async () => {
    const socket = connect(silentPort, silentAddress);
    waiting.push(socket);
    socket.on('error', () => {});
    return Promise.race([once(socket, 'connect').then(() => false), sleep(500, true)]);
  });
}

async function say(meshConfig: Readonly<Record<string, unknown>> | undefined): Promise<void> {
  await mesh().apply({ 'meshconfig.yaml': meshConfig && stringify(meshConfig) });
}
const call = (host: string) => fetchOnce({ host: client.address, port: client.proxyPort, path: `http://${host}/` });
const timeouts = () => client.stat('cluster.out_shop_silent~test_80.upstream_cx_connect_fail');

/** One call of a host that lets connections wait: milliseconds, and how many connections were given up. */
async function givenUp(): Promise<{ readonly took: number; readonly count: number }> {
  const before = await timeouts();
  const since = performance.now();
  expect(await call('silent.test')).toMatchObject({ status: 503 });
  return { took: performance.now() - since, count: (await timeouts()) - before };
}

test('D4: connectTimeout bounds the wait for a connection, of each try (D1); a DestinationRule has its own', async () => {
  await say({ connectTimeout: '300ms' });
  // An acknowledged cluster reaches Envoy's worker a moment later (X46).
  await eventually('it acts', async () => (await givenUp()).took < 5_000, 60_000);
  const short = await givenUp();
  expect(short.count).toBe(3);
  expect(short.took).toBeGreaterThanOrEqual(900);
  await say({ connectTimeout: '1200ms' });
  await eventually('the longer one acts', async () => (await givenUp()).took >= 3_600, 60_000);
  const rule = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: silent, namespace: shop }
spec: { host: silent.test, trafficPolicy: { connectionPool: { tcp: { connectTimeout: 100ms } } } }
`;
  await mesh().apply({ 'shop/rule.yaml': rule });
  await eventually('the rule acts', async () => (await givenUp()).took < 3_600, 60_000);
  expect((await givenUp()).count).toBe(3);
  await mesh().apply({ 'shop/rule.yaml': undefined, 'meshconfig.yaml': undefined });
}, 180_000);

test('D25: dnsRefreshRate is how often names are asked for that bring no time of their own, found or not', async () => {
  const count = (name: string) => asked.get(name) ?? 0;
  await eventually('both were asked for', () => count('named.test') > 0 && count('nobody.test') > 0);
  await eventually('it answers', async () => (await call('named.test')).status === 200);
  await say({ dnsRefreshRate: '200ms' });
  const [found, missing] = [count('named.test'), count('nobody.test')];
  const since = performance.now();
  await eventually(
    'ten more of each',
    () => count('named.test') >= found + 20 && count('nobody.test') >= missing + 20,
    60_000,
  );
  // Twenty questions at the rate of failures that holds otherwise would take minutes.
  expect(performance.now() - since).toBeLessThan(60_000);
  expect((await call('named.test')).status).toBe(200);
  expect((await call('nobody.test')).status).toBe(503);
  await say(undefined);
}, 120_000);

test('P43: a principal of an alias of the trust domain is the caller of this one, counted at the application', async () => {
  const policy = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: echo, namespace: shop }
spec:
  selector: { matchLabels: { app: echo } }
  rules: [{ from: [{ source: { principals: [old.mesh/ns/shop/sa/frontend] } }] }]
`;
  const becomes = (status: number) =>
    eventually(`${status}`, async () => (await call('echo')).status === status, 20_000);
  await becomes(200);
  await mesh().apply({ 'shop/allow.yaml': policy });
  await becomes(403);
  await say({ trustDomainAliases: ['old.mesh'] });
  await becomes(200);
  const before = echo.requests();
  const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await call('echo')).status));
  expect(statuses).toEqual(Array(20).fill(200));
  expect(echo.requests() - before).toBe(20);
  await say({ trustDomainAliases: ['older.mesh'] });
  await becomes(403);
  const closed = echo.requests();
  for (let at = 0; at < 5; at += 1) expect((await call('echo')).status).toBe(403);
  expect(echo.requests()).toBe(closed);
  await mesh().apply({ 'shop/allow.yaml': undefined, 'meshconfig.yaml': undefined });
});
