import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { RotationStatus, RotationStep } from '../../src/model/rotation-status.ts';
import type { EnvoyAdmin } from '../../src/sidecar/envoy-admin.ts';
import { type Application, startApplication, startHttp2Application } from '../support/application.ts';
import { startBareMember } from '../support/bare-member.ts';
import { listenLines } from '../support/echo-servers.ts';
import { eventually } from '../support/eventually.ts';
import { startChatApplication, startChats } from '../support/grpc-chat.ts';
import { fetchOnce, type Load, latenessOf, startLoad } from '../support/load.ts';
import { inboundPort, type Member, memberReport, startMember } from '../support/member.ts';
import { openTcp, readUntil } from '../support/mesh-client.ts';
import { isTakenForProxy, opens, openWorkload, startServerWith, takeLeaves } from '../support/old-leaf.ts';
import { type OwnKeyMember, startOwnKeyMember } from '../support/own-key-member.ts';
import { createPolicyFolder } from '../support/policy-folder.ts';
import { runWeft, type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { mutualTlsYaml, nextAddress, serviceYaml } from '../support/test-mesh.ts';

/** Long (F9): 300,000 requests. */
const isLong = process.env.WEFT_LONG !== undefined;
const requestsPerSecond = isLong ? 500 : 100;
/** For each of the two loads. */
const enough = isLong ? 150_000 : 1_500;
const chats = 8;
/** How long Envoy keeps connections of a filter chain that has changed, in seconds; as `weft run` has it in the long form. */
const drainTime = isLong ? 45 : 5;
const envoyFlags = ['--drain-time-s', `${drainTime}`];

let folder: string;
let server: ServerProcess;
/** Its key is its own; frontend gets its key by SDS. */
let catalog: OwnKeyMember;
let frontend: Member;
const envoys: EnvoyAdmin[] = [];
const applications: Pick<Application, 'close'>[] = [];

const ports =
  '[{ name: http, port: 80, targetPort: 9080 }, { name: http2, port: 82, targetPort: 9082 }, { name: grpc, port: 84, targetPort: 9084 }, { name: tcp, port: 86, targetPort: 9086 }]';

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

/** A service whose one workload is no sidecar of ours. */
const ledgerAddress = nextAddress();
const ledger = `${serviceYaml('ledger')}---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ledger-1, namespace: shop }
spec: { address: ${ledgerAddress}, serviceAccount: ledger, labels: { app: ledger }, ports: { http: 19080 } }
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-e2e-'));
  await createPolicyFolder(folder, {
    'mesh.yaml': mutualTlsYaml('STRICT'),
    'catalog.yaml': serviceYaml('catalog', ports),
    'connections.yaml': connectionEach,
    'ledger.yaml': ledger,
  });
  server = await startServerProcess(folder, ['catalog', 'frontend', 'batch'], {
    flags: ['--import', join(import.meta.dirname, '../support/crash-at.mjs')],
  });
  const address = nextAddress();
  applications.push(await startApplication({ address, port: 9080 }, 'http1'));
  applications.push(await startHttp2Application({ address, port: 9082 }, 'http2'));
  applications.push(await startChatApplication({ address, port: 9084 }));
  const closeLines = await listenLines({ address, port: 9086 }, () => undefined);
  applications.push({ close: async () => closeLines() });
  const access = { folder, xdsPort: server.xdsPort, rootPem: server.rootPem };
  const own = { service: 'catalog', address, ports: ['9080', '9082/http2', '9084/grpc', '9086/tcp'], envoyFlags };
  catalog = await startOwnKeyMember(access, { ...own, token: server.token('catalog') });
  const calling = { service: 'frontend', address: nextAddress(), token: server.token('frontend'), envoyFlags };
  frontend = await startMember(access, calling);
  await frontend.sidecar.ready;
  envoys.push(catalog.admin, frontend.admin);
}, 120_000);

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  const said = ['===== catalog', catalog.said.said, '===== control plane', ...server.log.slice(-80)];
  console.error([await memberReport(frontend), ...said].join('\n'));
});

afterAll(async () => {
  const refused = await counted('update_rejected');
  await Promise.all([catalog?.stop(), frontend?.sidecar.kill()]);
  await server?.kill();
  await Promise.all(applications.map((application) => application.close()));
  await rm(folder, { recursive: true, force: true });
  expect(refused).toBe(0);
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

/** Where a program beside frontend finds a port of catalog. */
async function localPort(port: number) {
  const { items } = (await server.admin('/api/v1/ports')) as {
    items: { name: string; port: number; localPort: number }[];
  };
  const found = items.find((item) => item.name === 'catalog' && item.port === port);
  return { host: frontend.address, port: found?.localPort ?? 0 };
}

/** The sum of what Envoys counted under names like this. */
async function counted(pattern: string, of: readonly EnvoyAdmin[] = envoys): Promise<number> {
  const all = await Promise.all(of.map((each) => each.stats(pattern)));
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
    const [before] = (await rotation()).roots;
    const chat = startChats(chats, await localPort(84), 50);
    const { host, port } = await localPort(86);
    const bytes = await openTcp(host, port);
    await readUntil(bytes, '220 ready\r\n');
    const loads = [
      startLoad(await localPort(80), requestsPerSecond),
      startLoad({ ...(await localPort(82)), http2: true }, requestsPerSecond),
    ];
    const each = enough / (crashes.length + 1);
    const connected = () =>
      eventually(
        'every proxy has its control plane',
        async () => (await counted('^control_plane\\.connected_state$')) === envoys.length,
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
      const again = await take(step, '--wait', '--timeout', '40s');
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
    const reports = await Promise.all(loads.map((load) => load.stop()));
    const [http1, http2] = reports;
    // A change that somebody planned ends no connection.
    bytes.write('still here\r\n');
    expect(await readUntil(bytes, '\r\n')).toBe('still here\r\n');
    bytes.destroy();
    const talk = await chat.stop();
    const sent = (http1?.sent ?? 0) + (http2?.sent ?? 0);
    const failed = sent - (http1?.succeeded ?? 0) - (http2?.succeeded ?? 0);
    console.log(
      `promise F9: ${sent} sent, ${failed} failed; ${handshakes} handshakes, ${verifyErrors} verify errors, ${connectionErrors} connection errors; ${chats} gRPC streams ${talk.received} of ${talk.sent} messages, 1 TCP connection whole; control plane killed at ${crashes.length} points; ${latenessOf(reports)}`,
    );
    expect(http1?.failures).toEqual({});
    expect(http2?.failures).toEqual({});
    expect({ ...talk, sent: 0 }).toEqual({ sent: 0, received: talk.sent, broken: [] });
    expect({ verifyErrors, connectionErrors }).toEqual({ verifyErrors: 0, connectionErrors: 0 });
    expect(handshakes).toBeGreaterThan(enough / 2);
  },
  isLong ? 1_200_000 : 300_000,
);

test('a compromised root: an old leaf opens nothing 60 s later, what it opened ends, and the mesh goes on (F10)', async () => {
  const { leaves, rootPem } = await takeLeaves(join(folder, 'state'), ['frontend', 'ledger']);
  const [leaf, ofLedger] = leaves;
  const ofCatalog = catalog.keyPair();
  if (leaf === undefined || ofLedger === undefined) throw new RangeError('no leaves');
  const impostor = await startServerWith({ host: ledgerAddress, port: 19_080 }, ofLedger);
  const own = nextAddress();
  const capture = { bind: own, proxy: 15_001, ports: true };
  const metadata = { service: 'batch', namespace: 'shop', ports: [], address: own, inboundBind: own, capture };
  const access = { folder, xdsPort: server.xdsPort, rootPem };
  // It has nothing beside it.
  const batch = await startBareMember(access, 'batch-1', metadata, server.token('batch'));
  // A load that was void is sent again, by a test that begins anew.
  onTestFinished(async () => {
    impostor.close();
    await batch.kill();
  });

  const by = (host: string, service: string) => ({ host, port: 15_001, path: `http://${service}.shop/` });
  const at = (port: number) => ({ host: catalog.address, port: inboundPort(port) });
  const openHttp = () => openWorkload(at(9080), leaf, 'http1\n', 'GET / HTTP/1.1\r\nhost: catalog\r\n\r\n');
  const openBytes = () => openWorkload(at(9086), leaf, '220 ready\r\n');
  const doors = {
    'an HTTP port': () => opens(openHttp),
    'a TCP port': () => opens(openBytes),
    'the control plane': () => isTakenForProxy(server.xdsPort, ofCatalog),
    'a caller': async () => (await fetchOnce(by(frontend.address, 'ledger'))).status === 200,
  };
  const open = async () => {
    const all = await Promise.all(Object.entries(doors).map(async ([name, pass]) => ((await pass()) ? [name] : [])));
    return all.flat();
  };
  await eventually('all calls pass', async () => (await fetchOnce(by(own, 'catalog'))).status === 200, 20_000);
  expect(await open()).toEqual(Object.keys(doors));
  const loads = [
    startLoad(by(frontend.address, 'catalog'), requestsPerSecond),
    startLoad({ ...(await localPort(82)), http2: true }, requestsPerSecond),
    startLoad(by(own, 'catalog'), requestsPerSecond / 2),
  ];
  for (const load of loads) await load.more(requestsPerSecond);
  const before = await rotation();
  const held = await Promise.all([openHttp(), openBytes()]);
  const since = performance.now();
  const passed = () => (performance.now() - since) / 1_000;
  const ends: number[] = [];
  for (const [index, socket] of held.entries())
    socket.once('close', () => {
      ends[index] = passed();
    });
  expect((await weft('--compromised')).code).toBe(0);
  const isShut = async () => {
    expect(await open()).toEqual([]);
    return true;
  };
  await eventually('the old leaf opens nothing', isShut, 60_000, 250);
  const refusedAfter = passed();
  await eventually('the old root is gone', async () => (await rotation()).phase === 'steady', 60_000, 250);
  // The old root goes after 30 s; then what it let in is drained.
  await eventually(
    'what it had opened is ended',
    () => Object.keys(ends).length === held.length,
    drainTime * 1_000 + 15_000,
  );
  const [http = 0, bytes = 0] = ends;
  const later: string[] = [];
  for (let look = 0; look < 20; look += 1) later.push(...(await open()));
  for (const load of loads) await load.more(requestsPerSecond);
  const reports = await Promise.all(loads.map((load) => load.stop()));
  const sent = reports.reduce((sum, report) => sum + report.sent, 0);
  const failed = reports.reduce((sum, report) => sum + report.sent - report.succeeded, 0);
  console.log(
    `promise F10: an old leaf is refused ${refusedAfter.toFixed(1)} s after the word (bound 60 s) at ${Object.keys(doors).join(', ')}: ${later.length} of ${20 * Object.keys(doors).length} passed later; what it had opened ended after ${http.toFixed(1)} s (HTTP) and ${bytes.toFixed(1)} s (TCP; drain time ${drainTime} s), on the control plane's port it lasts up to 30 min; ${sent} sent meanwhile to weft run with a key of its own, by a sidecar with a key by SDS and by a bare Envoy, ${failed} failed; ${latenessOf(reports)}`,
  );
  const [left, ...more] = (await rotation()).roots;
  expect(more).toEqual([]);
  expect(before.roots.map(({ fingerprint }) => fingerprint)).not.toContain(left?.fingerprint);
  expect({ failures: reports.map(({ failures }) => failures), later }).toEqual({ failures: [{}, {}, {}], later: [] });
  expect(refusedAfter).toBeLessThan(60);
  expect(await counted('update_rejected', [batch.admin])).toBe(0);
}, 240_000);
