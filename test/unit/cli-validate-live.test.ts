import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startAdminServer } from '../../src/admin/admin-server.ts';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import { readiness } from '../../src/control-plane/policy-readiness.ts';
import type { Mesh } from '../../src/model/mesh.ts';
import { createCell } from '../../src/model/readable.ts';
import type { RegistryKnowledge } from '../../src/model/registry-knowledge.ts';
import type { PolicyStatus, RevisionStatus } from '../../src/model/status.ts';
import { fakeSource, operatorTokenId } from '../support/fake-admin-source.ts';
import { fakeMesh } from '../support/fake-mesh.ts';
import { revision } from '../support/fake-proxies.ts';
import { runVerb } from '../support/run-verb.ts';

/* `weft validate --live` and the hints that name it, against the admin API over a real port; the values behind it are made up. */

const folder = mkdtempSync(join(tmpdir(), 'weft-live-'));
const operator = `${operatorTokenId}.${'A'.repeat(43)}.${'B'.repeat(43)}`;
const rejected: RevisionStatus = { ...revision, commit: '26a73e2', state: 'Rejected', errors: 1, warnings: 0 };
const now: { mesh: Mesh | undefined; status: Partial<PolicyStatus>; directory: string } = {
  mesh: undefined,
  status: {},
  directory: '',
};
const nothing: RegistryKnowledge = {
  isHistory: true,
  away: [],
  ports: [],
  expected: [],
  standing: [],
  callers: [],
  allowing: [],
  modes: [],
};
let known = nothing;
let server: Awaited<ReturnType<typeof startAdminServer>>;

beforeAll(async () => {
  const source = fakeSource({
    mesh: () => now.mesh,
    knowledge: () => known,
    readiness: () => ({ ready: false, waitingFor: ['policies'], ...(now.status.pending && { rejected }) }),
    policies: () => ({
      status: { repository: '/repo', objects: 0, files: 1, ...now.status },
      history: [],
      diagnostics: [],
    }),
    settings: () => [{ key: 'secrets.directory', value: now.directory, from: 'default' }],
  });
  server = await startAdminServer(source, { loopbackReads: true, address: '127.0.0.1', port: 0 });
  mkdirSync(join(folder, 'policies/shop'), { recursive: true });
  const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: api}\nspec:\n  ports: [{name: http, port: 80}]\n';
  const rule =
    'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: api}\nspec:\n  host: api\n' +
    '  trafficPolicy: {tls: {mode: SIMPLE, credentialName: api-ca}}\n';
  writeFileSync(join(folder, 'policies/shop/api.yaml'), `${service}---\n${rule}`);
  writeFileSync(join(folder, 'token'), `${operator}\n`, { mode: 0o600 });
});
beforeEach(() => Object.assign(now, { mesh: fakeMesh(), status: { serving: revision }, directory: '/secrets' }));
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const weft = (line: string) => runVerb(line.split(' '), { cwd: folder, env: { WEFT_CP: server.url } });

/** Severity and message of what is said of the secret. */
async function ofSecret(line: string): Promise<{ readonly code: number; readonly said: readonly string[] }> {
  const { code, stdout } = await weft(`${line} -o json`);
  const { items } = JSON.parse(stdout);
  return {
    code,
    said: items
      .filter((item: { code: string }) => item.code === 'WEFT0101')
      .map((item: { severity: string; hint: string }) => `${item.severity}: ${item.hint}`),
  };
}

it('a named secret is a warning where no weft.yaml says where secrets are (it was silent)', async () => {
  expect(await ofSecret('validate')).toEqual({
    code: 0,
    said: ['warning: the server rejects this without a folder shop/api-ca below secrets.directory of its weft.yaml'],
  });
});

it('--live knows whether the running server has secrets at all, where it may ask', async () => {
  now.directory = '';
  const asked = await ofSecret('validate --live --token-file token');
  expect([asked.code, asked.said]).toEqual([1, [expect.stringMatching(/^error: the server has no secrets.directory/)]]);
  // Who has no token is told what is known without.
  expect((await ofSecret('validate --live')).said).toEqual([expect.stringMatching(/^warning: /)]);
  // weft.yaml came later: the server has not read it.
  mkdirSync(join(folder, 'secrets/shop/api-ca'), { recursive: true });
  writeFileSync(join(folder, 'weft.yaml'), 'secrets: {directory: secrets}\n');
  try {
    expect((await ofSecret('validate --live --token-file token')).said).toEqual([
      expect.stringMatching(/^error: .*start the server again \(it reads weft.yaml only then\)$/),
    ]);
  } finally {
    rmSync(join(folder, 'weft.yaml'));
    rmSync(join(folder, 'secrets'), { recursive: true });
  }
});

