import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import type { Svid } from '../../src/ca/svid.ts';
import type { RotationStatus } from '../../src/model/rotation-status.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { freePort } from '../../src/sidecar/free-port.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { type Application, startApplication } from '../support/application.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';
import { startLoad } from '../support/load.ts';
import { type JoinOptions, type Member, memberReport, startMember } from '../support/member.ts';
import { exchange, meshTls } from '../support/mesh-client.ts';
import { createPolicyFolder, type PolicyFolder } from '../support/policy-folder.ts';
import { type InProcessRun, startInProcess } from '../support/run-in-process.ts';
import { runWeft, type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { mutualTlsYaml, nextAddress, serviceYaml } from '../support/test-mesh.ts';

/*
 * The steps of docs/trust-domains.md, taken from the page itself: its blocks are written into the files that they name and its commands
 * are run, while a caller calls. The page says old.mesh where the mesh of tests is demo.mesh. In the long form the called workload keeps
 * its own key.
 */

const isLong = process.env.WEFT_LONG !== undefined;

const page = await readFile(new URL('../../docs/trust-domains.md', import.meta.url), 'utf8');
/** The blocks of a step, in their order: what they are (a file, or `bash`), and what stands in them. */
function blocksOf(step: number): readonly { readonly of: string; readonly text: string }[] {
  const text = page.split(/^\*\*\d\. /m)[step] ?? '';
  return [...text.matchAll(/^```(?:yaml )?(\S+)\n([\s\S]*?)^```$/gm)].map(([, of = '', body = '']) => ({
    of,
    text: body.replaceAll('old.mesh', 'demo.mesh'),
  }));
}

let folder: string;
let repository: PolicyFolder;
let server: ServerProcess;
let client: Member;
let catalog: Application;
let called: { stop(): Promise<unknown> };
const address = nextAddress();

const allow = (principal: string) => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: catalog, namespace: shop }
spec:
  selector: { matchLabels: { app: catalog } }
  rules: [{ from: [{ source: { principals: [${principal}] } }] }]
