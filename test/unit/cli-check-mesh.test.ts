import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAdminServer } from '../../src/admin/admin-server.ts';
import { statusValue } from '../../src/admin/status-value.ts';
import { type MeshFacts, meshChecks } from '../../src/cli/mesh-checks.ts';
import { Failure } from '../../src/model/failure.ts';
import { checkCategories, type MeshCheckResult } from '../../src/model/mesh-check.ts';
import { fakeSource } from '../support/fake-admin-source.ts';
import { proxyStatus, rejectedProxy } from '../support/fake-proxies.ts';
import { runVerb } from '../support/run-verb.ts';

/* `weft check` without a pair: what is looked at, and what is said of it. */

const now = Date.parse('2026-11-23T12:00:00Z');
const status = statusValue(fakeSource({ proxies: () => [proxyStatus('frontend-1', 'frontend')] }), now);
const well: MeshFacts = {
  node: { version: '20.20.0', least: '20.19' },
  platform: { os: 'linux', architecture: 'x64' },
  envoy: { version: '1.40.0', path: '/usr/bin/envoy', foundBy: 'PATH' },
  pinnedEnvoy: '1.40.0',
  controlPlane: {
    url: 'http://127.0.0.1:15014',
    status: { ...status, health: { state: 'Healthy', reasons: [] } },
    clock: now,
  },
  now,
};
const { serving } = status.policies;
if (serving === undefined) throw new Error('nothing is served');
const heard = 'status' in well.controlPlane ? well.controlPlane : undefined;
if (heard === undefined) throw new Error('no status');
const withStatus = (change: Partial<typeof heard.status>): MeshFacts => ({
  ...well,
  controlPlane: { ...heard, status: { ...heard.status, ...change } },
});
/** What is not good, as `category result: error (hint)`. */
const complaints = (facts: MeshFacts) =>
  meshChecks(facts).categories.flatMap(({ categoryName, checks }) =>
    checks.flatMap(({ result, error, hint }) =>
      result === 'good' ? [] : [`${categoryName} ${result}: ${error} (${hint})`],
    ),
  );

