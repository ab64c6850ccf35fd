import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import { type JoinOptions, type Member, memberReport, startMember } from '../support/member.ts';
import { createPolicyFolder } from '../support/policy-folder.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { mutualTlsYaml, nextAddress, serviceYaml } from '../support/test-mesh.ts';

/** Long (F12): leaves of 120 s. */
const life = process.env.WEFT_LONG === undefined ? 20_000 : 120_000;

let folder: string;
let server: ServerProcess;
let application: Application;
const members: Member[] = [];

async function member(joining: JoinOptions & { readonly address: string }): Promise<Member> {
  const access = { folder, xdsPort: server.xdsPort, rootPem: server.rootPem };
  const started = await startMember(access, { ...joining, token: server.token(joining.service) });
  members.push(started);
  await started.sidecar.ready;
  return started;
}

/** A new connection, and so a handshake, for each request. */
const connectionEach = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog, namespace: shop }
spec: { host: catalog, trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 1 } } } }
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-e2e-'));
  await createPolicyFolder(folder, {
    'mesh.yaml': mutualTlsYaml('STRICT'),
    'catalog.yaml': serviceYaml('catalog'),
    'connections.yaml': connectionEach,
  });
  server = await startServerProcess(folder, ['catalog', 'frontend'], {
    settings: { 'certificates.leafLifetime': `${life}ms`, 'certificates.allowShortLives': true },
  });
  const address = nextAddress();
  application = await startApplication({ address, port: 9080 }, 'catalog');
  await member({ service: 'catalog', address, ports: [{ port: 9080 }] });
  await member({ service: 'frontend', address: nextAddress() });
}, 120_000);

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  const reports = await Promise.all(members.map(memberReport));
  console.error([...reports, '===== control plane', ...server.log.slice(-80)].join('\n'));
});

afterAll(async () => {
  await Promise.all(members.map(({ sidecar }) => sidecar.kill()));
  await server?.kill();
  await application?.close();
  await rm(folder, { recursive: true, force: true });
});

test(
  'the control plane is away for longer than a leaf lives: nothing fails before its end, nothing passes after it, whole again soon (F12)',
  async () => {
    const [, frontend] = members;
    const target = { host: frontend?.address ?? '', port: frontend?.proxyPort ?? 0, path: 'http://catalog.shop/' };
    const works = async () => (await fetchOnce(target)).status === 200;
    await eventually('calls pass', works);
    const { items } = (await server.admin('/api/v1/certificates')) as { items: { notAfter: string }[] };
    await server.kill();
    const gone = Date.now();
    // A leaf may be renewed between the answer and the end, never shortened: this is the earliest end there can be.
    const firstEnd = Math.min(...items.map(({ notAfter }) => Date.parse(notAfter)));
    let [before, failedBefore, lastGood] = [0, 0, gone];
    await eventually(
      'calls are refused',
      async () => {
        const began = Date.now();
        const good = await works();
        if (good) lastGood = began;
        if (began < firstEnd - 1_000) {
          before += 1;
          failedBefore += good ? 0 : 1;
        }
        return !good && began >= firstEnd - 1_000;
      },
      life + 30_000,
      100,
    );
    // Both ends have their own leaf: the later end closes nothing further, the earlier one has closed all.
    const closedAt = Date.now();
    let passedAfter = 0;
    for (let look = 0; look < 20; look += 1) {
      passedAfter += (await works()) ? 1 : 0;
      await sleep(50);
    }
    await server.start();
    const back = Date.now();
    await eventually('calls pass again', works, 30_000, 50);
    const whole = Date.now() - back;
    const seconds = (milliseconds: number) => (milliseconds / 1_000).toFixed(1);
    console.log(
      `promise F12: leaves of ${life / 1_000} s; ${failedBefore} of ${before} failed before the first end, ${passedAfter} of 20 passed after it; alone for ${seconds(lastGood - gone)} s, closed ${seconds(closedAt - firstEnd)} s after the first end, whole ${seconds(whole)} s after the control plane listens again`,
    );
    expect({ failedBefore, passedAfter }).toEqual({ failedBefore: 0, passedAfter: 0 });
    // Renewed at 50 % ± 10 % of its life: at least 40 % of it are left at any time.
    expect(lastGood - gone).toBeGreaterThan(life * 0.35);
    expect(whole).toBeLessThan(10_000);
  },
  life * 2 + 100_000,
);
