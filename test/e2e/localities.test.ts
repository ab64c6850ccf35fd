import { afterAll, describe, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { balancedYaml, entryYaml, routeYaml, ruleYaml } from '../support/balanced-yaml.ts';
import { eventually } from '../support/eventually.ts';
import { sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { expectShare } from '../support/rule-mesh.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

const applications: Record<string, Application> = {};
/** What the zones answer. */
const statuses: Record<string, number> = {};
let client: Member;
/** Programs without a sidecar, by name: callers reach them in plaintext. */
const bare: Record<string, string> = {};
let warmingSince = 0;
const warmUp = 5_000;
const lateYaml = (name: string) => entryYaml(name, 'late', bare[name] ?? '');
const farYaml = (name: string, rack: string, locality: string) =>
  entryYaml(name, 'far', bare[name] ?? '', `, rack: ${rack}`, `, locality: ${locality}`);

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml': serviceYaml('zoned') + serviceYaml('late') + serviceYaml('far'),
      'late.yaml': balancedYaml(
        'late',
        `{ simple: ROUND_ROBIN, warmup: { duration: ${warmUp}ms, minimumPercent: 1 } }`,
      ),
    },
  }),
  async (started) => {
    const start = async (name: string) => {
      const address = started.nextAddress();
      applications[name] = await startApplication({ address, port: 9080 }, name, (_request, response) => {
        response.statusCode = statuses[name] ?? 200;
      });
      return address;
    };
    const startZone = async (name: string, locality: string) => {
      const address = await start(name);
      await started.join({ service: 'zoned', name, address, ports: [{ port: 9080 }], claims: { locality } });
    };
    const startBare = async (name: string) => {
      bare[name] = await start(name);
    };
    await Promise.all([
      startZone('north', 'eu/north/a'),
      startZone('south', 'eu/south/a'),
      startZone('east', 'us/east/a'),
      ...['late-1', 'late-2', 'late-3', 'far-eu', 'far-us', 'far-ap'].map(startBare),
    ]);
    const far = farYaml('far-eu', 'r2', 'eu/north/a') + farYaml('far-us', 'r2', 'us/east/a');
    const entries = [lateYaml('late-1'), lateYaml('late-2'), far, farYaml('far-ap', 'r1', 'ap/west/a')];
    await started.commit({ 'entries.yaml': entries.join('') });
    client = await started.join({ service: 'frontend', labels: { rack: 'r1' }, claims: { locality: 'eu/north/a' } });
    await started.synced();
    await eventually('the caller has all', async () => (await members('zoned')) === 3 && (await members('late')) === 2);
    warmingSince = Date.now();
  },
);
afterAll(() => Promise.all(Object.values(applications).map((application) => application.close())));

const stat = (name: string, service: string) => client.stat(`cluster.out_shop_${service}_80.${name}`);
const members = (service: string) => stat('membership_total', service);
const ejected = (service: string) => stat('outlier_detection.ejections_active', service);
const to = (service: string) => ({ host: client.address, port: mesh().localPort(service, 80) });

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
    await mesh().apply({ 'zoned.yaml': ruleYaml('zoned', `trafficPolicy: { ${ejection} }`) });
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
      'zoned.yaml': ruleYaml('zoned', `trafficPolicy: { ${off} }`),
      'route.yaml': routeYaml(
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
      'zoned.yaml': ruleYaml('zoned', `trafficPolicy: { ${ejection.replace('2s', '100ms')} }`),
      'route.yaml': routeYaml(
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
    await mesh().apply({ 'zoned.yaml': balancedYaml('zoned', `{ ${setting} }`) });
    await eventually('the shares act', async () => {
      const { answers } = await sendRequests(to('zoned'), 200);
      return (answers.north ?? 0) > 110 && (answers.east ?? 0) < 45;
    });
    const { answers, succeeded } = await sendRequests(to('zoned'), 1_500);
    expect(succeeded).toBe(1_500);
    expectShare(answers.north ?? 0, 1_500, 0.7);
    expectShare(answers.south ?? 0, 1_500, 0.2);
    expectShare(answers.east ?? 0, 1_500, 0.1);
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
      'far.yaml': ruleYaml('far', `trafficPolicy: { ${loadBalancer}${ejection.replace('2s', '60s')} }`),
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
  await mesh().apply({ 'zoned.yaml': balancedYaml('zoned', '{ zoneAwareLbSetting: { minClusterSize: 2 } }') });
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
  await mesh().apply({ 'third.yaml': lateYaml('late-3') });
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
