import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AnswerProxy, RouteAnswer } from '../../src/model/route-answer.ts';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { ledgerYaml, narrowEnvoy, tooLargeRegex } from '../support/narrow-envoy.ts';
import { runVerb } from '../support/run-verb.ts';
import { nextAddress, serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

/*
 * What is decided for a call is not what becomes of it where a proxy of the caller refused that: `weft route` says so, and what the
 * proxy does instead. Each answer is held against a request through that very proxy.
 */

const rule = (name: string, match = '') =>
  `    - { name: ${name}, ${match}headers: { response: { set: { x-rule: ${name} } } }, route: [{ destination: { host: ledger.internal } }] }\n`;
const routes = (...rules: readonly string[]) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ledger, namespace: bank }
spec:
  hosts: [ledger.internal]
  http:
${rules.join('')}`;
const tooLarge = rule('wide', `match: [{ uri: { regex: '${tooLargeRegex}' } }], `);

const nobodyMay = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: nobody, namespace: shop }
spec: { action: DENY, selector: { matchLabels: { app: frontend } }, rules: [{}] }
`;
const rootsNowhere = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ledger, namespace: bank }
spec:
  host: ledger.internal
  trafficPolicy: { tls: { mode: SIMPLE, caCertificates: /nowhere/roots.pem, subjectAltNames: [ledger.internal] } }
`;

let mesh: TestMesh;
let ledger: Application;
let web: Application;
let portal: Member;
let frontend: Member;

beforeAll(async () => {
  const address = nextAddress();
  ledger = await startApplication({ address, port: 9080 }, 'ledger');
  mesh = await startTestMesh({ policies: { 'ledger.yaml': ledgerYaml(address), 'route.yaml': routes(rule('old')) } });
  portal = await mesh.join({ service: 'portal', namespace: 'bank', envoyFlags: narrowEnvoy });
  const own = nextAddress();
  web = await startApplication({ address: own, port: 9080 }, 'frontend');
  frontend = await mesh.join({ service: 'frontend', address: own, ports: [{ port: 9080, name: 'http' }] });
  await mesh.synced();
});
afterAll(async () => {
  await ledger.close();
  await web.close();
  // These Envoys are meant to refuse.
  await mesh.close({ checkRejected: false });
});

const ask = (...words: readonly string[]) =>
  runVerb(['route', '--cp', `http://127.0.0.1:${mesh.controlPlane().adminPort}`, ...words], { cwd: mesh.folder });

async function answered(...words: readonly string[]): Promise<{ readonly code: number; readonly said: RouteAnswer }> {
  const { code, stdout, stderr } = await ask('-o', 'json', ...words);
  expect(stderr).toBe('');
  return { code, said: JSON.parse(stdout) };
}

const called = async ({ address, proxyPort }: Member) =>
  (await fetchOnce({ host: address, port: proxyPort, path: 'http://ledger.internal/reviews/7' })).headers['x-rule'];
const question = ['--to', 'ledger.internal', '--path', '/reviews/7'];
const names = ['out_bank_ledger~internal_80', 'out_proxy/out_bank_ledger~internal_80'];
const sorted = (list: readonly AnswerProxy[] = []) =>
  [...list].sort((a, b) => ((a.resource ?? '') < (b.resource ?? '') ? -1 : 1));

