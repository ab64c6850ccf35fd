import { Agent } from 'node:http';
import { connect, createServer } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { balancedYaml, entryYaml, routeYaml, ruleYaml } from '../support/balanced-yaml.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { expectShare } from '../support/rule-mesh.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

const applications: Record<string, Application> = {};
const closing: (() => void)[] = [];
let client: Member;

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml': serviceYaml('carts') + serviceYaml('lines', '[{ name: tcp, port: 7000, targetPort: 9080 }]'),
    },
  }),
  async (started) => {
    const startCart = async (instance: string) => {
      const address = started.nextAddress();
      applications[instance] = await startApplication({ address, port: 9080 }, instance, (request, response) => {
        if (request.url === '/busy') response.statusCode = 503;
      });
      const version = instance === 'cart-3' ? 'v2' : 'v1';
      await started.join({ service: 'carts', name: instance, version, address, ports: [{ port: 9080 }] });
    };
    /** Without a sidecar: callers reach it in plaintext. */
    const startLine = async (name: string) => {
      const address = started.nextAddress();
      const server = createServer((socket) => socket.on('error', () => undefined).end(name));
      await new Promise<void>((resolve) => server.listen(9080, address, resolve));
      closing.push(() => server.close());
      return entryYaml(name, 'lines', address);
    };
    await Promise.all(['cart-1', 'cart-2', 'cart-3'].map(startCart));
    const lines = await Promise.all(['line-1', 'line-2', 'line-3'].map(startLine));
    await started.commit({ 'lines.yaml': lines.join('') });
    client = await started.join({ service: 'frontend' });
    await started.synced();
    await eventually(
      'the caller has all',
      async () => (await members('carts', 80)) === 3 && (await members('lines', 7000)) === 3,
    );
  },
);
const kept = new Agent({ keepAlive: true });
afterAll(async () => {
  kept.destroy();
  await Promise.all(Object.values(applications).map((application) => application.close()));
  for (const close of closing) close();
});

const members = (service: string, port: number) => client.stat(`cluster.out_shop_${service}_${port}.membership_total`);
/** The service carts, over connections that stay; a hash looks at each request. */
const to = (path = '/', headers: Record<string, string> = {}) => ({
  host: client.address,
  port: mesh().localPort('carts', 80),
  path,
  headers,
  agent: kept,
});
const instanceOf = (body: string) => body.split('\n')[0] ?? '';

/** Which instances answer each of some callers, who ask so often each. */
async function answersOf(
  ask: (user: number) => Promise<string>,
  callers: number,
  turns: number,
): Promise<readonly ReadonlySet<string>[]> {
  const users = Array.from({ length: callers }, (_, user) => user);
  return Promise.all(
    users.map(async (user) => {
      const answers = new Set<string>();
      for (let turn = 0; turn < turns; turn += 1) answers.add(await ask(user));
      return answers;
    }),
  );
}

/** Every caller has one instance, and they do not all have the same. */
async function expectSticky(ask: (user: number) => Promise<string>): Promise<void> {
  // An acknowledged route reaches Envoy's worker a moment later (X46).
  await eventually('some are answered by one instance each', async () =>
    (await answersOf(ask, 5, 4)).every((answers) => answers.size === 1),
  );
  const answers = await answersOf(ask, 20, 10);
  expect(answers.map((each) => each.size)).toEqual(Array.from({ length: 20 }, () => 1));
  expect(new Set(answers.flatMap((each) => [...each])).size).toBeGreaterThan(1);
}

const ask = async (target: Parameters<typeof fetchOnce>[0]) => instanceOf((await fetchOnce(target)).body);

