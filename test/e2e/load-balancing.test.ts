import { Agent } from 'node:http';
import { connect, createServer } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { expectShare } from '../support/rule-mesh.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

const applications: Record<string, Application> = {};
const closing: (() => void)[] = [];
/** What the zones answer. */
const statuses: Record<string, number> = {};
let client: Member;
/** Programs without a sidecar, by name: callers reach them in plaintext. */
const bare: Record<string, string> = {};
let warmingSince = 0;

const rule = (host: string, spec: string) => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host}, namespace: shop }
spec: { host: ${host}, ${spec} }
`;
const balanced = (host: string, loadBalancer: string) => rule(host, `trafficPolicy: { loadBalancer: ${loadBalancer} }`);
const route = (host: string, http: string) => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${host}, namespace: shop }
spec: { hosts: [${host}], http: [${http}] }
`;

const entry = (name: string, labels = '', spec = '') => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: shop, labels: { app: ${name.split('-')[0]}${labels} } }
spec: { address: ${bare[name]}${spec} }
`;
const warmUp = 8_000;

const mesh = useTestMesh(
  async () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml':
        serviceYaml('carts') +
        serviceYaml('zoned') +
        serviceYaml('late') +
        serviceYaml('far') +
        serviceYaml('lines', '[{ name: tcp, port: 7000, targetPort: 9080 }]'),
      'late.yaml': balanced('late', `{ simple: ROUND_ROBIN, warmup: { duration: ${warmUp}ms, minimumPercent: 1 } }`),
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
    const startZone = async (name: string, locality: string) => {
      const address = started.nextAddress();
      applications[name] = await startApplication({ address, port: 9080 }, name, (_request, response) => {
        response.statusCode = statuses[name] ?? 200;
      });
      await started.join({ service: 'zoned', name, address, ports: [{ port: 9080 }], claims: { locality } });
    };
    const startLine = async (name: string) => {
      const address = started.nextAddress();
      const server = createServer((socket) => socket.on('error', () => undefined).end(name));
      await new Promise<void>((resolve) => server.listen(9080, address, resolve));
      closing.push(() => server.close());
      bare[name] = address;
    };
    const startBare = async (name: string) => {
      bare[name] = started.nextAddress();
      applications[name] = await startApplication({ address: bare[name], port: 9080 }, name, (_request, response) => {
        response.statusCode = statuses[name] ?? 200;
      });
    };
    await Promise.all(['cart-1', 'cart-2', 'cart-3'].map(startCart));
    await Promise.all([
      startZone('north', 'eu/north/a'),
      startZone('south', 'eu/south/a'),
      startZone('east', 'us/east/a'),
    ]);
    await Promise.all(['line-1', 'line-2', 'line-3'].map(startLine));
    await Promise.all(['late-1', 'late-2', 'late-3', 'far-eu', 'far-us', 'far-ap'].map(startBare));
    const entries = ['line-1', 'line-2', 'line-3', 'late-1', 'late-2'].map((name) => entry(name)).join('');
    const far = [
      entry('far-eu', ', rack: r2', ', locality: eu/north/a'),
      entry('far-us', ', rack: r2', ', locality: us/east/a'),
      entry('far-ap', ', rack: r1', ', locality: ap/west/a'),
    ];
    await started.commit({ 'entries.yaml': entries.replaceAll('app: line', 'app: lines') + far.join('') });
    client = await started.join({ service: 'frontend', labels: { rack: 'r1' }, claims: { locality: 'eu/north/a' } });
    await started.synced();
    await eventually(
      'the caller has all',
      async () => (await members('carts')) === 3 && (await members('zoned')) === 3,
    );
    await eventually('and lines', async () => (await members('lines', 7000)) === 3 && (await members('late')) === 2);
    warmingSince = Date.now();
  },
);
afterAll(async () => {
  await Promise.all(Object.values(applications).map((application) => application.close()));
  for (const close of closing) close();
});

const stat = (name: string, service: string, port = 80) => client.stat(`cluster.out_shop_${service}_${port}.${name}`);
const members = (service: string, port?: number) => stat('membership_total', service, port);
const ejected = (service: string) => stat('outlier_detection.ejections_active', service);
const to = (service: string, path = '/', headers: Record<string, string> = {}) => ({
  host: client.address,
  port: mesh().localPort(service, 80),
  path,
  headers,
});
const instanceOf = (body: string) => body.split('\n')[0] ?? '';

/** Which instances answer each of twenty callers, who ask ten times each. */
async function answersOf(ask: (user: number) => Promise<string>): Promise<readonly ReadonlySet<string>[]> {
  const users = Array.from({ length: 20 }, (_, user) => user);
  return Promise.all(
    users.map(async (user) => {
      const answers = new Set<string>();
      for (let turn = 0; turn < 10; turn += 1) answers.add(await ask(user));
      return answers;
    }),
  );
}

/** Every caller has one instance, and they do not all have the same. */
async function expectSticky(ask: (user: number) => Promise<string>): Promise<void> {
  // An acknowledged route reaches Envoy's worker a moment later (X46).
  await eventually('all are answered by one instance each', async () =>
    (await answersOf(ask)).every((answers) => answers.size === 1),
  );
  const answers = await answersOf(ask);
  expect(answers.map((each) => each.size)).toEqual(Array.from({ length: 20 }, () => 1));
  expect(new Set(answers.flatMap((each) => [...each])).size).toBeGreaterThan(1);
}

const ask = async (target: Parameters<typeof fetchOnce>[0]) => instanceOf((await fetchOnce(target)).body);

describe('a consistent hash keeps callers at one endpoint (P27)', () => {
  test('by header', async () => {
    await mesh().apply({ 'rule.yaml': balanced('carts', '{ consistentHash: { httpHeaderName: x-user } }') });
    await expectSticky((user) => ask(to('carts', '/', { 'x-user': `user-${user}` })));
  });

  test('by query parameter, in a table', async () => {
    const table = '{ consistentHash: { httpQueryParameterName: user, maglev: { tableSize: 1009 } } }';
    await mesh().apply({ 'rule.yaml': balanced('carts', table) });
    await expectSticky((user) => ask(to('carts', `/?user=user-${user}`)));
  });

  test('by cookie, which the sidecar gives to those who have none', async () => {
    const cookie = 'httpCookie: { name: cart, path: /, ttl: 60s, attributes: [{ name: SameSite, value: Lax }] }';
    await mesh().apply({ 'rule.yaml': balanced('carts', `{ consistentHash: { ${cookie} } }`) });
    await eventually('a cookie comes', async () => (await fetchOnce(to('carts'))).headers['set-cookie'] !== undefined);
    const jars = new Map<number, string>();
    await expectSticky(async (user) => {
      const { headers, body } = await fetchOnce(
        to('carts', '/', jars.has(user) ? { cookie: jars.get(user) ?? '' } : {}),
      );
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
    await mesh().apply({ 'rule.yaml': balanced('carts', '{ consistentHash: { useSourceIp: true } }') });
    await expectSticky((user) => ask(to('carts', '/', { 'x-forwarded-for': `198.51.100.${user}` })));
    const agents = Array.from({ length: 20 }, (_, user) => new Agent({ localAddress: `127.0.7.${user + 1}` }));
    await expectSticky(async (user) => ask({ ...to('carts'), agent: agents[user] ?? new Agent() }));
    for (const agent of agents) agent.destroy();
  });

  test('by address, of connections', async () => {
    await mesh().apply({ 'rule.yaml': balanced('lines', '{ consistentHash: { useSourceIp: true } }') });
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
      'rule.yaml': rule('carts', `${hash}, ${subsets}`),
      'route.yaml': route('carts', `{ route: [${to90}, ${to10}] }`),
    });
    await expectSticky((user) => ask(to('carts', '/', { 'x-user': `user-${user}` })));
    let second = 0;
    const keys = 1_000;
    await Promise.all(
      Array.from({ length: 20 }, async (_, lane) => {
        for (let key = lane; key < keys; key += 20) {
          const answer = await ask(to('carts', '/', { 'x-user': `key-${key}` }));
          second += answer === 'cart-3' ? 1 : 0;
        }
      }),
    );
    expectShare(second, keys, 0.1);
    await mesh().apply({ 'route.yaml': undefined });
  });

  test('and their retries, unless the rule wants another endpoint', async () => {
    const retries = (more: string) =>
      route('carts', `{ retries: { attempts: 3, retryOn: "503"${more} }, route: [{ destination: { host: carts } }] }`);
    const reached = async () => {
      const carts = ['cart-1', 'cart-2', 'cart-3'].map((name) => applications[name]);
      const before = carts.map((cart) => cart?.requests() ?? 0);
      await fetchOnce(to('carts', '/busy', { 'x-user': 'somebody' }));
      return carts.map((cart, index) => (cart?.requests() ?? 0) - (before[index] ?? 0)).filter((count) => count > 0);
    };
    await mesh().apply({
      'rule.yaml': balanced('carts', '{ consistentHash: { httpHeaderName: x-user } }'),
      'route.yaml': retries(''),
    });
    await eventually('all tries at one', async () => JSON.stringify(await reached()) === '[4]');
    expect(await reached()).toEqual([4]);
    await mesh().apply({ 'route.yaml': retries(', retryIgnorePreviousHosts: true') });
    await eventually('the second try goes elsewhere', async () => (await reached()).length > 1);
    await mesh().apply({ 'route.yaml': undefined, 'rule.yaml': undefined });
  });
});

const ejection =
  'outlierDetection: { consecutive5xxErrors: 2, interval: 100ms, baseEjectionTime: 2s, maxEjectionPercent: 100 }';

/** Waits until these alone answer, and shows that they do. */
async function expectAnswers(service: string, names: readonly string[]): Promise<void> {
  const answered = async (count: number) => {
    const { succeeded, answers } = await sendRequests(to(service), count);
    return [succeeded, ...Object.keys(answers).sort()];
  };
  const wanted = JSON.stringify([20, ...names]);
  await eventually(`${names} answer`, async () => JSON.stringify(await answered(20)) === wanted, 30_000);
  expect(await answered(200)).toEqual([200, ...names]);
}

const expectOnly = (zone: string) => expectAnswers('zoned', [zone]);

describe('places (D12)', () => {
  test('without outlier detection mean nothing', async () => {
    const { answers } = await sendRequests(to('zoned'), 300);
    for (const zone of ['north', 'south', 'east']) expect(answers[zone]).toBeGreaterThan(50);
  });

  test('beside it: what is near is called, as it dies what is next, and when it is back, it', async () => {
    await mesh().apply({ 'zoned.yaml': rule('zoned', `trafficPolicy: { ${ejection} }`) });
    await expectOnly('north');
    statuses.north = 503;
    await expectDying('south');
    statuses.south = 503;
    await expectDying('east');
    statuses.north = 200;
    await expectOnly('north');
    statuses.south = 200;
    await mesh().apply({ 'zoned.yaml': undefined });
  });

  test('retries go to other places without waiting for an ejection, where the rule asks for it', async () => {
    const off = 'outlierDetection: { consecutive5xxErrors: 0 }';
    await mesh().apply({
      'zoned.yaml': rule('zoned', `trafficPolicy: { ${off} }`),
      'route.yaml': route(
        'zoned',
        '{ retries: { attempts: 4, retryOn: "503", retryRemoteLocalities: true }, route: [{ destination: { host: zoned } }] }',
      ),
    });
    await expectOnly('north');
    statuses.north = 503;
    await eventually('another place answers', async () => (await sendRequests(to('zoned'), 20)).succeeded === 20);
    const { succeeded, answers } = await sendRequests(to('zoned'), 100);
    expect(succeeded).toBe(100);
    expect(answers.north ?? 0).toBe(0);
    statuses.north = 200;
    await mesh().apply({ 'zoned.yaml': undefined, 'route.yaml': undefined });
  });

  test('with two dead places no request fails either, while each is being ejected', async () => {
    await mesh().apply({
      // Envoy ejects for longer each time, so the first time is short.
      'zoned.yaml': rule('zoned', `trafficPolicy: { ${ejection.replace('2s', '300ms')} }`),
      'route.yaml': route(
        'zoned',
        '{ retries: { attempts: 3, retryOn: "503", retryRemoteLocalities: true }, route: [{ destination: { host: zoned } }] }',
      ),
    });
    await expectOnly('north');
    statuses.north = 503;
    statuses.south = 503;
    // All of a round meet both places alive, and both are ejected among them; so again whenever the ejections are over.
    for (let round = 0; round < 8; round += 1) {
      const { failures, answers } = await sendRequests(to('zoned'), 200, 20);
      expect({ failures, answers }).toEqual({ failures: {}, answers: { east: 200 } });
      await eventually('both count as alive', async () => (await ejected('zoned')) === 0, 30_000);
    }
    statuses.north = 200;
    statuses.south = 200;
    await mesh().apply({ 'zoned.yaml': undefined, 'route.yaml': undefined });
  }, 120_000);

  test('distribute: each locality has its share, within five sigma', async () => {
    const shares = '{ "eu/north/*": 70, "eu/south/*": 20, "us/*": 10 }';
    const setting = `localityLbSetting: { distribute: [{ from: "eu/*", to: ${shares} }] }`;
    await mesh().apply({ 'zoned.yaml': balanced('zoned', `{ ${setting} }`) });
    await eventually('the shares act', async () => {
      const { answers } = await sendRequests(to('zoned'), 200);
      return (answers.north ?? 0) > 110 && (answers.east ?? 0) < 45;
    });
    const { answers, succeeded } = await sendRequests(to('zoned'), 3_000);
    expect(succeeded).toBe(3_000);
    expectShare(answers.north ?? 0, 3_000, 0.7);
    expectShare(answers.south ?? 0, 3_000, 0.2);
    expectShare(answers.east ?? 0, 3_000, 0.1);
    await mesh().apply({ 'zoned.yaml': undefined });
  });
});

const toAsia = 'failover: [{ from: eu, to: ap }]';
const byRack = 'failoverPriority: [rack]';
test.each([
  ['failover', 'localityLbSetting', toAsia, '', ['far-eu'], ['far-ap']],
  ['failoverPriority', 'localityLbSetting', byRack, '', ['far-ap'], ['far-eu', 'far-us']],
  ['failover of the mesh', '', '', `localityLbSetting: { ${toAsia} }`, ['far-eu'], ['far-ap']],
  ['failoverPriority of the mesh', '', '', `localityLbSetting: { ${byRack} }`, ['far-ap'], ['far-eu', 'far-us']],
  ['failover beside zones', 'zoneAwareLbSetting', toAsia, '', ['far-eu'], ['far-ap']],
  ['failoverPriority beside zones', 'zoneAwareLbSetting', byRack, '', ['far-ap'], ['far-eu']],
] as const)(
  '%s says who is called first, and who as those die (D12)',
  async (_, setting, text, meshConfig, first, next) => {
    const loadBalancer = setting === '' ? '' : `loadBalancer: { ${setting}: { ${text} } }, `;
    await mesh().apply({
      'far.yaml': rule('far', `trafficPolicy: { ${loadBalancer}${ejection.replace('2s', '60s')} }`),
      'meshconfig.yaml': meshConfig,
    });
    await expectAnswers('far', first);
    for (const name of first) statuses[name] = 503;
    await expectAnswers('far', next);
    for (const name of first) statuses[name] = 200;
    await mesh().apply({ 'far.yaml': undefined, 'meshconfig.yaml': undefined });
  },
);

test('zoneAwareLbSetting: callers stay in their zone as far as all endpoints of the region are loaded alike that way', async () => {
  await mesh().apply({ 'zoned.yaml': balanced('zoned', '{ zoneAwareLbSetting: { minClusterSize: 2 } }') });
  // The only caller of its service loads both zones of its region.
  await eventually('no other region is called', async () => {
    const { answers } = await sendRequests(to('zoned'), 40);
    return answers.east === undefined && (answers.south ?? 0) > 5;
  });
  const { answers, succeeded } = await sendRequests(to('zoned'), 1_000);
  expect(succeeded).toBe(1_000);
  expect(answers.east).toBeUndefined();
  expectShare(answers.north ?? 0, 1_000, 0.5);
  // With another one in the other zone each has its own.
  await mesh().join({ service: 'frontend', name: 'frontend-2', claims: { locality: 'eu/south/a' } });
  await expectOnly('north');
  await mesh().apply({ 'zoned.yaml': undefined });
});

/** The zone that answered so far is ejected as its errors are seen, and then this one answers alone. */
async function expectDying(next: string): Promise<void> {
  await eventually(
    `${next} takes over`,
    async () => (await sendRequests(to('zoned'), 20)).answers[next] === 20,
    30_000,
  );
}

test('warm-up: a new endpoint comes into its share little by little (D10)', async () => {
  await eventually('the first two are warm', () => Date.now() - warmingSince > warmUp);
  await mesh().apply({ 'third.yaml': entry('late-3') });
  await eventually('the third is known', async () => (await members('late')) === 3);
  const shares: number[] = [];
  await eventually(
    'it has its third',
    async () => {
      shares.push(((await sendRequests(to('late'), 200)).answers['late-3'] ?? 0) / 200);
      return (shares.at(-1) ?? 0) > 0.31;
    },
    30_000,
  );
  expect(shares[0]).toBeLessThan(0.2);
  expect(shares.some((share) => share > 0.1 && share < 0.28)).toBe(true);
});