it('after a rejected first commit --live says so, and checks without connected workloads', async () => {
  Object.assign(now, { mesh: undefined, status: { pending: rejected } });
  const { code, stdout, stderr } = await weft('validate --live');
  expect([code, stderr]).toEqual([0, expect.stringContaining('commit 26a73e2 was rejected: 1 error;')]);
  expect(stdout).toContain('0 errors, ');
  const other = await weft('get workloads');
  expect(other.stderr).toContain('WEFT0901 nothing is served yet: commit 26a73e2 was rejected: 1 error');
  expect(other.stderr).toContain('fix    mend it and commit; weft validate --live --rev 26a73e2 says what is wrong');
  // A server that is still starting: asking again does help.
  now.status = {};
  const early = await weft('validate --live');
  expect([early.code, early.stderr]).toEqual([
    2,
    expect.stringContaining('the mesh is not loaded yet: waiting for policies'),
  ]);
  expect(early.stderr).toContain('ask again in a moment');
});

it('weft status names the command that finds what the server found: with --live', async () => {
  now.status = { serving: revision, pending: rejected };
  const source = (await weft('status')).stdout;
  expect(source).toMatch(/26a73e2.*Rejected {2}weft validate --live --rev 26a73e2$/m);
  now.status = { serving: revision, pending: { ...rejected, commit: '26a73e2+edits' } };
  expect((await weft('status')).stdout).toMatch(/Rejected {2}weft validate --live$/m);
});

it('readiness tells the commit that is in the way, and not who wrote it', () => {
  const mesh = createCell<Mesh | undefined>(undefined);
  const nothing = { diagnostics: [], history: [], checks: { passed: 0, failed: 0 }, checkMilliseconds: 0 };
  const ready = (head?: RevisionStatus) =>
    readiness({ state: createCell({ ...nothing, ...(head && { head }) }) }, mesh);
  expect(ready()).toEqual({ ready: false, waitingFor: ['policies'] });
  expect(ready(rejected)).toEqual({
    ready: false,
    waitingFor: ['policies: commit 26a73e2 was rejected: 1 error'],
    rejected: { commit: '26a73e2', errors: 1 },
  });
  mesh.set(fakeMesh());
  expect(ready(rejected)).toEqual({ ready: true, waitingFor: [] });
});

it('--live judges as the server does: a service for which there is a token, and before anybody has joined, is a warning', async () => {
  const file = join(folder, 'policies/shop/route.yaml');
  const rule =
    'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: pay}\nspec:\n  hosts: [pay]\n  http: [{route: [{destination: {host: pay}}]}]\n';
  writeFileSync(file, rule);
  const severities = async () => {
    const { code, stdout } = await weft('validate --live policies/shop/route.yaml -o json');
    const ofHost = JSON.parse(stdout).items.filter(({ field }: { field: string }) => field.includes('destination'));
    return [code, ...ofHost.map(({ severity }: { severity: string }) => severity)];
  };
  try {
    expect(await severities()).toEqual([1, 'error']);
    known = { ...nothing, expected: ['pay.shop.svc.cluster.local'] };
    expect(await severities()).toEqual([0, 'warning']);
    known = { ...nothing, isHistory: false };
    expect(await severities()).toEqual([0, 'warning']);
  } finally {
    known = nothing;
    rmSync(file);
  }
});

/** The spec of an AuthorizationPolicy as the server has it. */
function lowered(text: string): unknown {
  const file = { path: 'policies/shop/one.yaml', text };
  const tree = { commit: '4f1c2ab', files: [file], diagnostics: [], author: '', subject: '', time: 0 };
  const settings = { trustDomain: 'demo.mesh', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };
  const { policies } = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => undefined })(
    tree,
  );
  const [object] = policies?.objects ?? [];
  return object?.kind === 'AuthorizationPolicy' ? object.spec : undefined;
}

