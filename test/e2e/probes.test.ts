import { rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseToken } from '../../src/ca/token.ts';
import { HealthCheckResponse_ServingStatus as Serving } from '../../src/proto/gen/grpc/health/v1/health_pb.ts';
import { createControlPlaneClient } from '../../src/sidecar/control-plane-client.ts';
import { startBareMember } from '../support/bare-member.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { useProbedMembers } from '../support/probed-members.ts';
import { mutualTlsYaml, serviceYaml, type TestMesh, useTestMesh } from '../support/test-mesh.ts';

// Nothing is probed more often than once a second: what follows waits for seconds.
const group = (name: string, probe: string, ports = '{ http: 9080 }') => `---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: ${name}, namespace: shop }
spec:
  metadata: { labels: { tier: back }, annotations: { owner: team-a } }
  template: { labels: { app: ${name} }, ports: ${ports}, serviceAccount: ${name}, weight: 5, locality: eu/north }
  probe: ${probe}
`;
const often = 'periodSeconds: 1, timeoutSeconds: 5';
const files = (folder: string) => join(folder, 'is-ready');

/** What the second instance of `web` answers its probe: each probe takes one, the last one for good. */
let answers: number[] = [200];
let probes = 0;
const members = useProbedMembers();
let client: Member;
let second: Member;
/** As `answers`, of the one behind an Envoy alone. */
let bareAnswers: number[] = [200];
let bareProbes = 0;
let rawServer: Server;
let rawAddress = '';
let aloneRawServer: Server;
let aloneRawAddress = '';
/** What the health services answer, by service. */
const serving: Record<string, number> = {};
const asked: string[] = [];

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml': ['web', 'raw', 'words', 'tool', 'alone', 'alone-raw', 'alone-words']
        .map((name) => serviceYaml(name))
        .join(''),
      'web.yaml': group('web', `{ ${often}, failureThreshold: 3, httpGet: { path: /ready, port: 9080 } }`),
      'raw.yaml': group('raw', `{ ${often}, tcpSocket: { port: 9081 } }`),
      'words.yaml': group('words', `{ ${often}, grpc: { port: 9081, service: words } }`),
      'alone.yaml': group('alone', `{ ${often}, failureThreshold: 2, httpGet: { path: /ready, port: 9080 } }`),
      'alone-raw.yaml': group('alone-raw', `{ ${often}, tcpSocket: { port: 9081 } }`),
      'alone-words.yaml': group('alone-words', `{ ${often}, grpc: { port: 9081, service: alone-words } }`),
    },
  }),
  async (started) => {
    await started.commit({
      'tool.yaml': group('tool', `{ ${often}, exec: { command: [test, -f, ${files(started.folder)}] } }`),
    });
    await Promise.all([
      startWeb(started, 'web-1'),
      startWeb(started, 'web-2').then((member) => {
        second = member;
      }),
      members.start(started, 'raw').then(async (address) => {
        rawAddress = address;
        rawServer = await members.listen(address);
      }),
      members.start(started, 'words').then((address) => startWords(address, 'words')),
      members.start(started, 'tool', { allowsCommands: true }),
      members.startAlone(started, 'alone', () => {
        bareProbes += 1;
        return (bareAnswers.length > 1 ? bareAnswers.shift() : bareAnswers[0]) ?? 200;
      }),
      members.startAlone(started, 'alone-raw').then(async (address) => {
        aloneRawAddress = address;
        aloneRawServer = await members.listen(address);
      }),
      members.startAlone(started, 'alone-words').then((address) => startWords(address, 'alone-words')),
    ]);
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
async function startWeb(started: TestMesh, name: string): Promise<Member> {
  const address = await members.application(started, name, () => {
    if (name !== 'web-2') return 200;
    probes += 1;
    return (answers.length > 1 ? answers.shift() : answers[0]) ?? 200;
  });
  return members.join(started, name, 'web', address);
}

const startWords = (address: string, service: string) =>
  members.startHealth(address, (name) => {
    asked.push(`${service} ${name}`);
    return serving[service] ?? Serving.SERVING;
  });

const to = (service: string) => ({ host: client.address, port: mesh().localPort(service, 80) });
const healthy = (service: string) => client.stat(`cluster.out_shop_${service}_80.membership_healthy`);
const becomes = (service: string, count: number) =>
  eventually(`${service} has ${count} healthy`, async () => (await healthy(service)) === count, 20_000);
/** What the control plane has counted. */
function figures() {
  const families = mesh().controlPlane().values.metrics();
  const of = (name: string) => families.find((family) => family.name === name)?.samples[0]?.value ?? 0;
  return { changes: of('weft_health_changes_total'), refused: of('weft_health_refused_total') };
}
const workload = (id: string) => mesh().controlPlane().mesh.get()?.workloads.get(id);

describe('HTTP', () => {
  test('a workload is what its group says, and is called once its probe has succeeded', async () => {
    await becomes('web', 2);
    expect(workload('web-2.shop')).toMatchObject({
      labels: { app: 'web', tier: 'back' },
      weight: 5,
      locality: { region: 'eu', zone: 'north' },
      health: 'healthy',
      group: { name: 'web', probed: true, annotations: { owner: 'team-a' } },
    });
    const { answers: shares, failures } = await sendRequests(to('web'), 200);
    expect(failures).toEqual({});
    expect(shares['web-1']).toBeGreaterThan(50);
    expect(shares['web-2']).toBeGreaterThan(50);
  });
});

// Nobody waits for another: each has its own workloads, and most of its time is that of probes.
describe.concurrent('each by itself', () => {
  test('HTTP: fewer failures in a row than the threshold change nothing; so many take it out: no request reaches it', async () => {
    answers = [500, 503, 200];
    const before = probes;
    await eventually('five more probes were made', () => probes >= before + 5, 20_000);
    expect(await healthy('web')).toBe(2);
    expect(second.log.filter((line) => line.includes('"healthy":false'))).toEqual([]);
    answers = [404];
    await becomes('web', 1);
    expect(workload('web-2.shop')).toMatchObject({ health: 'unhealthy' });
    expect(workload('web-2.shop')?.trouble?.reason).toMatch(/^GET http:\/\/\S+:9080\/ready: answered 404$/);
    await eventually('nobody calls it', async () => (await sendRequests(to('web'), 20)).answers['web-1'] === 20);
    expect(await sendRequests(to('web'), 200)).toMatchObject({ failures: {}, answers: { 'web-1': 200 } });
  });

  test('TCP: where nothing listens nobody is called, though it is the only one; then it is again', async () => {
    await becomes('raw', 1);
    expect((await fetchOnce(to('raw'))).status).toBe(200);
    await new Promise((resolve) => rawServer.close(resolve));
    await becomes('raw', 0);
    expect(workload('raw-1.shop')?.trouble?.reason).toMatch(/^TCP \S+:9081: connection refused$/);
    await eventually('all are turned away', async () => (await sendRequests(to('raw'), 20)).failures[503] === 20);
    rawServer = await members.listen(rawAddress);
    await becomes('raw', 1);
    await eventually('it is called', async () => (await sendRequests(to('raw'), 20)).succeeded === 20);
  });

  test('gRPC: a real health service says who serves', async () => {
    await becomes('words', 1);
    expect(asked).toContain('words words');
    serving.words = Serving.NOT_SERVING;
    await becomes('words', 0);
    expect(workload('words-1.shop')?.trouble?.reason).toMatch(/^gRPC health of \S+:9081 words: answered NOT_SERVING$/);
    serving.words = Serving.SERVING;
    await becomes('words', 1);
  });

  test('a command: says by its exit code who is ready', async () => {
    await eventually('it was probed', () => workload('tool-1.shop')?.trouble?.reason.includes('exit code 1'), 20_000);
    expect(await healthy('tool')).toBe(0);
    await writeFile(files(mesh().folder), '');
    await becomes('tool', 1);
    await rm(files(mesh().folder));
    await becomes('tool', 0);
  });

  test('a command: is not run where nobody allowed it, nor by an Envoy alone', async () => {
    const address = mesh().nextAddress();
    const member = await members.join(mesh(), 'tool-2', 'tool', address);
    await eventually('it says so', () => workload('tool-2.shop')?.trouble?.reason.includes('--exec-probes'), 20_000);
    expect(workload('tool-2.shop')?.health).toBe('unhealthy');
    await member.sidecar.stop();
    const { rootPem, xdsPort } = mesh().controlPlane();
    const metadata = { service: 'tool', namespace: 'shop', address: mesh().nextAddress() };
    const token = await mesh().token('tool', { group: 'tool' });
    const alone = await startBareMember({ folder: mesh().folder, xdsPort, rootPem }, 'tool-3', metadata, token);
    await eventually('it is refused', () => alone.log.some((line) => line.includes('which an Envoy alone cannot run')));
    await alone.kill();
  });

  test('an Envoy alone: tests its application itself, and tells by its statistics', async () => {
    await becomes('alone', 1);
    expect((await fetchOnce(to('alone'))).status).toBe(200);
    // A bad answer counts like any failure: one is not enough.
    const before = bareProbes;
    const heard: unknown[] = [];
    const unwatch = mesh()
      .controlPlane()
      .mesh.watch(() => heard.push(workload('alone-1.shop')?.health));
    bareAnswers = [500, 200, 500, 200];
    await eventually('six more probes were made', () => bareProbes >= before + 6, 20_000);
    unwatch();
    expect(heard.filter((health) => health !== 'healthy')).toEqual([]);
    bareAnswers = [500];
    await becomes('alone', 0);
    expect(workload('alone-1.shop')?.trouble?.reason).toContain('its Envoy finds it failing');
    bareAnswers = [200];
    await becomes('alone', 1);
  });

  test('an Envoy alone: by a connection, or by the gRPC health service', async () => {
    await Promise.all([becomes('alone-raw', 1), becomes('alone-words', 1)]);
    expect(asked).toContain('alone-words alone-words');
    await new Promise((resolve) => aloneRawServer.close(resolve));
    serving['alone-words'] = Serving.NOT_SERVING;
    await Promise.all([becomes('alone-raw', 0), becomes('alone-words', 0)]);
    for (const service of ['alone-raw', 'alone-words'])
      expect(workload(`${service}-1.shop`)?.trouble?.reason).toContain('its Envoy finds it failing');
    await members.listen(aloneRawAddress);
    serving['alone-words'] = Serving.SERVING;
    await Promise.all([becomes('alone-raw', 1), becomes('alone-words', 1)]);
  });
});

describe('HTTP, and a restart', () => {
  test('a restart of the control plane keeps what was known', async () => {
    await mesh().restartControlPlane();
    await mesh().synced();
    await eventually(
      'both are back',
      () => workload('web-1.shop') !== undefined && workload('web-2.shop') !== undefined,
    );
    expect(workload('web-2.shop')).toMatchObject({
      health: 'unhealthy',
      trouble: { reason: expect.stringContaining('answered 404') },
    });
    expect(workload('web-1.shop')).toMatchObject({ health: 'healthy' });
    expect(await healthy('web')).toBe(1);
  });

  test('is back within one period', async () => {
    answers = [204];
    const since = performance.now();
    await becomes('web', 2);
    const took = performance.now() - since;
    console.log(`healthy again after ${Math.round(took)} ms, probed every 1000 ms`);
    expect(took).toBeLessThan(4_000);
    await eventually('it is called', async () => ((await sendRequests(to('web'), 20)).answers['web-2'] ?? 0) > 4);
  });
});

test('who says otherwise than its group does not join (WEFT0203)', async () => {
  const address = mesh().nextAddress();
  const claims = { labels: { tier: 'front' } };
  const member = await members.join(mesh(), 'web-3', 'web', address, { claims, waitReady: false });
  await eventually('it hears why', () => member.log.some((line) => line.includes('WorkloadGroup shop/web says label')));
  expect(workload('web-3.shop')).toBeUndefined();
  await member.sidecar.kill();
});

describe('a flood of reports', () => {
  test('costs its callers one change a second, and most of it is not even read', async () => {
    const token = await mesh().token('web', { group: 'web' });
    const { rootPem, xdsPort } = mesh().controlPlane();
    const where = { host: '127.0.0.1', port: xdsPort, serverName: 'xds.weft', rootPem };
    const caller = createControlPlaneClient(where, parseToken(token).bearer);
    const { version } = await caller.health('web-2.shop', undefined, 5_000);
    const before = figures();
    const generation = mesh().controlPlane().mesh.get()?.generation ?? 0;
    const since = performance.now();
    const asked = Array.from({ length: 400 }, (_, index) =>
      caller.health('web-2.shop', { version, healthy: index % 2 === 0, reason: `flood ${index}` }, 5_000),
    );
    const refusals = (await Promise.allSettled(asked)).filter(({ status }) => status === 'rejected').length;
    const took = (performance.now() - since) / 1_000;
    const after = figures();
    console.log(`400 reports in ${Math.round(took * 1_000)} ms: ${refusals} refused`);
    const seconds = Math.ceil(took) + 1;
    expect(refusals).toBeGreaterThanOrEqual(400 - 10 * seconds);
    expect(after.changes - before.changes).toBeLessThanOrEqual(seconds);
    expect((mesh().controlPlane().mesh.get()?.generation ?? 0) - generation).toBeLessThanOrEqual(seconds + 2);
    caller.close();
  });

  test('is nothing that another token may send', async () => {
    const { rootPem, xdsPort } = mesh().controlPlane();
    const where = { host: '127.0.0.1', port: xdsPort, serverName: 'xds.weft', rootPem };
    const stranger = createControlPlaneClient(where, parseToken(await mesh().token('raw')).bearer);
    const report = { version: 'x', healthy: false, reason: 'lie' };
    await expect(stranger.health('web-2.shop', report, 5_000)).rejects.toThrowError('not for "web-2.shop"');
    stranger.close();
  });
});