describe('the checks', () => {
  it('are of all categories, in their order, and a good mesh has nothing to say', () => {
    const { success, categories } = meshChecks(well);
    expect(categories.map(({ categoryName }) => categoryName)).toEqual(checkCategories);
    expect(complaints(well).filter((line) => !line.startsWith('policies warning'))).toEqual([]);
    expect(success).toBe(true);
  });

  it.each<[string, MeshFacts, string]>([
    ['an old Node', { ...well, node: { version: '20.9.1', least: '20.19' } }, 'host bad: Weft needs 20.19 or newer'],
    ['another system', { ...well, platform: { os: 'darwin', architecture: 'arm64' } }, 'host warning: Envoy is tried'],
    [
      'another Envoy',
      { ...well, envoy: { version: '1.39.1', path: '/e', foundBy: '--envoy' } },
      'envoy warning: Weft is tried with 1.40.0',
    ],
    [
      'no Envoy',
      { ...well, envoy: new Failure('WEFT0903', 'no Envoy was found', 'get one') },
      'envoy bad: WEFT0903 no Envoy',
    ],
    [
      'a mesh in trouble',
      withStatus({ health: { state: 'Degraded', reasons: ['reviews: 40 % fail'] } }),
      'proxies bad: Degraded; reviews: 40 % fail',
    ],
    [
      'nothing served',
      withStatus({ policies: { repository: '/r', objects: 0, files: 0 } }),
      'policies bad: none was ever good',
    ],
    [
      'a repository that cannot be read',
      withStatus({
        policies: { ...status.policies, failure: { code: 'WEFT0960', message: 'no repository', hint: 'git init' } },
      }),
      'policies bad: WEFT0960 no repository (git init)',
    ],
    [
      'nobody',
      withStatus({ proxies: { connected: 0, byStatus: {}, acknowledged: 0 } }),
      'proxies warning: nobody has joined (weft token create',
    ],
    [
      'a refusal',
      withStatus({ proxies: { connected: 2, byStatus: { SYNCED: 1, REJECTED: 1 }, acknowledged: 1 } }),
      'proxies bad: 1 REJECTED (weft nacks',
    ],
    [
      'a proxy that is behind',
      withStatus({ proxies: { connected: 2, byStatus: { SYNCED: 1, STALE: 1 }, acknowledged: 1 } }),
      'proxies bad: 1 STALE',
    ],
    [
      'two sources with one name',
      withStatus({ sources: [{ name: 'files', workloads: 2, clashes: ['a.shop', 'b.shop'] }] }),
      'registry warning: a.shop and 1 more is known by an earlier source',
    ],
    [
      'a change of root',
      withStatus({
        certs: { ...status.certs, rotation: { phase: 'prepared', next: 'activate', proxies: 3, acked: 2 } },
      }),
      'ca warning: it is prepared, 2 of 3 proxies follow (weft cert rotate --root --step activate --wait)',
    ],
    ['a clock that is off', { ...well, now: now - 60_000 }, 'clock warning: this machine is '],
    ['a clock that is far off', { ...well, now: now + 400_000 }, 'clock bad: this machine is '],
  ])('%s', (_what, facts, expected) => {
    const said = complaints(facts).filter((line) => !line.startsWith('policies warning'));
    expect(said).toEqual([expect.stringContaining(expected)]);
    expect(meshChecks(facts).success).toBe(!expected.includes(' bad: '));
  });

  it.each<[string, MeshFacts, string, string]>([
    [
      'a rejected commit',
      withStatus({ pending: { ...serving, commit: '7ab23a2', state: 'Rejected', errors: 1 } }),
      '7ab23a2 is not served: 1 error',
      'weft validate --live --rev 7ab23a2',
    ],
    [
      'rejected edits',
      withStatus({ pending: { ...serving, commit: '7ab23a2+edits', state: 'Rejected', errors: 2 } }),
      '7ab23a2+edits is not served: 2 errors',
      'weft validate --live',
    ],
    [
      'one warning',
      withStatus({ findings: { ...status.findings, warnings: 1 } }),
      'there is something to say of them: 1 warning',
      'weft validate --live',
    ],
    [
      'trouble',
      withStatus({ health: { state: 'Degraded', reasons: ['reviews: 40 % fail'] } }),
      'the mesh is not healthy: Degraded; reviews: 40 % fail',
      'weft edges and weft proxies show where',
    ],
    [
      'a change of root',
      withStatus({
        certs: { ...status.certs, rotation: { phase: 'prepared', next: 'activate', proxies: 3, acked: 2 } },
      }),
      'a change of root is under way: it is prepared, 2 of 3 proxies follow',
      'weft cert rotate --root --step activate --wait',
    ],
    [
      'a clock',
      { ...well, now: now - 60_000 },
      'the clocks of this machine and the control plane differ: this machine is 1 min behind',
      'set them by NTP: certificates and tokens are judged by the clock',
    ],
  ])('say what is so, not what should be, beside the mark: %s', (_what, facts, sentence, hint) => {
    const checks = meshChecks(facts).categories.flatMap((category) => category.checks);
    expect(checks.map(({ description, error, hint: fix }) => [`${description}: ${error}`, fix])).toContainEqual([
      sentence,
      hint,
    ]);
  });

  it('end where the control plane does not answer', () => {
    const facts = { ...well, controlPlane: new Failure('WEFT0901', 'nothing listens there', 'weft up') };
    expect(meshChecks(facts).categories.map(({ categoryName }) => categoryName)).toEqual(checkCategories.slice(0, 3));
    expect(complaints(facts)).toEqual(['control-plane bad: WEFT0901 nothing listens there (weft up)']);
  });
});

describe('weft check', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-check-'));
  let server: Awaited<ReturnType<typeof startAdminServer>>;
  beforeAll(async () => {
    const source = fakeSource({ proxies: () => [rejectedProxy()] });
    server = await startAdminServer(source, { loopbackReads: true, address: '127.0.0.1', port: 0 });
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  const weft = (...words: string[]) =>
    runVerb(['check', ...words], { cwd: folder, env: { WEFT_CP: server.url, ENVOY_PATH: join(folder, 'none') } });

  it('looks at this machine and the mesh, and says what to do', async () => {
    const { stdout, code } = await weft();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^√ host {11}Node \d+\.\d+\.\d+$/m);
    expect(stdout).toMatch(/^× envoy {10}no Envoy can be used: WEFT0903 /m);
    expect(stdout).toContain(`control-plane  answers at ${server.url}`);
    expect(stdout).toMatch(/^× proxies {8}1 proxy connected: 1 REJECTED\n {4}fix {4}weft nacks shows their words$/m);
    expect(stdout).toMatch(/^√ clock {10}the clocks/m);
  });

  it('is a CheckResult as JSON', async () => {
    const { stdout } = await weft('-o', 'json');
    const { kind, success, categories }: MeshCheckResult & { readonly kind: string } = JSON.parse(stdout);
    expect({ kind, success }).toEqual({ kind: 'CheckResult', success: false });
    expect(categories.map(({ categoryName }) => categoryName)).toEqual(checkCategories);
  });

  it.each([
    [['--from', 'frontend'], '--from without --to'],
    [['-f', 'policies'], '-f without --to'],
  ])('%s is half a question', async (words, expected) => {
    const { stderr, code } = await weft(...words);
    expect(code).toBe(2);
    expect(stderr).toContain(expected);
  });
});
