import { afterAll, expect, test } from 'vitest';
import type { AuthorizationReport } from '../../src/admin/authorization-window.ts';
import type { AuthorizationAnswer } from '../../src/model/authorization-answer.ts';
import type { PairCheck } from '../../src/model/check-answer.ts';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/* What weft authz, weft check and WEFT0151 say of a running mesh, held against what its callers get. */
const policy = (accounts: readonly string[], methods = '[GET]') => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: callers, namespace: shop }
spec:
  selector: { matchLabels: { app: catalog } }
  rules:
    - from: [{ source: { principals: [${accounts.map((account) => `demo.mesh/ns/shop/sa/${account}`).join(', ')}] } }]
      to: [{ operation: { methods: ${methods}, paths: [/books*] } }]
`;

let catalog: Application;
let frontend: Member;
let intruder: Member;
const mesh = useTestMesh(
  () => ({
    policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'catalog.yaml': serviceYaml('catalog') },
  }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    await started.join({ service: 'catalog', name: 'catalog-1', address, ports: [{ port: 9080 }] });
    frontend = await started.join({ service: 'frontend', name: 'frontend-1' });
    intruder = await started.join({ service: 'intruder', name: 'intruder-1' });
    await started.synced();
  },
);
afterAll(() => catalog?.close());

async function api<Value>(path: string): Promise<Value> {
  const answer = await fetch(`http://127.0.0.1:${mesh().controlPlane().adminPort}${path}`);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
  return JSON.parse(text);
}
const ask = (from: string, path = '/', method = 'GET') =>
  `from=${from}&namespace=shop&host=catalog&port=80&path=${encodeURIComponent(path)}&method=${method}`;
const target = (caller: Member, path: string) => ({
  host: caller.address,
  port: mesh().localPort('catalog', 80),
  path,
});

test('WEFT0151 names the callers of the last hour whom a new ALLOW policy would refuse', async () => {
  await sendRequests(target(frontend, '/books'), 20);
  await sendRequests(target(intruder, '/books'), 7);
  await eventually(
    'the sidecar of catalog has told of both',
    async () => {
      const { items } = await api<{ items: readonly { from: string; requests: number }[] }>(
        '/api/v1/edges?windowSeconds=3600',
      );
      return items.filter(({ requests }) => requests >= 7).length === 2;
    },
    30_000,
  );
  await eventually(
    'its own count is there as well',
    async () => {
      await mesh().apply({ 'authz.yaml': undefined });
      await mesh().apply({ 'authz.yaml': policy(['frontend']) });
      const { items } = await api<{ items: readonly { code: string; message: string; severity: string }[] }>(
        '/api/v1/diagnostics',
      );
      const [found] = items.filter(({ code }) => code === 'WEFT0151');
      return found?.severity === 'warning' && /intruder\.shop to catalog\.shop \(\d+\)$/.test(found.message);
    },
    30_000,
  );
}, 90_000);

test('weft authz and weft check say what callers get, rule and line', async () => {
  await mesh().apply({ 'authz.yaml': policy(['frontend']) });
  const calls = [
    [frontend, 'frontend-1', '/books', 'GET'],
    [frontend, 'frontend-1', '/books/7?q=1', 'GET'],
    [frontend, 'frontend-1', '/books', 'POST'],
    [frontend, 'frontend-1', '/secret', 'GET'],
    [frontend, 'frontend-1', '/books/../secret', 'GET'],
    [intruder, 'intruder-1', '/books', 'GET'],
  ] as const;
  const outcomes: string[] = [];
  for (const [caller, from, path, method] of calls) {
    const { outcome, answers } = await api<AuthorizationAnswer>(`/api/v1/authz?${ask(from, path, method)}`);
    const { status } = await fetchOnce({ ...target(caller, path), method });
    expect(`${from} ${method} ${path} ${outcome}`).toBe(
      `${from} ${method} ${path} ${status === 200 ? 'allowed' : 'refused'}`,
    );
    expect(answers).toHaveLength(1);
    const [answer] = answers;
    expect((answer?.rule ?? answer?.nearest)?.by).toMatchObject({ file: 'policies/authz.yaml', line: 8 });
    expect(answer?.workloads).toEqual(['catalog-1.shop']);
    outcomes.push(outcome);
  }
  expect(new Set(outcomes)).toEqual(new Set(['allowed', 'refused']));
  const { lines } = await api<PairCheck>(`/api/v1/check?${ask('intruder-1', '/books')}`);
  expect(lines.map(({ name, result }) => `${name} ${result}`)).toEqual([
    'knows good',
    'route good',
    'mTLS good',
    'authz bad',
  ]);
  expect(lines[2]?.detail).toMatch(/^leaf valid \d+ (h|min)$/);
  expect(lines[3]?.fix).toBe('add demo.mesh/ns/shop/sa/intruder to spec.rules[0].from[0].source.principals');
}, 60_000);

