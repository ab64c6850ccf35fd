import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import type { Svid } from '../../src/ca/svid.ts';
import type { RotationStatus, RotationStep } from '../../src/model/rotation-status.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { type Application, startApplication, startHttp2Application } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { startChat, startChatApplication } from '../support/grpc-chat.ts';
import { type Load, startLoad } from '../support/load.ts';
import { type JoinOptions, type Member, memberReport, refusedUpdates, startMember } from '../support/member.ts';
import { exchange, meshTls } from '../support/mesh-client.ts';
import { createPolicyFolder } from '../support/policy-folder.ts';
import { runWeft, type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { mutualTlsYaml, nextAddress, serviceYaml } from '../support/test-mesh.ts';

/** Long (F9): 300,000 requests. */
const isLong = process.env.WEFT_LONG !== undefined;
const requestsPerSecond = isLong ? 500 : 100;
/** For each of the two loads. */
const enough = isLong ? 150_000 : 1_500;

let folder: string;
let server: ServerProcess;
const members: Member[] = [];
const applications: Pick<Application, 'close'>[] = [];

async function member(joining: JoinOptions & { readonly address: string }): Promise<Member> {
  const access = { folder, xdsPort: server.xdsPort, rootPem: server.rootPem };
  const started = await startMember(access, { ...joining, token: server.token(joining.service) });
  members.push(started);
  await started.sidecar.ready;
  return started;
}

const ports =
  '[{ name: http, port: 80, targetPort: 9080 }, { name: http2, port: 82, targetPort: 9082 }, { name: grpc, port: 84, targetPort: 9084 }]';

/** A new connection, and so a handshake, for each request over HTTP/1. */
const connectionEach = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog, namespace: shop }
spec:
  host: catalog
  trafficPolicy:
    portLevelSettings:
      - { port: { number: 80 }, connectionPool: { http: { maxRequestsPerConnection: 1 } } }
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-e2e-'));
  await createPolicyFolder(folder, {
    'mesh.yaml': mutualTlsYaml('STRICT'),
    'catalog.yaml': serviceYaml('catalog', ports),
    'connections.yaml': connectionEach,
  });
  server = await startServerProcess(folder, ['catalog', 'frontend'], {
    flags: ['--import', join(import.meta.dirname, '../support/crash-at.mjs')],
  });
  const address = nextAddress();
  applications.push(await startApplication({ address, port: 9080 }, 'http1'));
  applications.push(await startHttp2Application({ address, port: 9082 }, 'http2'));
  applications.push(await startChatApplication({ address, port: 9084 }));
  const declared = [{ port: 9080 }, { port: 9082, protocol: 'http2' }, { port: 9084, protocol: 'grpc' }] as const;
  await member({ service: 'catalog', address, ports: declared });
  await member({ service: 'frontend', address: nextAddress() });
}, 120_000);

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  const reports = await Promise.all(members.map(memberReport));
  console.error([...reports, '===== control plane', ...server.log.slice(-80)].join('\n'));
});

afterAll(async () => {
  const refused = (await Promise.all(members.map(refusedUpdates))).flat();
  await Promise.all(members.map(({ sidecar }) => sidecar.kill()));
  await server?.kill();
  await Promise.all(applications.map((application) => application.close()));
  await rm(folder, { recursive: true, force: true });
  expect(refused).toEqual([]);
});

const rotation = async () => (await server.admin('/api/v1/certificates/rotation')) as RotationStatus;

/** `weft cert rotate --root --step STEP`, as a person types it. */
async function take(
  step: RotationStep,
  ...more: string[]
): Promise<{ readonly code: number | null; readonly said: string }> {
  return weft('--step', step, ...more);
}

async function weft(...words: string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  const api = (await readFile(join(folder, 'state/api-address'), 'utf8')).trim();
  const credentials = ['--cp', api, '--token-file', 'state/operator.token'];
  return runWeft(folder, 'cert', 'rotate', '--root', ...words, ...credentials);
}

/** The sum of what all members counted under names like this. */
async function counted(pattern: string): Promise<number> {
  const all = await Promise.all(members.map((each) => each.stats(pattern)));
  return all.flatMap((stats) => [...stats.values()]).reduce((sum, value) => sum + value, 0);
}

/** So many more answers; `more` waits for 30 s at most. */
async function through(load: Load, requests: number): Promise<void> {
  for (let left = requests; left > 0; left -= 1_000) await load.more(Math.min(left, 1_000));
}

/** The control plane dies in the midst of a step: with keys written and nothing that names them, or right before it would have answered. */
const allCrashes: readonly (readonly [step: RotationStep, when: string, phase: RotationStatus['phase']])[] = [
  ['prepare', 'after ca/state.json', 'prepared'],
  ['abort', 'before ca/state.json', 'prepared'],
  ['prepare', 'before ca/state.json', 'steady'],
  ['abort', 'after ca/state.json', 'steady'],
  ['prepare', 'after ca/state.json', 'prepared'],
  ['activate', 'before ca/state.json', 'prepared'],
  ['activate', 'after ca/state.json', 'activated'],
  ['finish', 'before ca/state.json', 'activated'],
  ['finish', 'after ca/state.json', 'steady'],
];
/** The short form takes nothing back, and is killed once less in the first step. */
const crashes = isLong ? allCrashes : allCrashes.slice(4);

