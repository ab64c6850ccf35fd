import { execFile } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, expect, test } from 'vitest';
import { freePort } from '../../src/sidecar/free-port.ts';
import { fingerprintsOf } from '../../src/sidecar/known-roots.ts';
import { type Application, startApplication } from '../support/application.ts';
import { startCuttingWay } from '../support/cutting-way.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { meshTls, peerCertificate } from '../support/mesh-client.ts';
import { type InProcessRun, startInProcess } from '../support/run-in-process.ts';
import { runVerb } from '../support/run-verb.ts';
import { formsOfKey } from '../support/secret-forms.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

let envoy: string;
let client: Member;
let applications: Application[] = [];
let runs: InProcessRun[] = [];

/** T19: what anybody may do by the umask, nobody may. */
const umask = process.umask(0);
afterAll(() => process.umask(umask));

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
    services: ['catalog'],
    namespace: 'shop',
    uses,
    cidrs: ['127.0.0.0/8'],
  });
  const file = join(mesh().folder, `${token.id}.token`);
  writeFileSync(file, secret.expose(), { mode: 0o600 });
  return { file, id: token.id };
}

async function start(
  folder: string,
  tokenFile: string,
  more: readonly string[] = [],
  xdsPort = mesh().controlPlane().xdsPort,
) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const run = startInProcess({
    folder,
    envoy,
    xdsPort,
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
function identityOf(folder: string, name = 'catalog-1'): string {
  const base = join(folder, 'kept/weft');
  const [meshName = ''] = readdirSync(base);
  return join(base, meshName, `${name}.shop`);
}

/** All files below a folder. */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** What below these folders anybody but its owner could read or write, and how much there is. */
function openToOthers(...folders: readonly string[]) {
  const all = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => join(entry.parentPath, entry.name)),
  );
  const looked = all.map((path) => ({ path, stats: lstatSync(path) })).filter(({ stats }) => !stats.isSymbolicLink());
  const open = looked.filter(({ stats }) => (stats.mode & 0o077) !== 0).map(({ path }) => path);
  return { count: looked.length, open };
}

/** Where the operator's verbs ask. */
function asOperator(): readonly string[] {
  const api = `http://127.0.0.1:${mesh().controlPlane().adminPort}`;
  return ['--cp', api, '--token-file', join(mesh().folder, 'state/operator.token')];
}

