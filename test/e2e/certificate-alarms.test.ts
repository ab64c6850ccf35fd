import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { agedState } from '../support/aged-state.ts';
import { runVerb } from '../support/run-verb.ts';
import { serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

const hour = 3_600_000;
const day = 24 * hour;

let stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  stops = [];
});

/** A control plane whose root ends so soon. */
async function ending(endsIn: number): Promise<TestMesh> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-aged-'));
  stops.push(() => rmSync(folder, { recursive: true, force: true }));
  const stateDir = join(folder, 'state');
  await agedState(stateDir, endsIn, 'reviews');
  const mesh = await startTestMesh({ policies: { 'shop.yaml': serviceYaml('reviews') }, settings: { stateDir } });
  stops.push(() => mesh.close());
  return mesh;
}

const api = (mesh: TestMesh) => `http://127.0.0.1:${mesh.controlPlane().adminPort}`;
const weft = (mesh: TestMesh, words: string) =>
  runVerb([...words.split(' '), '--cp', api(mesh)], { cwd: mesh.folder, env: process.env });
async function metric(mesh: TestMesh, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${api(mesh)}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(name) && !each.startsWith('#'));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}
/** What `weft check` says of the alarm: its result and its words. */
async function checked(mesh: TestMesh) {
  const { code, stdout } = await weft(mesh, 'check -o json');
  const value: { success: boolean; categories: { checks: { result: string; error?: string }[] }[] } =
    JSON.parse(stdout);
  const found = value.categories.flatMap(({ checks }) => checks.filter(({ error }) => error?.startsWith('WEFT0302')));
  return { code, success: value.success, found: found.map(({ result, error }) => `${result}: ${error}`) };
}
const logged = (mesh: TestMesh) =>
  mesh.log
    .filter((line) => line.includes('WEFT0302'))
    .map((line): { level: number; what: string; endsWithinDays: number; msg: string; hint: string } =>
      JSON.parse(line),
    );

describe('a root that ends soon is told by every window of a running control plane', () => {
  test('F11 12 hours before: log, check, status, cert list, metrics and certz; no certificate outlives it', async () => {
    const mesh = await ending(12 * hour);
    await mesh.join({ service: 'reviews' });
    await mesh.synced();
    const [root] = mesh.controlPlane().values.certificates().authorities;
    const words = `the root ${root?.fingerprint.slice(0, 16)} ends within 1 day, at ${root?.notAfter}`;
    const [line, ...others] = logged(mesh);
    expect([line?.level, line?.what, line?.endsWithinDays, line?.msg, others]).toEqual([50, 'root', 1, words, []]);
    expect(line?.hint).toContain('weft cert rotate --root --step prepare');

    expect(await checked(mesh)).toEqual({ code: 1, success: false, found: [`bad: WEFT0302 ${words}`] });
    const status = await weft(mesh, 'status');
    expect(status.code).toBe(1);
    expect(status.stdout).toContain(`WEFT0302 ${words}`);
    const list = await weft(mesh, 'cert list --expiring 1d');
    expect(list.code).toBe(1);
    expect(list.stderr).toContain(`WEFT0302 ${words}`);

    const left = 12 * 3_600;
    expect(await metric(mesh, 'weft_certificate_alarms{what="root",days="1"}')).toBe(1);
    expect(await metric(mesh, 'weft_certificate_alarms{what="root",days="7"}')).toBe(0);
    const ofRoot =
      (await metric(mesh, `weft_root_expiry_seconds{fingerprint="${root?.fingerprint.slice(0, 16)}"`)) ?? 0;
    expect(Math.abs(ofRoot - left)).toBeLessThan(120);
    const first = (await metric(mesh, 'weft_svid_first_expiry_seconds')) ?? Number.NaN;
    expect(left - first).toBeGreaterThanOrEqual(0);
    expect(left - first).toBeLessThan(120);

    const certz: {
      rotation: { phase: string };
      alarms: { code: string; what: string; endsWithinDays: number; message: string }[];
      authorities: { kind: string; fingerprint: string; notAfter: string }[];
      certificates: { identity: string; notAfter: string; holders: number }[];
    } = JSON.parse(await (await fetch(`${api(mesh)}/debug/certz`)).text());
    expect(certz.rotation.phase).toBe('steady');
    expect(certz.alarms).toMatchObject([{ code: 'WEFT0302', what: 'root', endsWithinDays: 1, message: words }]);
    expect(certz.authorities.map(({ kind, notAfter }) => [kind, notAfter])).toEqual([
      ['root', root?.notAfter],
      ['issuer', root?.notAfter],
    ]);
    expect(certz.certificates).toMatchObject([
      { identity: 'spiffe://demo.mesh/ns/shop/sa/reviews', notAfter: root?.notAfter, holders: 1 },
    ]);
    console.log('promise F11: a root that ends in 12 hours is told by 6 of 6 windows: check and status exit with 1');
  }, 60_000);

  test('F11 20 days before: a warning that stops nobody', async () => {
    const mesh = await ending(20 * day);
    await mesh.join({ service: 'reviews' });
    await mesh.synced();
    expect(logged(mesh).map(({ level, endsWithinDays }) => [level, endsWithinDays])).toEqual([[40, 30]]);
    const { success, found } = await checked(mesh);
    expect([success, found]).toEqual([true, [expect.stringMatching(/^warning: WEFT0302 .* ends within 30 days/)]]);
    const status = await weft(mesh, 'status');
    expect([status.code, status.stdout]).toEqual([0, expect.stringContaining('ends within 30 days')]);
    expect(await metric(mesh, 'weft_certificate_alarms{what="root",days="30"}')).toBe(1);
  }, 30_000);
});