test('a rule that a proxy of the caller refused is no good answer: what it does instead is told, by line', {
  timeout: 60_000,
}, async () => {
  const good = mesh.controlPlane().policies.get().served?.revision.commit ?? '';
  const held = await answered('--from', 'portal-1.bank', ...question);
  expect([held.code, held.said.route, held.said.proxies]).toEqual([
    0,
    'VirtualService/bank/ledger[old]',
    { connected: 1, otherwise: [] },
  ]);
  expect(await called(portal)).toBe('old');

  await mesh.commit({ 'route.yaml': routes(tooLarge, rule('new')) });
  await eventually('both forms of the rule are refused', async () => {
    const { said } = await answered('--from', 'portal-1.bank', ...question);
    return said.proxies?.otherwise.filter(({ state }) => state === 'refused').length === 2;
  });
  const { code, said } = await answered('--from', 'portal-1.bank', ...question);
  expect([code, said.outcome, said.route]).toEqual([1, 'forward', 'VirtualService/bank/ledger[wide]']);
  expect(sorted(said.proxies?.otherwise).map(({ type, resource }) => [type, resource])).toEqual([
    ['RDS', names[0]],
    ['VHDS', names[1]],
  ]);
  for (const one of said.proxies?.otherwise ?? [])
    expect(one).toMatchObject({
      proxy: 'portal-1.bank',
      state: 'refused',
      held: expect.any(String),
      instead: {
        commit: good,
        outcome: 'forward',
        route: 'VirtualService/bank/ledger[old]',
        by: { file: 'policies/route.yaml', line: 7 },
        clusters: ['out_bank_ledger~internal_80'],
      },
      refusal: {
        message: expect.stringContaining('RE2 program size'),
        by: 'portal-1.bank',
        source: { file: 'policies/route.yaml', ref: 'VirtualService/bank/ledger' },
      },
    });
  expect(await called(portal)).toBe('old');

  // As text: no check mark stands before the rule.
  const { code: exit, stdout } = await ask('--from', 'portal-1.bank', ...question);
  expect(exit).toBe(1);
  const [, result = '', otherwise = ''] = stdout.split(/^(?:result|held otherwise)$/m);
  expect(result).toMatch(/^ {2}(×|x) VirtualService\/bank\/ledger\[wide\] +policies\/route\.yaml:7$/m);
  expect(result).toContain('- not everywhere: see "held otherwise"');
  expect(otherwise).toMatch(/(×|x) RDS out_bank_ledger~internal_80: portal-1\.bank refused it: .*RE2 program size/);
  expect(otherwise).toMatch(
    new RegExp(
      `portal-1\\.bank: as of ${good.slice(0, 8)}, VirtualService/bank/ledger\\[old\\] +policies/route\\.yaml:7$`,
      'm',
    ),
  );

  // Of the service, and of any caller of that namespace, it is this proxy, too; whoever is of another namespace took it.
  for (const from of [
    ['--from', 'portal.bank'],
    ['-n', 'bank', '--from', 'portal'],
    ['--from', 'portal-1'],
    ['-n', 'bank'],
  ]) {
    const again = await answered(...from, ...question);
    expect([again.code, again.said.proxies?.connected, again.said.proxies?.otherwise.length]).toEqual([1, 1, 2]);
  }
  const other = await answered('--from', 'frontend-1.shop', ...question);
  expect([other.code, other.said.route, other.said.proxies]).toEqual([
    0,
    'VirtualService/bank/ledger[wide]',
    { connected: 1, otherwise: [] },
  ]);
  expect(await called(frontend)).toBe('wide');
  // A call that no refused rule decides rests on the same resource, which is kept back whole.
  const beside = await answered('--from', 'portal-1.bank', '--to', 'ledger.internal');
  expect([beside.code, beside.said.route]).toEqual([1, 'VirtualService/bank/ledger[new]']);
  const unconcerned = await answered('--from', 'portal-1.bank', '--to', 'elsewhere.example');
  expect(unconcerned.said.proxies).toEqual({ connected: 1, otherwise: [] });

  await mesh.apply({ 'route.yaml': routes(rule('new')) });
  const healed = await answered('--from', 'portal-1.bank', ...question);
  expect([healed.code, healed.said.route, healed.said.proxies?.otherwise]).toEqual([
    0,
    'VirtualService/bank/ledger[new]',
    [],
  ]);
  expect(await called(portal)).toBe('new');
});

test('a listener that one proxy cannot open is told for that proxy, which has nothing of that name', {
  timeout: 60_000,
}, async () => {
  await mesh.apply({ 'late.yaml': serviceYaml('late') });
  const port = mesh.localPort('late', 80);
  await mesh.apply({ 'late.yaml': undefined });
  await eventually('the listener is gone', async () => !(await frontend.admin.get('/listeners')).includes(`:${port}`));
  const squatter = createServer();
  squatter.listen(port, frontend.address);
  await once(squatter, 'listening');
  await mesh.commit({ 'late.yaml': serviceYaml('late') });
  const asked = () => answered('-n', 'shop', '--from', 'frontend-1', '--to', 'late');
  await eventually('the listener is refused', async () =>
    (await asked()).said.proxies?.otherwise.some(({ state }) => state === 'refused'),
  );
  const { said } = await asked();
  expect(said.proxies).toEqual({
    connected: 1,
    otherwise: [
      {
        proxy: 'frontend-1.shop',
        state: 'refused',
        type: 'LDS',
        resource: 'out_shop_late_80',
        refusal: expect.objectContaining({ message: expect.stringContaining('cannot bind'), by: 'frontend-1.shop' }),
      },
    ],
  });
  const { stdout } = await ask('-n', 'shop', '--from', 'frontend-1', '--to', 'late');
  expect(stdout).toContain('frontend-1.shop: nothing of that name');
  await new Promise((resolve) => squatter.close(resolve));
  mesh.controlPlane().values.release('out_shop_late_80');
  await eventually('the proxy has come again', async () => {
    const { said: now } = await asked();
    return now.proxies?.connected === 1 && now.proxies.otherwise.length === 0;
  });
  await mesh.synced();
  await mesh.apply({ 'late.yaml': undefined });
});

