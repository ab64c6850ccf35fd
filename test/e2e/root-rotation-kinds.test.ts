import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { RotationStatus } from '../../src/model/rotation-status.ts';
import { freePort } from '../../src/sidecar/free-port.ts';
import { type Application, startApplication } from '../support/application.ts';
import { type BareMember, startBareMember } from '../support/bare-member.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';
import { startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { meshTls } from '../support/mesh-client.ts';
import { type InProcessRun, startInProcess } from '../support/run-in-process.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/*
 * A change of root as each kind of proxy lives through it (F9): one whose key is its own (weft run), one that gets its key by SDS, and an
 * Envoy with nothing beside it, which knows the control plane by what its bootstrap says.
 */

let catalog: Application;
let run: InProcessRun;
let client: Member;
let bare: BareMember;
let address = '';

/** A new connection, and so a handshake, for each request. */
const connectionEach = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog, namespace: shop }
spec: { host: catalog, trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 1 } } } }
`;

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'catalog.yaml': serviceYaml('catalog'),
      'connections.yaml': connectionEach,
    },
  }),
  async (started) => {
    address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    const { tokens } = started.controlPlane().values;
    const words = { services: ['catalog'] as const, namespace: 'shop', uses: 1, cidrs: ['127.0.0.0/8'] };
    const { secret } = await tokens.create(words);
    const folder = join(started.folder, 'own');
    mkdirSync(folder, { mode: 0o700 });
    const file = join(folder, 'token');
    writeFileSync(file, secret.expose(), { mode: 0o600 });
    const places = ['--application-address', '--inbound-bind', '--address', '--bind'].flatMap((flag) => [
      flag,
      address,
    ]);
    const flags = ['--service', 'catalog', '--token-file', file, '--port', '9080', ...places];
    const { xdsPort, rootPem } = started.controlPlane();
    run = startInProcess({
      folder,
      envoy: await envoyPath(),
      xdsPort,
      words: [...flags, '--outbound-port', String(await freePort())],
    });
    await run.ready();
    client = await started.join({ service: 'frontend' });
    const own = started.nextAddress();
    const metadata = {
      service: 'batch',
      namespace: 'shop',
      ports: [],
      address: own,
      inboundBind: own,
      capture: { bind: own, proxy: 15_001, ports: true },
    };
    const token = await started.token('batch');
    bare = await startBareMember({ folder: started.folder, xdsPort, rootPem }, 'batch-1', metadata, token);
    await started.synced();
  },
);
afterAll(async () => {
  await Promise.all([run?.stop(), bare?.kill()]);
  await catalog?.close();
});

async function rotate(...words: readonly string[]) {
  const api = `http://127.0.0.1:${mesh().controlPlane().adminPort}`;
  const token = join(mesh().folder, 'state/operator.token');
  const asked = ['cert', 'rotate', '--root', ...words, '--cp', api, '--token-file', token];
  return runVerb(asked, { cwd: mesh().folder });
}

async function status(): Promise<RotationStatus> {
  const { stdout } = await rotate('-o', 'json');
  const parsed: RotationStatus = JSON.parse(stdout);
  return parsed;
}

/** A step that must be taken, once everybody has shown that it may be. */
async function taken(step: string): Promise<RotationStatus> {
  const { code, said } = await rotate('--step', step, '--wait', '--timeout', '40s');
  expect(code, `${step}: ${said}`).toBe(0);
  return status();
}

test('F9: abort works after prepare and after activate; own keys follow; finish names the Envoy that would be left behind', async () => {
  const [first] = (await status()).roots;
  const load = startLoad({ host: client.address, port: mesh().localPort('catalog', 80) }, 40);
  const only = (one: RotationStatus) => one.roots.map(({ fingerprint }) => fingerprint);

  expect((await taken('prepare')).phase).toBe('prepared');
  const afterPrepare = await taken('abort');
  expect(afterPrepare.phase).toBe('steady');
  expect(only(afterPrepare)).toEqual([first?.fingerprint]);

  await taken('prepare');
  expect((await taken('activate')).phase).toBe('activated');
  expect((await taken('abort')).phase).toBe('returning');
  const afterActivate = await taken('finish');
  expect(afterActivate.phase).toBe('steady');
  expect(only(afterActivate)).toEqual([first?.fingerprint]);

  const prepared = await taken('prepare');
  const next = only(prepared).find((each) => each !== first?.fingerprint);
  await taken('activate');
  const waiting = await eventually(
    'only the Envoy without a sidecar is awaited',
    async () => {
      const now = await status();
      return now.pending.length === 1 && now;
    },
    60_000,
    250,
  );
  expect(waiting.pending).toEqual([
    { proxy: 'batch-1.shop', reason: expect.stringContaining('write it again (weft bootstrap)') },
  ]);
  const refused = await rotate('--step', 'finish');
  expect(refused.code).not.toBe(0);
  expect(refused.said).toMatch(/WEFT0306.*batch-1\.shop/s);
  await bare.kill();
  const done = await eventually(
    'it is not awaited any more',
    async () => (await rotate('--step', 'finish')).code === 0 && (await status()),
    60_000,
    500,
  );
  expect(done.phase).toBe('steady');
  expect(only(done)).toEqual([next]);

  // Who has its own key shows a certificate under the new root to whoever knows that one alone.
  const to = { host: address, port: 19_080 };
  const socket = await meshTls(to, await mesh().certificate('frontend'), {
    rejectUnauthorized: true,
    ca: mesh().controlPlane().rootPem,
    checkServerIdentity: () => undefined,
  });
  expect(socket.authorized).toBe(true);
  socket.destroy();
  await load.more(80);
  const { sent, succeeded, failures } = await load.stop();
  const stats = await client.stats('\\.ssl\\.fail_verify_[a-z_]+$');
  const verifyErrors = [...stats.values()].reduce((sum, value) => sum + value, 0);
  console.log(
    `promise F9: 3 changes of root, 2 of them taken back, with an own key, a key by SDS and a bare Envoy: ${sent} sent, ${sent - succeeded} failed, ${verifyErrors} verify errors`,
  );
  expect(failures).toEqual({});
  expect(verifyErrors).toBe(0);
}, 240_000);
