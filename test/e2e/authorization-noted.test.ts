import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, meshTls } from '../support/mesh-client.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/*
 * What decides nothing: AUDIT notes which of its rules matched, also of what is refused (P39), and policies in dry-run say what they would
 * decide (P46). Both stand in the access log, and in counters.
 */

const policy = (name: string, spec: string, dryRun = false) => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop${dryRun ? ', annotations: { istio.io/dry-run: "true" }' : ''} }
spec: { selector: { matchLabels: { app: catalog } }, ${spec} }
`;
const to = (operation: string) => `rules: [{ to: [{ operation: ${operation} }] }]`;
const from = (account: string) => `rules: [{ from: [{ source: { serviceAccounts: [${account}] } }] }]`;

let folder = '';
let catalog: Application;
let server: Member;
let frontend: Member;
const stops: (() => void)[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-noted-'));
});

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'catalog.yaml': serviceYaml(
        'catalog',
        '[{ name: http, port: 80, targetPort: 9080 }, { name: tcp, port: 90, targetPort: 9100 }]',
      ),
      'meshconfig.yaml': `accessLogFile: ${folder}/access.log\naccessLogEncoding: JSON\n`,
    },
  }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    const bytes = createServer((socket) => socket.pipe(socket));
    bytes.listen(9100, address);
    await once(bytes, 'listening');
    stops.push(() => bytes.close());
    server = await started.join({
      service: 'catalog',
      address,
      ports: [{ port: 9080 }, { port: 9100, protocol: 'tcp' }],
      // Lines are written at once, not every ten seconds.
      envoyFlags: ['--file-flush-interval-msec', '20'],
    });
    frontend = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(async () => {
  for (const stop of stops) stop();
  await catalog?.close();
  await rm(folder, { recursive: true, force: true });
});

const enforce = (text: string) => mesh().apply({ 'authz.yaml': text });
const status = async (path: string, method = 'GET') =>
  (await fetchOnce({ host: frontend.address, port: mesh().localPort('catalog', 80), path, method })).status;

interface Line {
  readonly path: string | null;
  readonly upstream_cluster: string | null;
  readonly audit: string | null;
  readonly dry_run_deny: string | null;
  readonly dry_run_allow: string | null;
  readonly response_code_details: string | null;
  readonly connection_termination_details?: string | null;
}
const lines = async (): Promise<readonly Line[]> =>
  (await readFile(join(folder, 'access.log'), 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
/** What the callee's sidecar wrote of a request. */
const noted = async (path: string): Promise<Line> => {
  const found = async () =>
    (await lines()).find((line) => line.path === path && line.upstream_cluster !== 'out_shop_catalog_80');
  await eventually(`a line about ${path}`, async () => (await found()) !== undefined, 30_000);
  const line = await found();
  if (line === undefined) throw new Error(`no line about ${path}`);
  return line;
};

test('AUDIT refuses nobody, names its rule where another one refuses, and is counted', async () => {
  const id = 'ns[shop]-policy[watch]-rule[0]';
  await enforce(
    policy('watch', `action: AUDIT, ${to('{ paths: ["/watched/*"] }')}`) +
      policy('closed', `action: DENY, ${to('{ paths: ["/watched/closed"] }')}`),
  );
  const target = { host: frontend.address, port: mesh().localPort('catalog', 80), path: '/watched/many' };
  expect(await sendRequests(target, 100)).toMatchObject({ succeeded: 100, failures: {} });
  expect(await status('/free')).toBe(200);
  expect(await status('/watched/closed')).toBe(403);
  expect(await noted('/watched/many')).toMatchObject({ audit: id });
  expect(await noted('/free')).toMatchObject({ audit: null });
  expect(await noted('/watched/closed')).toMatchObject({
    audit: id,
    response_code_details: 'rbac_access_denied_matched_policy[ns[shop]-policy[closed]-rule[0]]',
  });
  expect(await server.stat('http.in_9080.rbac.weft_audit_.shadow_allowed')).toBe(101);
}, 60_000);

test('dry-run refuses nobody and says whom it would refuse; switched on, it refuses these', async () => {
  const allow = (dryRun: boolean) => policy('callers', from('billing'), dryRun);
  const deny = (dryRun: boolean) => policy('closed', `action: DENY, ${to('{ paths: ["/dry/closed*"] }')}`, dryRun);
  await enforce(allow(true) + deny(true));
  expect(await status('/dry/open')).toBe(200);
  expect(await status('/dry/closed-1')).toBe(200);
  // Beside policies that act, those in dry-run are judged alone.
  await enforce(policy('acting', from('frontend')) + deny(true));
  expect(await status('/dry/closed-2')).toBe(200);
  await enforce(deny(false));
  expect(await status('/dry/closed-3')).toBe(403);
  await enforce(allow(false));
  expect(await status('/dry/refused')).toBe(403);
  expect(await noted('/dry/open')).toMatchObject({ dry_run_deny: 'allowed', dry_run_allow: 'denied' });
  expect(await noted('/dry/closed-1')).toMatchObject({ dry_run_deny: 'denied', dry_run_allow: 'denied' });
  expect(await noted('/dry/closed-2')).toMatchObject({ dry_run_deny: 'denied', dry_run_allow: null });
}, 60_000);

test('the same on a port for bytes, where what is asked of HTTP is forgotten (P45)', async () => {
  await enforce(
    policy('watch', `action: AUDIT, ${to('{ methods: [POST] }')}`) +
      policy('closed', `action: DENY, ${to('{ ports: ["9100"] }')}`, true) +
      policy('callers', from('billing'), true),
  );
  const svid = await mesh().certificate('frontend');
  const socket = await meshTls({ host: server.address, port: server.inbound(9100) }, svid);
  socket.end('ping');
  expect((await exchange(socket)).received).toBe('ping');
  const found = async () => (await lines()).find((line) => line.upstream_cluster === 'in_9100');
  await eventually('a line about the connection', async () => (await found()) !== undefined, 30_000);
  expect(await found()).toMatchObject({
    audit: 'ns[shop]-policy[watch]-rule[0]',
    dry_run_deny: 'denied',
    dry_run_allow: 'denied',
  });
}, 60_000);

test('a connection that a rule turns away at its first bytes names the rule in its line (P46)', async () => {
  await enforce(policy('shut', `action: DENY, ${from('frontend')}`));
  const svid = await mesh().certificate('frontend');
  const socket = await meshTls({ host: server.address, port: server.inbound(9100) }, svid);
  expect((await exchange(socket, 'ping')).received).toBe('');
  const details = 'rbac_access_denied_matched_policy[ns[shop]-policy[shut]-rule[0]]';
  await eventually(
    'a line that names the rule',
    async () => (await lines()).some(({ connection_termination_details: said }) => said === details),
    30_000,
  );
});