test(
  'a root is changed under load and the control plane is killed at each step: 0 failed, 0 verify errors (F9)',
  async () => {
    const [, frontend] = members;
    const to = async (port: number) => {
      const items = (await server.admin('/api/v1/ports')) as {
        items: { name: string; port: number; localPort: number }[];
      };
      const found = items.items.find((item) => item.name === 'catalog' && item.port === port);
      return { host: frontend?.address ?? '', port: found?.localPort ?? 0 };
    };
    const [before] = (await rotation()).roots;
    const chat = startChat(await to(84), 50);
    const loads = [
      startLoad(await to(80), requestsPerSecond),
      startLoad({ ...(await to(82)), http2: true }, requestsPerSecond),
    ];
    const each = enough / (crashes.length + 1);
    const connected = () =>
      eventually(
        'every proxy has its control plane',
        async () => (await counted('^control_plane\\.connected_state$')) === members.length,
        20_000,
      );
    for (const load of loads) await through(load, each / 2);

    for (const [step, when, phase] of crashes) {
      await eventually('nobody is awaited', async () => (await rotation()).pending.length === 0, 20_000);
      await writeFile(join(folder, 'crash-at'), when);
      expect((await take(step)).code).not.toBe(0);
      await server.kill();
      for (const load of loads) await through(load, each);
      await server.start();
      expect((await rotation()).phase, `${step}, killed ${when}`).toBe(phase);
      await connected();
      const again = await take(step, '--wait', '--timeout', '10s');
      expect(again, `${step} again`).toMatchObject({ code: 0 });
    }
    for (const load of loads) await through(load, each / 2);

    const after = await rotation();
    expect(after).toMatchObject({ phase: 'steady', proxies: 2, acked: 2, pending: [] });
    expect(after.roots).toHaveLength(1);
    expect(after.roots[0]?.fingerprint).not.toBe(before?.fingerprint);
    const handshakes = await counted('^(listener|cluster\\.out_).*\\.ssl\\.handshake$');
    const verifyErrors = await counted('\\.ssl\\.fail_verify_[a-z_]+$');
    const connectionErrors = await counted('^(listener|cluster\\.out_).*\\.ssl\\.connection_error$');
    const [http1, http2] = await Promise.all(loads.map((load) => load.stop()));
    const talk = await chat.stop();
    const sent = (http1?.sent ?? 0) + (http2?.sent ?? 0);
    const failed = sent - (http1?.succeeded ?? 0) - (http2?.succeeded ?? 0);
    console.log(
      `promise F9: ${sent} sent, ${failed} failed; ${handshakes} handshakes, ${verifyErrors} verify errors, ${connectionErrors} connection errors; gRPC stream ${talk.received} of ${talk.sent} messages; control plane killed at ${crashes.length} points`,
    );
    expect(http1?.failures).toEqual({});
    expect(http2?.failures).toEqual({});
    expect({ ...talk, sent: 0 }).toEqual({ sent: 0, received: talk.sent, broken: [] });
    expect({ verifyErrors, connectionErrors }).toEqual({ verifyErrors: 0, connectionErrors: 0 });
    expect(handshakes).toBeGreaterThan(enough / 2);
  },
  isLong ? 1_200_000 : 300_000,
);

/** A certificate under the root that signs now, as somebody would have it who took it from a workload. */
async function stolen(): Promise<Svid> {
  const store = openFileStore(join(folder, 'state'));
  const authority = await openAuthority({ store, clock: systemClock, trustDomain: 'demo.mesh' });
  try {
    return authority.issue({ trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'frontend' });
  } finally {
    authority.dispose();
  }
}

test('a compromised root: an old leaf opens nothing 60 s later, and the mesh goes on (F10)', async () => {
  const [catalog, frontend] = members;
  const svid = await stolen();
  const passes = async (): Promise<boolean> => {
    try {
      const socket = await meshTls({ host: catalog?.address ?? '', port: catalog?.inbound(9080) ?? 0 }, svid);
      const { received } = await exchange(socket, 'GET / HTTP/1.1\r\nhost: catalog.shop\r\nconnection: close\r\n\r\n');
      return received.startsWith('HTTP/1.1 200');
    } catch {
      return false;
    }
  };
  expect(await passes()).toBe(true);
  const target = { host: frontend?.address ?? '', port: frontend?.proxyPort ?? 0, path: 'http://catalog.shop/' };
  const load = startLoad(target, requestsPerSecond);
  await load.more(requestsPerSecond);
  const before = await rotation();
  const since = performance.now();
  expect((await weft('--compromised')).code).toBe(0);
  await eventually('the old leaf opens nothing', async () => !(await passes()), 60_000, 250);
  const refusedAfter = (performance.now() - since) / 1_000;
  await eventually('the old root is gone', async () => (await rotation()).phase === 'steady', 60_000, 250);
  let passed = 0;
  for (let look = 0; look < 20; look += 1) passed += (await passes()) ? 1 : 0;
  await load.more(requestsPerSecond);
  const { sent, succeeded, failures } = await load.stop();
  console.log(
    `promise F10: an old leaf is refused ${refusedAfter.toFixed(1)} s after the word (bound 60 s), ${passed} of 20 passed later; ${sent} sent meanwhile, ${sent - succeeded} failed`,
  );
  const [left, ...more] = (await rotation()).roots;
  expect(more).toEqual([]);
  expect(before.roots.map(({ fingerprint }) => fingerprint)).not.toContain(left?.fingerprint);
  expect({ failures, passed }).toEqual({ failures: {}, passed: 0 });
}, 150_000);