it('--live says whom of the last hour a policy that is not committed yet would refuse, and in which new policy (WEFT0151)', async () => {
  const file = join(folder, 'policies/shop/callers.yaml');
  const policy = (name: string, rules: string, action = 'ALLOW') =>
    `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: ${name}}\nspec:\n  action: ${action}\n  selector: {matchLabels: {app: reviews}}\n  rules: ${rules}\n`;
  const ofAccount = (account: string) => `[{from: [{source: {principals: [demo.mesh/ns/shop/sa/${account}]}}]}]`;
  const caller = (name: string, principal: string | null, requests: number) =>
    ({ name, principal, requests, service: 'reviews', namespace: 'shop' }) as const;
  known = {
    ...nothing,
    callers: [caller('frontend.shop', 'demo.mesh/ns/shop/sa/frontend', 3_201), caller('(outside)', null, 4)],
  };
  const said = async (text: string) => {
    writeFileSync(file, text);
    const { code, stdout } = await weft('validate --live policies/shop/callers.yaml -o json');
    const { items } = JSON.parse(stdout);
    return [
      code,
      ...items
        .filter((item: { code: string }) => item.code === 'WEFT0151')
        .map(({ severity, message, object, hint = '' }: Record<string, string>) => {
          hints.push(hint.replace(', or see what it would do first: annotation istio.io/dry-run: "true"', ''));
          return [severity, object, message];
        }),
    ];
  };
  const hints: string[] = [];
  const hinted = async (text: string) => {
    hints.length = 0;
    await said(text);
    return [...hints];
  };
  try {
    const words = 'ALLOW policy would refuse callers of the last hour:';
    expect(await said(policy('callers', ofAccount('batch')))).toEqual([
      0,
      [
        'warning',
        'AuthorizationPolicy/shop/callers',
        `${words} frontend.shop to reviews.shop (3,201), (outside) to reviews.shop (4)`,
      ],
    ]);
    expect(await said(policy('callers', ofAccount('frontend')))).toEqual([
      0,
      ['warning', 'AuthorizationPolicy/shop/callers', `${words} (outside) to reviews.shop (4)`],
    ]);
    expect(await said(policy('callers', '[{}]'))).toEqual([0]);
    const frontend = 'demo.mesh/ns/shop/sa/frontend';
    expect(hints).toEqual([
      `add ${frontend} to spec.rules[0].from[0].source.principals`,
      'who calls in plaintext has no identity to add: let it join the mesh',
    ]);
    // A DENY that cuts somebody off, by the rule that does.
    expect(
      await said(policy('no', `[{to: [{operation: {methods: [PUT]}}]}, ${ofAccount('frontend').slice(1)}`, 'DENY')),
    ).toEqual([
      0,
      [
        'warning',
        'AuthorizationPolicy/shop/no',
        'DENY policy would refuse callers of the last hour: frontend.shop to reviews.shop (3,201)',
      ],
    ]);
    expect(hints.at(-1)).toBe(`take ${frontend} out of spec.rules[1].from[0].source.principals`);
    const writes = `[{from: [{source: {principals: [${frontend}]}}], to: [{operation: {methods: [PUT]}}]}]`;
    expect(await said(policy('no', writes, 'DENY'))).toEqual([0]);
    expect(await hinted(policy('no', '[{from: [{source: {namespaces: [shop]}}]}]', 'DENY'))).toEqual([
      `except ${frontend} by notPrincipals in each source of spec.rules[0].from`,
    ]);
    expect(await hinted(policy('no', '[{}]', 'DENY'))).toEqual([
      `except them in spec.rules[0]: from: [{source: {notPrincipals: [${frontend}]}}]`,
    ]);
    expect(await hinted(policy('none', '[]'))).toEqual([
      `let them in by another policy: from: [{source: {principals: [${frontend}]}}]`,
    ]);
    // What is served already is not to blame.
    const old = policy('batch-may', ofAccount('batch'));
    const spec = lowered(old);
    known = { ...known, allowing: [JSON.stringify(['shop', 'batch-may', spec])] };
    const [, ...both] = await said(`${old}---\n${policy('callers', ofAccount('frontend'))}`);
    expect(both.map((finding) => finding[1])).toEqual(['AuthorizationPolicy/shop/callers']);
  } finally {
    known = nothing;
    rmSync(file);
  }
});

it('--live says who would go from STRICT straight to DISABLE, by what the server serves now (WEFT0170)', async () => {
  const file = join(folder, 'policies/shop/mode.yaml');
  const words = async (mode: string) => {
    writeFileSync(
      file,
      `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default}\nspec:\n  mtls: {mode: ${mode}${mode.includes('}') ? '' : '}'}\n`,
    );
    const live = JSON.parse((await weft('validate --live policies/shop/mode.yaml -o json')).stdout);
    const files = JSON.parse((await weft('validate policies/shop/mode.yaml -o json')).stdout);
    expect(files.items).toEqual([]);
    return live.items.map((item: Record<string, string>) => `${item.code} ${item.line}:${item.column} ${item.message}`);
  };
  try {
    expect(await words('DISABLE')).toEqual([]);
    // A text alone cannot tell what a silencer of it covers.
    const silenced = 'DISABLE} # weft-ignore WEFT0170: nobody calls yet';
    expect(await words(silenced)).toEqual([]);
    const [strict, gone] = ['PeerAuthentication/shop/default', 'PeerAuthentication/shop/till'];
    known = {
      ...nothing,
      modes: [{ mode: 'STRICT', by: strict, ports: ['reviews-1.shop:9080', 'reviews-9.shop:9080'] }],
    };
    expect(await words('DISABLE')).toEqual(['WEFT0170 5:16 from STRICT straight to DISABLE: reviews-1.shop:9080']);
    expect(await words(silenced)).toEqual([]);
    expect(await words('PERMISSIVE')).toEqual([]);
    expect(await words('STRICT')).toEqual([]);
    known = { ...nothing, modes: [{ mode: 'DISABLE', by: gone, ports: ['reviews-1.shop:9080'] }] };
    expect(await words('STRICT')).toEqual([
      `WEFT0170 5:16 from DISABLE straight to STRICT: reviews-1.shop:9080; ${gone}, which said DISABLE, is gone`,
    ]);
  } finally {
    known = nothing;
    rmSync(file);
  }
});