test('a policy that refuses the caller, and a secret that its proxy refused, are told with the rule: exit 1', {
  timeout: 60_000,
}, async () => {
  const toFrontend = ['--from', 'portal-1.bank', '--to', 'frontend.shop:9080'];
  const sent = async () =>
    (await fetchOnce({ host: portal.address, port: portal.proxyPort, path: 'http://frontend.shop:9080/' })).status;
  const allowed = await answered(...toFrontend);
  expect([allowed.code, allowed.said.authorization?.outcome, await sent()]).toEqual([0, 'allowed', 200]);
  await mesh.apply({ 'authz.yaml': nobodyMay });
  const { code, said } = await answered(...toFrontend);
  expect([code, said.outcome, said.authorization?.outcome, await sent()]).toEqual([1, 'forward', 'refused', 403]);
  expect((await ask(...toFrontend)).stdout).toMatch(
    /(×|x) refused \(403\) by ns\[shop\]-policy\[nobody\]-rule\[0\]: every call +policies\/authz\.yaml:4/,
  );
  await mesh.apply({ 'authz.yaml': undefined });

  const toLedger = ['--from', 'portal-1.bank', '--to', 'ledger.internal'];
  expect((await answered(...toLedger)).code).toBe(0);
  await mesh.commit({ 'tls.yaml': rootsNowhere });
  await eventually('the roots are refused', async () =>
    (await answered(...toLedger)).said.proxies?.otherwise.some(({ type }) => type === 'SDS'),
  );
  const refused = await answered(...toLedger);
  expect(refused.code).toBe(1);
  expect(refused.said.proxies?.otherwise.find(({ type }) => type === 'SDS')).toMatchObject({
    proxy: 'portal-1.bank',
    state: 'refused',
    resource: expect.stringMatching(/^rootfile_/),
    refusal: { message: expect.stringContaining('/nowhere/roots.pem') },
  });
  await mesh.commit({ 'tls.yaml': undefined });
  await eventually('the call is plaintext again', async () => (await answered(...toLedger)).code === 0);
  await mesh.synced();
});

test('a proxy that does not answer is told, and so is a caller that has none', { timeout: 60_000 }, async () => {
  const pid = portal.sidecar.pid() ?? 0;
  process.kill(pid, 'SIGSTOP');
  try {
    await mesh.commit({ 'route.yaml': routes(rule('newest')) });
    const asked = () => answered('--from', 'portal-1.bank', ...question);
    await eventually('it is silent for long', async () =>
      (await asked()).said.proxies?.otherwise.some(({ state }) => state === 'unanswered'),
    );
    const { code, said } = await asked();
    expect([code, said.route]).toEqual([0, 'VirtualService/bank/ledger[newest]']);
    const { stdout } = await ask('--from', 'portal-1.bank', ...question);
    expect(stdout).toMatch(/^ {2}(‼|!) VirtualService\/bank\/ledger\[newest\] /m);
    expect(stdout).toMatch(/sent, not answered for long, so nobody knows what they hold: portal-1\.bank/);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await mesh.synced();
  expect((await answered('--from', 'portal-1.bank', ...question)).said.proxies?.otherwise).toEqual([]);
  expect(await called(portal)).toBe('newest');

  const nobody = await answered('-n', 'vault', ...question);
  expect(nobody.said.proxies).toEqual({ connected: 0, otherwise: [] });
  expect(nobody.said.notes).toContain('no proxy of a caller in vault is connected: this is what one would be told');
});