describe('a consistent hash keeps callers at one endpoint (P27)', () => {
  test('by header', async () => {
    await mesh().apply({ 'rule.yaml': balancedYaml('carts', '{ consistentHash: { httpHeaderName: x-user } }') });
    await expectSticky((user) => ask(to('/', { 'x-user': `user-${user}` })));
  });

  test('by query parameter, in a table', async () => {
    const table = '{ consistentHash: { httpQueryParameterName: user, maglev: { tableSize: 1009 } } }';
    await mesh().apply({ 'rule.yaml': balancedYaml('carts', table) });
    await expectSticky((user) => ask(to(`/?user=user-${user}`)));
  });

  test('by cookie, which the sidecar gives to those who have none', async () => {
    const cookie = 'httpCookie: { name: cart, path: /, ttl: 60s, attributes: [{ name: SameSite, value: Lax }] }';
    await mesh().apply({ 'rule.yaml': balancedYaml('carts', `{ consistentHash: { ${cookie} } }`) });
    await eventually('a cookie comes', async () => (await fetchOnce(to())).headers['set-cookie'] !== undefined);
    const jars = new Map<number, string>();
    await expectSticky(async (user) => {
      const { headers, body } = await fetchOnce(to('/', jars.has(user) ? { cookie: jars.get(user) ?? '' } : {}));
      const [given] = headers['set-cookie'] ?? [];
      // One that came is kept: there is no second one.
      expect(given === undefined).toBe(jars.has(user));
      if (given !== undefined) {
        expect(given).toMatch(/^cart="?[0-9a-f]+"?; Max-Age=60; Path=\/; SameSite=Lax; HttpOnly$/);
        jars.set(user, given.split(';')[0] ?? '');
      }
      return instanceOf(body);
    });
  });

  test('by address: that of the connection, or what the caller says it forwards for', async () => {
    await mesh().apply({ 'rule.yaml': balancedYaml('carts', '{ consistentHash: { useSourceIp: true } }') });
    await expectSticky((user) => ask(to('/', { 'x-forwarded-for': `198.51.100.${user}` })));
    const agents = Array.from({ length: 20 }, (_, user) => new Agent({ localAddress: `127.0.7.${user + 1}` }));
    await expectSticky(async (user) => ask({ ...to(), agent: agents[user] ?? new Agent() }));
    for (const agent of agents) agent.destroy();
  });

  test('by address, of connections', async () => {
    await mesh().apply({ 'rule.yaml': balancedYaml('lines', '{ consistentHash: { useSourceIp: true } }') });
    await expectSticky(
      (user) =>
        new Promise((resolve, reject) => {
          const port = mesh().localPort('lines', 7000);
          const socket = connect({ host: client.address, port, localAddress: `127.0.8.${user + 1}` });
          let heard = '';
          socket.on('data', (chunk: Buffer) => {
            heard += chunk.toString();
          });
          socket.on('end', () => resolve(heard));
          socket.on('error', reject);
        }),
    );
  });

  test('over weighted subsets, whose shares are those of the keys', async () => {
    const hash = 'trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: x-user } } }';
    const subsets = 'subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]';
    const to90 = '{ destination: { host: carts, subset: v1 }, weight: 90 }';
    const to10 = '{ destination: { host: carts, subset: v2 }, weight: 10 }';
    await mesh().apply({
      'rule.yaml': ruleYaml('carts', `${hash}, ${subsets}`),
      'route.yaml': routeYaml('carts', `{ route: [${to90}, ${to10}] }`),
    });
    await expectSticky((user) => ask(to('/', { 'x-user': `user-${user}` })));
    let second = 0;
    const keys = 1_000;
    await Promise.all(
      Array.from({ length: 20 }, async (_, lane) => {
        for (let key = lane; key < keys; key += 20) {
          const answer = await ask(to('/', { 'x-user': `key-${key}` }));
          second += answer === 'cart-3' ? 1 : 0;
        }
      }),
    );
    expectShare(second, keys, 0.1);
    await mesh().apply({ 'route.yaml': undefined });
  });

  test('and their retries, unless the rule wants another endpoint', async () => {
    const retries = (more: string) =>
      routeYaml(
        'carts',
        `{ retries: { attempts: 3, retryOn: "503"${more} }, route: [{ destination: { host: carts } }] }`,
      );
    const reached = async () => {
      const carts = ['cart-1', 'cart-2', 'cart-3'].map((name) => applications[name]);
      const before = carts.map((cart) => cart?.requests() ?? 0);
      await fetchOnce(to('/busy', { 'x-user': 'somebody' }));
      return carts.map((cart, index) => (cart?.requests() ?? 0) - (before[index] ?? 0)).filter((count) => count > 0);
    };
    await mesh().apply({
      'rule.yaml': balancedYaml('carts', '{ consistentHash: { httpHeaderName: x-user } }'),
      'route.yaml': retries(''),
    });
    await eventually('all tries at one', async () => JSON.stringify(await reached()) === '[4]');
    expect(await reached()).toEqual([4]);
    await mesh().apply({ 'route.yaml': retries(', retryIgnorePreviousHosts: true') });
    await eventually('the second try goes elsewhere', async () => (await reached()).length > 1);
    await mesh().apply({ 'route.yaml': undefined, 'rule.yaml': undefined });
  });
});
