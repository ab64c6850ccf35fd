import { createPrivateKey } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '../../src/sidecar/free-port.ts';
import { type Application, startApplication } from '../support/application.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { meshTls, peerCertificate } from '../support/mesh-client.ts';
import { type InProcessRun, startInProcess } from '../support/run-in-process.ts';
import { formsOfKey } from '../support/secret-forms.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

let envoy: string;
let client: Member;
let applications: Application[] = [];
let runs: InProcessRun[] = [];

const mesh = useTestMesh(
  () => ({
    policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'catalog.yaml': serviceYaml('catalog') },
    // Renewed at half-life: every 6 seconds or so.
    settings: { 'certificates.leafLifetime': 12_000, 'certificates.allowShortLives': true },
  }),
  async (started) => {
    envoy = await envoyPath();
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);

afterEach(async () => {
  await Promise.all(runs.map((run) => run.stop()));
  await Promise.all(applications.map((application) => application.close()));
  [runs, applications] = [[], []];
});

/** A token that is spent by joining; the file that holds it. */
async function spendable(uses = 1): Promise<{ readonly file: string; readonly id: string }> {
  const { tokens } = mesh().controlPlane().values;
  const { token, secret } = await tokens.create({
    service: 'catalog',
    namespace: 'shop',
    uses,
    cidrs: ['127.0.0.0/8'],
  });
  const file = join(mesh().folder, `${token.id}.token`);
  writeFileSync(file, secret.expose(), { mode: 0o600 });
  return { file, id: token.id };
}

async function start(folder: string, tokenFile: string, more: readonly string[] = []) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const run = startInProcess({
    folder,
    envoy,
    xdsPort: mesh().controlPlane().xdsPort,
    words: ['--service', 'catalog', '--token-file', tokenFile, '--outbound-port', String(await freePort()), ...more],
  });
  runs.push(run);
  return run;
}

async function serve() {
  const address = mesh().nextAddress();
  const application = await startApplication({ address, port: 9080 }, 'catalog');
  applications.push(application);
  const words = ['--port', '9080', '--application-address', address, '--inbound-bind', address, '--address', address];
  return { address, words: [...words, '--bind', address] };
}

/** Where its key lies, below the state folder that the run was given. */
function identityOf(folder: string): string {
  const base = join(folder, 'kept/weft');
  const [meshName = ''] = readdirSync(base);
  return join(base, meshName, 'catalog-1.shop');
}

/** All files below a folder. */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test('weft run keeps its key: a CSR goes out, a certificate comes back, the token is spent, and a restart needs none (T3, T6)', async () => {
  const folder = join(mesh().folder, 'a');
  const { address, words } = await serve();
  const { file, id } = await spendable();
  const run = await start(folder, file, words);
  await run.ready();
  const own = identityOf(folder);
  expect(statSync(own).mode & 0o777).toBe(0o700);
  expect(statSync(join(own, 'current/key.pem')).mode & 0o777).toBe(0o600);
  await mesh().synced();
  expect((await fetchOnce({ host: client.address, port: mesh().localPort('catalog', 80) })).status).toBe(200);

  // On the wire to callers: the certificate of that key.
  const svid = await mesh().certificate('frontend');
  const shown = async () => {
    const socket = await meshTls({ host: address, port: 19_080 }, svid);
    const certificate = peerCertificate(socket);
    socket.destroy();
    return certificate;
  };
  const key = createPrivateKey(readFileSync(join(own, 'current/key.pem'), 'utf8'));
  const first = await shown();
  expect(first.checkPrivateKey(key)).toBe(true);
  expect(first.subjectAltName).toBe('URI:spiffe://demo.mesh/ns/shop/sa/catalog');

  // The token is spent, for others and for another name.
  expect(
    mesh()
      .controlPlane()
      .values.tokens.list()
      .find((token) => token.id === id)?.uses,
  ).toBe(0);
  const thief = await start(join(mesh().folder, 'thief'), file, ['--name', 'catalog-2']);
  expect(await thief.code).not.toBe(0);
  expect(thief.said.stderr).toMatch(/WEFT0203.*token \w+ \(.*\) has been joined with: its one use is spent/s);

  // The next certificate has another key, nothing fails meanwhile.
  const load = startLoad({ host: client.address, port: mesh().localPort('catalog', 80) }, 50);
  const before = readlinkSync(join(own, 'current'));
  await eventually('it was renewed', () => readlinkSync(join(own, 'current')) !== before, 30_000, 100);
  await eventually(
    'callers are shown the next',
    async () => (await shown()).serialNumber !== first.serialNumber,
    10_000,
  );
  const { sent, failures } = await load.stop();
  const renewed = createPrivateKey(readFileSync(join(own, 'current/key.pem'), 'utf8'));
  expect(renewed.equals(key)).toBe(false);
  expect(failures).toEqual({});

  // The control plane has neither key: nowhere in its state, its answers, its log, and in no Envoy's dump.
  const needles = [key, renewed].flatMap((each) =>
    formsOfKey(each.export({ type: 'pkcs8', format: 'pem' }).toString()),
  );
  expect(needles.length).toBeGreaterThanOrEqual(14);
  const { values } = mesh().controlPlane();
  const texts = [
    ...filesBelow(join(mesh().folder, 'state')).map((name) => readFileSync(name, 'latin1')),
    JSON.stringify(values.certificates()),
    JSON.stringify(values.audit()),
    await mesh().report(),
    mesh().log.join('\n'),
    run.said.stdout,
    run.said.stderr,
  ];
  expect(texts.filter((text) => needles.some((needle) => text.includes(needle)))).toEqual([]);
  console.log(`promise T6: 2 keys of weft run, ${needles.length} forms of them in ${texts.length} texts: 0 found`);

  // Stopped and started again with the spent token.
  expect(await run.stop()).toBe(0);
  const again = await start(folder, file, words);
  await again.ready();
  expect((await fetchOnce({ host: client.address, port: mesh().localPort('catalog', 80) })).status).toBe(200);
  console.log(`${sent} requests while the certificate was renewed, 0 failed`);

  // Who joined with a token that is revoked is out.
  await values.tokens.revoke(id);
  await eventually('it hears why', () => /was revoked/.test(again.said.stderr), 20_000);
  const acts = values.audit().map(({ what, result }) => `${what} ${result}`);
  for (const act of [
    'token done',
    'enrol done',
    'enrol refused',
    'renew done',
    'join done',
    'leave done',
    'revoke done',
    'join refused',
  ])
    expect(acts).toContain(act);
}, 60_000);
