import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { freePort } from '../../src/sidecar/free-port.ts';
import { agedState } from '../support/aged-state.ts';
import { startApplication } from '../support/application.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { fetchOnce } from '../support/load.ts';
import { startInProcess } from '../support/run-in-process.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, nextAddress, serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

/** The repair as the page gives it: the one line of weft.yaml under its heading. */
const page = readFileSync(new URL('../../docs/operating-the-ca.md', import.meta.url), 'utf8');
const [, repair = ''] = /## When all has ended[\s\S]*?```yaml weft.yaml\n(.*?): true\n```/.exec(page) ?? [];

const folder = mkdtempSync(join(tmpdir(), 'weft-expired-'));
const stateDir = join(folder, 'state');
const stops: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

const policies = { 'mesh.yaml': mutualTlsYaml('STRICT'), 'catalog.yaml': serviceYaml('catalog') };
const start = (more: object = {}): Promise<TestMesh> => startTestMesh({ policies, settings: { stateDir, ...more } });

test('F11 all has ended: the control plane refuses to start, the documented repair makes a new root, and weft run with a new token is served', async () => {
  const oldToken = await agedState(stateDir, -365 * 86_400_000, 'catalog');
  const refused = await start().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refused).toMatchObject({
    code: 'WEFT0909',
    message: expect.stringContaining('the root certificate has ended'),
    hint: expect.stringContaining(`set ${repair}: true`),
  });

  const mesh = await start({ [repair]: true });
  stops.push(() => mesh.close());
  const { controlPlane } = mesh;
  const { xdsPort, adminPort, fingerprint } = controlPlane();
  const told = new RegExp(
    `^the root [0-9a-f]{16} ended at .*, and the new root ${fingerprint.slice(0, 16)} takes its place`,
  );
  const warned = mesh.log
    .filter((line) => line.includes('WEFT0302'))
    .map((line): { level: number; msg: string; hint: string } => JSON.parse(line));
  expect(warned).toMatchObject([{ level: 40, msg: expect.stringMatching(told) }]);
  expect(warned[0]?.hint).toContain('weft token create');
  const audit = readFileSync(join(stateDir, 'audit.log'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): { what: string; about?: string; words?: string } => JSON.parse(line));
  expect(audit.filter(({ what }) => what === 'root')).toMatchObject([
    { about: `root ${fingerprint.slice(0, 16)}`, words: expect.stringMatching(told) },
  ]);
  expect(audit.some(({ what, about }) => what === 'issue' && about === `root ${fingerprint.slice(0, 16)}`)).toBe(true);

  // Weft run with a token of the old root is told what to do, and does that.
  const envoy = await envoyPath();
  const address = nextAddress();
  const application = await startApplication({ address, port: 9080 }, 'catalog');
  stops.push(() => application.close());
  const serving = ['--service', 'catalog', '--port', '9080', '--application-address', address];
  const where = [...serving, '--inbound-bind', address, '--address', address, '--bind', address];
  const run = async (name: string, token: string, words: readonly string[]) => {
    const own = join(folder, name);
    mkdirSync(own, { mode: 0o700 });
    writeFileSync(join(own, 'token'), token, { mode: 0o600 });
    const outbound = await freePort();
    const flags = ['--token-file', join(own, 'token'), '--outbound-port', String(outbound)];
    const started = startInProcess({ folder: own, envoy, xdsPort, words: [...words, ...flags] });
    stops.push(() => started.stop());
    return { ...started, outbound };
  };
  const late = await run('late', oldToken, where);
  expect(await late.code).not.toBe(0);
  expect(late.said.stderr).toMatch(/WEFT0915.*its root is sha256/s);
  expect(late.said.stderr).toContain('replaced');
  expect(late.said.stderr).toContain('make a new token there: weft token create');

  const token = async (service: string) => {
    const words = ['token', 'create', '--service', service, '-n', 'shop', '--cidr', '127.0.0.0/8'];
    const at = ['--cp', `http://127.0.0.1:${adminPort}`, '--token-file', join(stateDir, 'operator.token')];
    const { code, stdout, stderr } = await runVerb([...words, ...at], { cwd: folder });
    expect(code, stderr).toBe(0);
    return stdout;
  };
  const callee = await run('catalog', await token('catalog'), where);
  await callee.ready();
  const host = nextAddress();
  const caller = await run('frontend', await token('frontend'), ['--service', 'frontend', '--bind', host]);
  await caller.ready();
  await mesh.synced();
  const { status } = await fetchOnce({ host, port: caller.outbound, path: 'http://catalog.shop/' });
  expect(status).toBe(200);

  // A root that is good is never replaced, whether or not the setting is still there.
  await mesh.restartControlPlane();
  expect(controlPlane().fingerprint).toBe(fingerprint);
  console.log(
    'promise F11: all ended a year ago: refused with the repair (WEFT0909); repaired: 1 new root, told in log and audit; an old token refused (WEFT0915), new ones: 200',
  );
}, 90_000);