test('weft authz --header: the header that is told decides, as it does on the wire, and so does the address that is called', async () => {
  const weft = (...words: readonly string[]) =>
    runVerb([...words, '--cp', `http://127.0.0.1:${mesh().controlPlane().adminPort}`], { cwd: mesh().folder });
  const address = mesh().controlPlane().mesh.get()?.workloads.get('catalog-1.shop')?.address;
  const when = (cidr: string | undefined) => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: callers, namespace: shop }
spec:
  selector: { matchLabels: { app: catalog } }
  rules: [{ when: [{ key: "request.headers[x-team]", values: [red, "blue*"] }, { key: destination.ip, values: ["${cidr}"] }] }]
`;
  for (const [cidr, isHere] of [
    [address, true],
    ['192.0.2.0/24', false],
  ] as const) {
    await mesh().apply({ 'authz.yaml': when(cidr) });
    for (const team of ['red', 'blueish', 'Red', 'green', undefined]) {
      const headers: Readonly<Record<string, string>> = team === undefined ? {} : { 'X-Team': team };
      const { status } = await fetchOnce({ ...target(frontend, '/books'), headers });
      expect([cidr, team, status]).toEqual([cidr, team, isHere && /^(red|blue)/.test(team ?? '') ? 200 : 403]);
      const flags = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
      const { code, stdout } = await weft('authz', '-n', 'shop', '--from', 'frontend-1', '--to', 'catalog', ...flags);
      expect([cidr, team, code]).toEqual([cidr, team, status === 200 ? 0 : 1]);
      if (status === 403 && isHere && team !== undefined) expect(stdout).toContain(`it is "${team}"`);
    }
  }
}, 60_000);

test('weft cert inspect shows a certificate of the running control plane', async () => {
  const words = ['cert', 'inspect', 'frontend.shop', '--cp', `http://127.0.0.1:${mesh().controlPlane().adminPort}`];
  const { code, stdout } = await runVerb(words, { cwd: mesh().folder });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^identity +spiffe:\/\/demo\.mesh\/ns\/shop\/sa\/frontend$/m);
  expect(stdout).toMatch(/^notAfter +\d{4}-.* {2}\(in /m);
  const { authorities } = await api<{ authorities: readonly { fingerprint: string }[] }>('/api/v1/certificates');
  const fingerprint = authorities[0]?.fingerprint ?? '';
  const root = await runVerb(['cert', 'inspect', fingerprint.slice(0, 12), ...words.slice(3)], { cwd: mesh().folder });
  expect([root.code, root.stdout]).toEqual([0, expect.stringContaining(fingerprint)]);
  const wrong = await runVerb(['cert', 'inspect', 'frontent.shop', ...words.slice(3)], { cwd: mesh().folder });
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('did you mean "frontend.shop"?')]);
});

test('/debug/authorizationz shows the rules of each proxy', async () => {
  await mesh().apply({ 'authz.yaml': policy(['frontend']) });
  const report = await api<AuthorizationReport>('/debug/authorizationz?proxyID=catalog-1.shop');
  expect(report.ports).toMatchObject([
    {
      port: 9080,
      mode: { value: 'STRICT' },
      deny: [],
      allow: [{ id: 'ns[shop]-policy[callers]-rule[0]', by: { file: 'policies/authz.yaml', line: 8 } }],
    },
  ]);
  const all = await api<readonly AuthorizationReport[]>('/debug/authorizationz');
  expect(all.map(({ proxy }) => proxy)).toContain('catalog-1.shop');
});

test('WEFT0170 says who goes from STRICT straight to DISABLE or back, and is silent of PERMISSIVE in between', async () => {
  const said: string[] = [];
  for (const mode of ['DISABLE', 'STRICT', 'PERMISSIVE', 'DISABLE', 'PERMISSIVE', 'STRICT'] as const) {
    await mesh().apply({ 'mesh.yaml': mutualTlsYaml(mode) });
    const { items } = await api<{
      items: readonly { code: string; message: string; at: { file: string; line: number } }[];
    }>('/api/v1/diagnostics');
    const own = items.filter(({ code }) => code === 'WEFT0170');
    said.push(`${mode}: ${own.map(({ at, message }) => `${at.file}:${at.line} ${message.replace(/:.*/, '')}`)}`);
  }
  expect(said).toEqual([
    'DISABLE: policies/mesh.yaml:5 from STRICT straight to DISABLE',
    'STRICT: policies/mesh.yaml:5 from DISABLE straight to STRICT',
    'PERMISSIVE: ',
    'DISABLE: ',
    'PERMISSIVE: ',
    'STRICT: ',
  ]);
}, 60_000);