test('weft run keeps its key: a CSR goes out, a certificate comes back, and again where it was lost; the token is spent, and a restart needs none; nothing is open to others under umask 000 (T3, T6, T19)', async () => {
  const folder = join(mesh().folder, 'a');
  const { address, words } = await serve();
  const { file, id } = await spendable();
  const left = () =>
    mesh()
      .controlPlane()
      .values.tokens.list()
      .find((token) => token.id === id)?.uses;
  let lost = 0;
  const way = await startCuttingWay(mesh().controlPlane().xdsPort, () => {
    if (left() !== 0 || lost > 0) return false;
    lost += 1;
    return true;
  });
  const run = await start(folder, file, words, way.port);
  await run.ready();
  expect([lost, run.said.stderr]).toEqual([1, expect.stringMatching(/WEFT0901 control plane .* did not answer/)]);
  const own = identityOf(folder);
  expect(readdirSync(own)).not.toContain('asking.pem');
  expect(statSync(own).mode & 0o777).toBe(0o700);
  expect(statSync(join(own, 'current/key.pem')).mode & 0o777).toBe(0o600);
  await mesh().synced();
  expect((await fetchOnce({ host: client.address, port: mesh().localPort('catalog', 80) })).status).toBe(200);

  // Under umask 000: the state of a control plane that runs, what weft run keeps and writes for its Envoy, and a token in a file.
  const tokenFile = join(folder, 'made.token');
  const create = ['token', 'create', '--service', 'catalog', '-n', 'shop', '-o', 'file', ...asOperator()];
  const main = resolve(import.meta.dirname, '../../dist/cli/main.js');
  await promisify(execFile)(
    '/bin/sh',
    ['-c', 'umask 000; "$@" > made.token', 'sh', process.execPath, main, ...create],
    {
      cwd: folder,
    },
  );
  expect(statSync(tokenFile).mode & 0o777).toBe(0o600);
  expect(readdirSync(own)).toEqual(expect.arrayContaining(['current', 'roots.pem', 'control-plane.json']));
  const [kept, runtime] = [join(folder, 'kept/weft'), join(folder, 'weft')];
  expect(filesBelow(runtime).some((name) => name.endsWith('/envoy.json'))).toBe(true);
  const { count, open } = openToOthers(join(mesh().folder, 'state'), kept, runtime);
  expect(open).toEqual([]);
  console.log(
    `promise T19: ${count} files and folders of a running state dir and a running weft run, 1 token in a file, all under umask 000: 0 open to others`,
  );

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
  expect(left()).toBe(0);
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
  way.close();
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

test('of two that want the same port and start together one joins; the other has spent nothing, and is told', async () => {
  const { words } = await serve();
  const tokens = [await spendable(), await spendable()];
  const left = () =>
    tokens.map(
      ({ id }) =>
        mesh()
          .controlPlane()
          .values.tokens.list()
          .find((token) => token.id === id)?.uses,
    );
  const started = await Promise.all(
    tokens.map(({ file }, index) =>
      start(join(mesh().folder, `port-${index}`), file, [
        ...words,
        '--inbound-port',
        '19080',
        '--capture',
        'none',
        '--name',
        `catalog-port-${index}`,
      ]),
    ),
  );
  const first = await Promise.race(started.map(({ code }, index) => code.then((ended) => ({ ended, index }))));
  const [winner, loser] = [started[1 - first.index], started[first.index]];
  expect(first.ended).toBe(2);
  expect(loser?.said.stderr).toContain('WEFT0910 another weft run has port 19080');
  expect(loser?.said.stderr).toMatch(/fix {4}choose another with --inbound-port, or stop that one/);
  await winner?.ready();
  expect(left()[first.index]).toBe(1);
  expect(left()[1 - first.index]).toBe(0);
}, 40_000);

test('F9 weft run that slept through a whole rotation of the root is refused with the repair, and is served with a new token', async () => {
  const sleeper = async (name: string) => {
    const [folder, token] = [join(mesh().folder, name), await spendable()];
    const { words } = await serve();
    const roots = () => fingerprintsOf(readFileSync(join(identityOf(folder, name), 'roots.pem'), 'utf8'));
    return { roots, run: () => start(folder, token.file, [...words, '--name', name]) };
  };
  const rotated = async (step: string) => {
    const words = ['cert', 'rotate', '--root', '--step', step, '--wait', '--timeout', '40s', ...asOperator()];
    const { code, said } = await runVerb(words, { cwd: mesh().folder });
    expect(code, said).toBe(0);
  };
  const [throughAll, fromPrepare] = [await sleeper('catalog-all'), await sleeper('catalog-prepare')];
  const first = await throughAll.run();
  await first.ready();
  expect(await first.stop()).toBe(0);
  const second = await fromPrepare.run();
  await second.ready();
  await mesh().synced();
  await rotated('prepare');
  await eventually('it has heard of the new root', () => fromPrepare.roots().length === 2);
  expect(await second.stop()).toBe(0);
  await rotated('activate');
  await rotated('finish');

  // It knows the old root alone: nothing is sent to who shows another one.
  const late = await throughAll.run();
  expect(await late.code).toBe(2);
  expect(late.said.stderr).toMatch(/WEFT0915 .*its root is sha256:.*make a new token there: weft token create/s);
  // It has heard of the new root, and its certificate is of the old one.
  const known = await fromPrepare.run();
  expect(await known.code).toBe(2);
  expect(known.said.stderr).toMatch(/WEFT0203 .*its one use is spent.*fix {4}weft token create/s);

  const { words } = await serve();
  const fresh = await start(join(mesh().folder, 'catalog-all'), (await spendable()).file, [
    ...words,
    '--name',
    'catalog-all',
  ]);
  await fresh.ready();
  await mesh().synced();
  expect((await fetchOnce({ host: client.address, port: mesh().localPort('catalog', 80) })).status).toBe(200);
  console.log(
    'promise F9: 2 of weft run slept through a root rotation, one from prepare on: refused (WEFT0915, WEFT0203) with the command; with a new token: 200',
  );
}, 120_000);
