import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests, startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { createTestAuthority } from '../support/test-certificates.ts';
import { mutualTlsYaml, nextAddress, serviceYaml, useTestMesh } from '../support/test-mesh.ts';
import { startTlsApplication } from '../support/tls-application.ts';

let reviews: Application;
let client: Member;
const mesh = useTestMesh(
  () => ({ policies: { 'mesh.yaml': mutualTlsYaml('PERMISSIVE'), 'shop/reviews.yaml': serviceYaml('reviews') } }),
  async (started) => {
    const address = started.nextAddress();
    reviews = await startApplication({ address, port: 9080 }, 'reviews');
    await started.join({ service: 'reviews', address, ports: [{ port: 9080 }] });
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => reviews.close());

const through = (url: string) => ({ host: client.address, port: client.proxyPort, path: url });
const rule = (tls: string) => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, namespace: shop }
spec: { host: reviews, trafficPolicy: { tls: ${tls} } }
`;
const callerSeen = () => reviews.lastHeaders()['x-forwarded-client-cert'];

test('P23 DISABLE and ISTIO_MUTUAL take turns under load, and no request fails', async () => {
  const load = startLoad(through('http://reviews.shop/'), 100);
  await load.more(20);
  expect(callerSeen()).toContain('spiffe://demo.mesh/ns/shop/sa/frontend');
  await mesh().apply({ 'shop/rule.yaml': rule('{ mode: DISABLE }') });
  await eventually('calls are plaintext', () => callerSeen() === undefined);
  await load.more(20);
  await mesh().apply({ 'shop/rule.yaml': rule('{ mode: ISTIO_MUTUAL }') });
  await eventually('calls are mesh TLS', () => callerSeen() !== undefined);
  await load.more(20);
  expect((await load.stop()).failures).toEqual({});
});

test('P36 ISTIO_MUTUAL believes those alone whom it names', async () => {
  const before = reviews.requests();
  const name = (account: string) =>
    rule(`{ mode: ISTIO_MUTUAL, subjectAltNames: [spiffe://demo.mesh/ns/shop/sa/${account}] }`);
  await mesh().apply({ 'shop/rule.yaml': name('somebody') });
  await eventually('nobody is believed', async () => (await fetchOnce(through('http://reviews.shop/'))).status === 503);
  const refused = reviews.requests();
  expect(refused - before).toBeLessThanOrEqual(20);
  expect((await sendRequests(through('http://reviews.shop/'), 50)).failures).toEqual({ 503: 50 });
  expect(reviews.requests()).toBe(refused);
  await mesh().apply({ 'shop/rule.yaml': name('reviews') });
  await eventually('reviews is', async () => (await fetchOnce(through('http://reviews.shop/'))).status === 200);
});

test('P37 what cannot work is not served', async () => {
  await mesh().commit({ 'shop/rule.yaml': rule('{ mode: DISABLE }'), 'mesh.yaml': mutualTlsYaml('STRICT') });
  const { head, diagnostics } = mesh().controlPlane().policies.get();
  expect(head?.state).toBe('Rejected');
  expect(diagnostics.filter(({ severity }) => severity === 'error').map(({ code }) => code)).toEqual(['WEFT0301']);
  expect((await fetchOnce(through('http://reviews.shop/'))).status).toBe(200);
  await mesh().apply({ 'shop/rule.yaml': undefined, 'mesh.yaml': mutualTlsYaml('STRICT') });
});

test('a revoked certificate is refused (caCrl)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-crl-'));
  const address = nextAddress();
  const authority = createTestAuthority('revoking');
  const [good, bad] = ['good', 'bad'].map((name) => authority.issue({ names: [`${name}.crl.test`] }));
  if (good === undefined || bad === undefined) throw new Error('no certificates');
  const inFolder = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  mkdirSync(join(folder, 'new'));
  inFolder('index.txt', '');
  inFolder('crlnumber', '01\n');
  const settings = `[ca]\ndefault_ca = ca\n[ca]\ndatabase = ${folder}/index.txt\ncrlnumber = ${folder}/crlnumber\ndefault_md = sha256\ndefault_crl_days = 1\n`;
  const own = ['-config', inFolder('ca.cnf', settings), '-cert', inFolder('ca.crt', authority.certificate)];
  const ca = (...words: readonly string[]) =>
    execFileSync('openssl', ['ca', ...own, '-keyfile', inFolder('ca.key', authority.key), ...words], { stdio: 'pipe' });
  ca('-revoke', inFolder('bad.crt', bad.certificate));
  ca('-gencrl', '-out', join(folder, 'ca.crl'));
  const servers = [
    await startTlsApplication({ address, port: 0 }, 'good', good),
    await startTlsApplication({ address, port: 0 }, 'bad', bad),
  ];
  const entry = (name: string, port = 0) => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.crl.test]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: ${address}, ports: { http: ${port} } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: shop }
spec: { host: ${name}.crl.test, trafficPolicy: { tls: { mode: SIMPLE, caCertificates: ${folder}/ca.crt, caCrl: ${folder}/ca.crl } } }
`;
  await mesh().apply({ 'shop/crl.yaml': entry('good', servers[0]?.port) + entry('bad', servers[1]?.port) });
  const status = async (name: string) => (await fetchOnce(through(`http://${name}.crl.test/`))).status;
  await eventually('the good one is called', async () => (await status('good')) === 200);
  expect(await status('bad')).toBe(503);
  expect(servers[1]?.requests()).toBe(0);
  await mesh().apply({ 'shop/crl.yaml': undefined });
  await Promise.all(servers.map((server) => server.close()));
  rmSync(folder, { recursive: true });
});

test('tlsDefaults: a server that knows one curve alone is called as soon as MeshConfig names it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-curves-'));
  const address = nextAddress();
  const authority = createTestAuthority('curves');
  writeFileSync(join(folder, 'ca.crt'), authority.certificate);
  const { certificate, key } = authority.issue({ names: ['curves.test'] });
  const application = await startTlsApplication({ address, port: 0 }, 'curves', { certificate, key, curve: 'P-384' });
  const entry = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: curves, namespace: shop }
spec:
  hosts: [curves.test]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: ${address}, ports: { http: ${application.port} } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: curves, namespace: shop }
spec: { host: curves.test, trafficPolicy: { tls: { mode: SIMPLE, caCertificates: ${folder}/ca.crt } } }
`;
  const isStatus = (status: number) => async () => (await fetchOnce(through('http://curves.test/'))).status === status;
  await mesh().apply({ 'shop/curves.yaml': entry });
  await eventually('its curve is not offered', isStatus(503));
  expect(application.requests()).toBe(0);
  await mesh().apply({ 'meshconfig.yaml': 'tlsDefaults: { ecdhCurves: [P-384] }\n' });
  await eventually('it is', isStatus(200));
  await mesh().apply({ 'shop/curves.yaml': undefined, 'meshconfig.yaml': undefined });
  await application.close();
  rmSync(folder, { recursive: true });
});