`;
/** A handshake for each request. */
const connectionEach = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog, namespace: shop }
spec: { host: catalog, trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 1 } } } }
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-e2e-'));
  repository = await createPolicyFolder(folder, {
    'mesh.yaml': mutualTlsYaml('STRICT'),
    'catalog.yaml': serviceYaml('catalog'),
    'connections.yaml': connectionEach,
    'shop/allow.yaml': allow('demo.mesh/ns/shop/sa/frontend'),
  });
  server = await startServerProcess(folder, ['catalog', 'frontend']);
  catalog = await startApplication({ address, port: 9080 }, 'catalog');
  called = isLong ? await runWithOwnKey() : await joinCalled();
  client = await member({ service: 'frontend', address: nextAddress() });
}, 120_000);

async function member(joining: JoinOptions & { readonly address: string }): Promise<Member> {
  const access = { folder, xdsPort: server.xdsPort, rootPem: server.rootPem };
  const started = await startMember(access, { ...joining, token: server.token(joining.service) });
  await started.sidecar.ready;
  return started;
}

async function joinCalled() {
  const { sidecar } = await member({ service: 'catalog', address, ports: [{ port: 9080 }] });
  return { stop: () => sidecar.kill() };
}

/** A workload that keeps its own key hears every 20 s at the latest that it is to renew. */
async function runWithOwnKey(): Promise<InProcessRun> {
  const tokenFile = join(folder, 'catalog.token');
  await writeFile(tokenFile, server.token('catalog'), { mode: 0o600 });
  const own = join(folder, 'catalog');
  mkdirSync(own, { mode: 0o700 });
  const run = startInProcess({
    folder: own,
    envoy: await envoyPath(),
    xdsPort: server.xdsPort,
    words: [
      ...['--service', 'catalog', '--token-file', tokenFile, '--outbound-port', String(await freePort())],
      ...['--port', '9080', '--application-address', address, '--inbound-bind', address],
      ...['--address', address, '--bind', address],
    ],
  });
  await run.ready();
  return run;
}

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  console.error([await memberReport(client), '===== control plane', ...server.log.slice(-60)].join('\n'));
});

afterAll(async () => {
  await called?.stop();
  await client?.sidecar.kill();
  await server?.kill();
  await catalog?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Does what the blocks of a step say. */
async function follow(step: number): Promise<void> {
  const blocks = blocksOf(step);
  expect(blocks.length, `blocks of step ${step}`).toBeGreaterThan(0);
  for (const { of, text } of blocks) {
    if (of === 'bash') for (const line of text.trim().split('\n')) await type(line);
    else if (of === 'weft.yaml') await restartWith(text);
    else await repository.commit({ [of.replace(/^policies\//, '')]: text });
  }
}

/** A command of the page, as a person types it. */
async function type(line: string): Promise<void> {
  const api = (await readFile(join(folder, 'state/api-address'), 'utf8')).trim();
  const words = line.split(' ').slice(1);
  const credentials = ['--cp', api, '--token-file', 'state/operator.token'];
  // Each may be repeated: one that waits for longer than a test command may run is.
  await eventually(
    line,
    async () => {
      const { code, said } = await runWeft(folder, ...words, ...credentials);
      if (code !== 0) throw new Error(said);
      return true;
    },
    60_000,
  );
}

/** The control plane is started anew with these lines in place of those about the trust domain. */
async function restartWith(lines: string): Promise<void> {
  const file = join(folder, 'weft.yaml');
  const kept = (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => !/^(trustDomain|ca\.acceptFormer):/.test(line));
  await writeFile(file, `${lines}${kept.join('\n')}`);
  await server.kill();
  await server.start();
}

/** A certificate of the caller's account as the mesh was called at first, taken from the state of the CA. */
async function oldCertificate(): Promise<Svid> {
  const store = openFileStore(join(folder, 'state'));
  const authority = await openAuthority({ store, clock: systemClock, trustDomain: 'demo.mesh' });
  try {
    return authority.issue({ trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'frontend' });
  } finally {
    authority.dispose();
  }
}

async function answerTo(svid: Svid): Promise<string> {
  try {
    const socket = await meshTls({ host: address, port: 19_080 }, svid);
    const { received } = await exchange(socket, 'GET / HTTP/1.1\r\nhost: catalog\r\nconnection: close\r\n\r\n');
    // In TLS 1.3 a client that is refused hears of it after its own part of the handshake.
    return received === '' ? 'refused' : received.slice(9, 12);
  } catch {
    return 'refused';
  }
}

/** The names that caller and called show each other in the newest request. */
const shown = () => /By=([^;]*);.*URI=([^;]*)/.exec(String(catalog.lastHeaders()['x-forwarded-client-cert']))?.slice(1);
const names = (caller: string, called = caller) => [
  `spiffe://${called}/ns/shop/sa/catalog`,
  `spiffe://${caller}/ns/shop/sa/frontend`,
];
const become = (expected: readonly string[]) =>
  eventually(`the names are ${expected}`, () => String(shown()) === String(expected), 60_000);

test('a mesh moves from one trust domain to another under load: 0 failed (docs/trust-domains.md, P36, P43)', async () => {
  const load = startLoad({ host: client.address, port: client.proxyPort, path: 'http://catalog.shop/' }, 50);
  await load.more(50);
  expect(shown()).toEqual(names('demo.mesh'));
  const old = await oldCertificate();
  expect(await answerTo(old)).toBe('200');

  await follow(1);
  await load.more(50);
  expect(shown()).toEqual(names('demo.mesh'));

  await follow(2);
  await become(names('new.mesh'));
  await load.more(50);
  expect(await answerTo(old)).toBe('200');

  await follow(3);
  await load.more(50);
  const { roots } = (await server.admin('/api/v1/certificates/rotation')) as RotationStatus;
  expect(roots.map(({ trustDomain }) => trustDomain)).toEqual(['new.mesh']);
  expect(await answerTo(old)).toBe('refused');

  await repository.commit({
    'meshconfig.yaml': undefined,
    'shop/allow.yaml': allow('new.mesh/ns/shop/sa/frontend'),
  });
  await type('weft status --wait');
  await follow(4);
  await load.more(50);
  await type('weft status --wait');
  await load.more(50);
  expect(shown()).toEqual(names('new.mesh'));
  const { sent, succeeded, failures } = await load.stop();
  console.log(`promise P36: a trust domain renamed: ${sent} sent, ${sent - succeeded} failed`);
  expect(failures).toEqual({});
}, 240_000);
