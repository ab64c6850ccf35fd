import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { EdgeRow } from '../../src/model/traffic.ts';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange } from '../support/mesh-client.ts';
import { runVerb } from '../support/run-verb.ts';
import { createTestAuthority } from '../support/test-certificates.ts';
import { mutualTlsYaml, nextAddress, serviceYaml, useTestMesh } from '../support/test-mesh.ts';
import { startTlsApplication, type TlsApplication } from '../support/tls-application.ts';

/*
 * What `weft edges` shows besides the calls of programs from one sidecar to another, each from what real Envoys count: TLS that the sidecar
 * begins, mirrors, plaintext that STRICT cuts, policies in dry-run, answers of a rule.
 */

const folder = mkdtempSync(join(tmpdir(), 'weft-edges-'));
const system = createTestAuthority('system');
const systemRoots = join(folder, 'system.pem');
writeFileSync(systemRoots, system.certificate);
const address = nextAddress();
const calls = 20;

const rules = (own: string) => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: catalog, namespace: shop }
spec:
  hosts: [catalog]
  http:
    - match: [{ uri: { prefix: /gone } }]
      directResponse: { status: 502, body: { string: gone } }
    - route: [{ destination: { host: catalog, port: { number: 80 } } }]
      corsPolicy: { allowOrigins: [{ exact: https://shop.test }], allowMethods: [GET] }
      ${own}
`;
const egress = (port: number) => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: public, namespace: shop }
spec:
  hosts: [public.example.com]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: ${address}, ports: { http: ${port} } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: public, namespace: shop }
spec: { host: public.example.com, trafficPolicy: { tls: { mode: SIMPLE } } }
`;
const dryRun = (name: string, spec: string) => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop, annotations: { istio.io/dry-run: "true" } }
spec: { selector: { matchLabels: { app: catalog } }, ${spec} }
`;

let outside: TlsApplication;
let frontend: Member;
let catalog: Member;
const applications: Application[] = [];
const stops: (() => void)[] = [];
const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'catalog.yaml': serviceYaml(
        'catalog',
        '[{ name: http, port: 80, targetPort: 9080 }, { name: tcp, port: 90, targetPort: 9100 }]',
      ),
      'shadow.yaml': serviceYaml('shadow'),
    },
    settings: { 'secrets.systemRoots': systemRoots },
  }),
  async (started) => {
    outside = await startTlsApplication(
      { address, port: 0 },
      'public',
      system.issue({ names: ['public.example.com'] }),
    );
    const serve = async (service: string, more: readonly { port: number; protocol: 'tcp' }[] = []) => {
      const own = started.nextAddress();
      applications.push(await startApplication({ address: own, port: 9080 }, service));
      return await started.join({ service, address: own, ports: [{ port: 9080 }, ...more] });
    };
    catalog = await serve('catalog', [{ port: 9100, protocol: 'tcp' }]);
    await serve('shadow');
    const bytes = createServer((socket) => socket.pipe(socket)).listen(9100, catalog.address);
    await once(bytes, 'listening');
    stops.push(() => bytes.close());
    frontend = await started.join({ service: 'frontend' });
    await started.apply({
      'rules.yaml': rules('mirrors: [{ destination: { host: shadow, port: { number: 80 } } }]'),
      'egress.yaml': egress(outside.port),
      'dry.yaml':
        dryRun('closed', 'action: DENY, rules: [{ to: [{ operation: { paths: ["/dry*"] } }] }]') +
        dryRun('callers', 'rules: [{ to: [{ operation: { methods: [GET] } }] }]'),
    });
  },
);
afterAll(async () => {
  for (const stop of stops) stop();
  await Promise.all([...applications, outside].map((each) => each.close()));
  rmSync(folder, { recursive: true, force: true });
});

const to = (path: string, more = {}) => ({
  host: frontend.address,
  port: mesh().localPort('catalog', 80),
  path,
  ...more,
});
const row = (from: string, callee: string, over: Partial<EdgeRow> = {}): EdgeRow | undefined =>
  mesh()
    .controlPlane()
    .values.edges(60_000)
    .find(
      (each) =>
        each.from === from &&
        each.to === callee &&
        each.beside === over.beside &&
        each.dryRun?.action === over.dryRun?.action,
    );
const told = (what: string, find: () => EdgeRow | undefined, requests: number) =>
  eventually(what, () => {
    const found = find();
    return found?.requests === requests && found;
  });
const table = async () => {
  const words = ['edges', '--cp', `http://127.0.0.1:${mesh().controlPlane().adminPort}`];
  return (await runVerb(words, { cwd: mesh().folder })).stdout;
};

test('TLS that the sidecar begins is neither mesh TLS nor plaintext', async () => {
  const through = { host: frontend.address, port: frontend.proxyPort, path: 'http://public.example.com/' };
  expect(await sendRequests(through, calls)).toMatchObject({ succeeded: calls });
  const found = await told('all are counted', () => row('frontend', 'public.example.com'), calls);
  expect(found).toMatchObject({ success: 1, tls: 'sidecar' });
  expect(found).not.toHaveProperty('mtls');
  expect(await table()).toMatch(/^frontend +public\.example\.com .* TLS *$/m);
});

test('mirrored calls have a row, which nothing that a program says can fill', async () => {
  const said = to('/', { headers: { 'x-envoy-internal': 'true', 'x-forwarded-for': '10.0.0.1' } });
  for (let call = 0; call < calls; call += 1) expect((await fetchOnce(said)).status).toBe(200);
  // The caller's side has counted first; codes and mTLS are told by the called.
  const told200 = () => {
    const found = row('frontend', 'shadow', { beside: 'own' });
    return found?.codes.some(({ name }) => name === '200') ? found : undefined;
  };
  const found = await told('all mirrors are counted on both sides', told200, calls);
  expect(found).toMatchObject({ success: 1, uses: ['mirrors'], codes: [{ name: '200', count: calls }], mtls: true });
  await told('all calls are counted', () => row('frontend', 'catalog'), calls);
  expect(row('frontend', 'catalog')).toMatchObject({ mtls: true, success: 1 });
  expect(row('frontend', 'catalog', { beside: 'own' })).toBeUndefined();
  expect(row('frontend', 'shadow')).toBeUndefined();
  expect(await table()).toMatch(/^frontend +shadow .* by its sidecar: mirrored$/m);
});

test('a preflight of CORS, which the sidecar answers itself, is no call in plaintext', async () => {
  const headers = { origin: 'https://shop.test', 'access-control-request-method': 'GET' };
  const { status, headers: given } = await fetchOnce(to('/', { method: 'OPTIONS', headers }));
  expect([status, given['access-control-allow-methods']]).toEqual([200, 'GET']);
  expect(await told('it is counted', () => row('frontend', 'catalog'), calls + 1)).toMatchObject({ mtls: true });
  expect(await table()).toMatch(/^frontend +catalog .* √ *$/m);
});

test('a rule that answers with 502 is no unknown destination', async () => {
  expect((await fetchOnce(to('/gone'))).status).toBe(502);
  const found = await told('it is counted', () => row('frontend', '(sidecar)'), 1);
  expect(found.codes).toEqual([{ name: '502', count: 1 }]);
  expect(row('frontend', '(unknown)')).toBeUndefined();
});

test('plaintext that STRICT cuts has a row, over HTTP and bytes', async () => {
  for (const port of [9080, 9100])
    for (let call = 0; call < 3; call += 1) {
      const socket = connect(catalog.inbound(port), catalog.address);
      expect((await exchange(socket, 'GET / HTTP/1.1\r\nhost: catalog\r\n\r\n')).received).toBe('');
    }
  const found = await told('all are counted', () => row('(outside)', 'catalog', { beside: 'cut' }), 6);
  expect(found).toMatchObject({ protocol: 'tcp', success: 0, refused: 6 });
  expect(await table()).toMatch(
    /^\(outside\) +catalog .* 0\.00% .*tcp {2}neither mesh TLS nor what the port takes {2}refused 6$/m,
  );
});

test('what policies in dry-run would refuse has a row for each action', async () => {
  const before = row('(any)', 'catalog', { beside: 'dry-run', dryRun: { action: 'DENY', refused: 0 } });
  expect(before).toMatchObject({ requests: calls, dryRun: { refused: 0 } });
  for (let call = 0; call < 3; call += 1) expect((await fetchOnce(to('/dry/run'))).status).toBe(200);
  expect((await fetchOnce(to('/', { method: 'POST' }))).status).toBe(200);
  for (const [action, refused] of [
    ['DENY', 3],
    ['ALLOW', 1],
  ] as const) {
    const of = () => row('(any)', 'catalog', { beside: 'dry-run', dryRun: { action, refused: 0 } });
    expect(await told(`${action} is counted`, of, calls + 4)).toMatchObject({
      success: 1,
      dryRun: { action, refused },
    });
    expect(await table()).toMatch(new RegExp(`^\\(any\\) +catalog .* dry-run ${action} would refuse ${refused}$`, 'm'));
  }
});

test('none of it is bad health, nor counted as calls of programs', async () => {
  const { controlPlane } = mesh();
  const metrics = controlPlane().values.meshMetrics();
  expect(metrics).not.toMatch(/reporter="source".*destination_service_name="shadow"/);
  expect(metrics).not.toContain('(any)');
  const health = await runVerb(['status', '--cp', `http://127.0.0.1:${controlPlane().adminPort}`], {
    cwd: mesh().folder,
  });
  expect(health.stdout).toMatch(/^health +Healthy/m);
});
