import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';
import { ledgerYaml, narrowEnvoy, tooLargeRegex } from '../support/narrow-envoy.ts';
import { createPolicyFolder } from '../support/policy-folder.ts';
import { freePortBase } from '../support/port-base.ts';
import { type StartedVerb, startVerb } from '../support/run-verb.ts';

/* What somebody sees who runs `weft up` in one terminal and `weft run` in another, when the Envoy refuses something. */

const folder = await mkdtemp(join(tmpdir(), 'weft-news-'));
const running: StartedVerb[] = [];
afterAll(async () => {
  for (const { code, stop } of running.reverse()) {
    stop();
    stop();
    await code;
  }
  await rm(folder, { recursive: true, force: true });
});

function weft(words: readonly string[]) {
  const started = startVerb(words, { cwd: folder, env: { PATH: process.env.PATH, XDG_RUNTIME_DIR: folder } });
  running.push(started);
  const { said, code } = started;
  return { said, code, lines: (mark: RegExp) => said.stdout.split('\n').filter((line) => mark.test(line)) };
}

const route = (regex: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ledger, namespace: bank }
spec:
  hosts: [ledger.internal]
  http:
    - { name: wide, match: [{ uri: { regex: '${regex}' } }], route: [{ destination: { host: ledger.internal } }] }
    - { name: rest, route: [{ destination: { host: ledger.internal } }] }
`;

test('weft up and weft run tell each refusal with its line, once, and once when it is over', {
  timeout: 60_000,
}, async () => {
  const repository = await createPolicyFolder(folder, {
    'bank/ledger.yaml': ledgerYaml('127.0.0.1'),
    'bank/route.yaml': route('/a'),
  });
  const base = await freePortBase();
  const up = weft(['up', '.', '--port-base', String(base)]);
  await eventually('the control plane serves', () => up.said.stdout.includes('Applied'));
  const cp = ['--cp', `http://127.0.0.1:${base + 14}`];
  const token = weft(['token', 'create', '--service', 'portal', '-n', 'bank', ...cp]);
  expect(await token.code).toBe(0);
  await writeFile(join(folder, 'portal.token'), token.said.stdout, { mode: 0o600 });
  const join1 = [
    '--cp',
    `https://127.0.0.1:${base + 12}`,
    '--token-file',
    'portal.token',
    '--service',
    'portal',
    '-n',
    'bank',
  ];
  const envoy = ['--envoy', await envoyPath(), '--outbound-port', String(base + 1), '--concurrency', '1'];
  const run = weft(['run', ...join1, ...envoy, '--', ...narrowEnvoy]);
  await eventually('membership', () => run.said.stdout.includes('is in the mesh'));

  const bad = await repository.commit({ 'bank/route.yaml': route(tooLargeRegex) });
  const refusals = /^× refused/;
  await eventually('both say it', () => up.lines(refusals).length === 2 && run.lines(refusals).length === 2);
  const names = ['RDS out_bank_ledger~internal_80', 'VHDS out_proxy/out_bank_ledger~internal_80'];
  const place = `policies/bank/route.yaml:7 (${bad})`;
  for (const [index, line] of up.lines(refusals).sort().entries()) {
    expect(line).toContain(`× refused  ${names[index]} by portal-1.bank: `);
    expect(line).toContain('RE2 program size');
    expect(line.endsWith(`  ${place}`)).toBe(true);
  }
  for (const [index, line] of run.lines(refusals).sort().entries()) {
    expect(line).toContain(`× refused        ${names[index]}: `);
    expect(line).toContain('RE2 program size');
    expect(line.endsWith(`  ${place}`)).toBe(true);
  }

  // What it holds is shown, and that it should hold something else.
  const held = weft(['proxy-config', 'routes', 'portal-1', ...cp]);
  expect(await held.code).toBe(0);
  expect(held.said.stdout).toMatch(/^ledger\.internal:80 +~\/a /m);
  expect(held.lines(/ratings/).every((line) => line.startsWith('×'))).toBe(true);
  expect(held.lines(/^×/).map((line) => line.replace(/\(\S+\)/, '()').split(' regex')[0])).toEqual(
    names.map((name) => `× ${name.split(' ')[1]} is held as it was (): its newest form was refused:`),
  );

  await repository.commit({ 'bank/route.yaml': route('/b') });
  const ends = /^√ refused/;
  await eventually('both say that it is over', () => up.lines(ends).length === 2 && run.lines(ends).length === 2);
  expect(up.lines(ends).sort()).toEqual(
    names.map((name) => `√ refused  ${name} no more: other content is accepted, or none is wanted`),
  );
  expect(run.lines(ends).sort()).toEqual(
    names.map((name) => `√ refused        ${name}: no more, the newest form is in force or is gone`),
  );
  // Nothing is told twice.
  expect([up.lines(refusals).length, run.lines(refusals).length]).toEqual([2, 2]);
});
