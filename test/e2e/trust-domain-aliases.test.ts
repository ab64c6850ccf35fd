import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { svidTemplate } from '../../src/ca/certificate-template.ts';
import { loadAuthority, pkcs8 } from '../../src/ca/root-state-file.ts';
import { signCertificate } from '../../src/ca/sign-certificate.ts';
import { spiffeId } from '../../src/model/identity.ts';
import { Secret } from '../../src/model/secret.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, meshTls } from '../support/mesh-client.ts';
import { mutualTlsYaml, nextAddress, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/* Peers whose certificates are of this mesh's root and of the name that its trust domain had before (P36, P43), with real Envoys. */

let catalog: Application;
let server: Member;
let client: Member;
let old: Server;
let served = 0;

/** What the authority signed while the mesh was called `old.mesh`. */
async function oldCertificate(serviceAccount: string) {
  const state = await loadAuthority(openFileStore(join(mesh().folder, 'state')), { trustDomain: 'demo.mesh' });
  const issuer = state?.parts.get(state.roots.signing.fingerprint)?.issuer;
  if (issuer === undefined) throw new Error('no issuer');
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { certificate } = issuer;
  const id = spiffeId({ trustDomain: 'old.mesh', namespace: 'shop', serviceAccount });
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(15)]);
  const template = svidTemplate({ publicKey, serial, now: Date.now() }, id, 3_600_000, certificate);
  const leaf = signCertificate(template, issuer);
  return { certificateChain: leaf.pem + certificate.pem, privateKey: new Secret(pkcs8(privateKey)) };
}

const legacyAddress = nextAddress();
const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'catalog.yaml': serviceYaml('catalog'),
      'shop/allow.yaml': `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: catalog, namespace: shop }
spec:
  selector: { matchLabels: { app: catalog } }
  rules: [{ from: [{ source: { principals: [demo.mesh/ns/shop/sa/frontend] } }] }]
`,
    },
  }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    server = await started.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(async () => {
  await catalog?.close();
  old?.close();
});

const aliases = (...names: readonly string[]) =>
  mesh().apply({ 'meshconfig.yaml': names.length === 0 ? undefined : `trustDomainAliases: [${names.join(', ')}]\n` });

test('P43: a caller of an alias is the one of this trust domain: its account is allowed, another is not', async () => {
  const [frontend, other] = [await oldCertificate('frontend'), await oldCertificate('other')];
  const get = 'GET / HTTP/1.1\r\nhost: catalog\r\nconnection: close\r\n\r\n';
  const status = async (who: typeof frontend) => {
    const socket = await meshTls({ host: server.address, port: server.inbound(9080) }, who);
    return Number(/^HTTP\/1\.1 (\d+)/.exec((await exchange(socket, get)).received)?.[1]);
  };
  expect([await status(frontend), await status(other)]).toEqual([403, 403]);
  expect(catalog.requests()).toBe(0);
  await aliases('older.mesh', 'old.mesh');
  await eventually('it is let in', async () => (await status(frontend)) === 200);
  const before = catalog.requests();
  for (let call = 0; call < 10; call += 1) expect(await status(frontend)).toBe(200);
  expect(catalog.requests()).toBe(before + 10);
  expect(String(catalog.lastHeaders()['x-forwarded-client-cert'])).toContain('spiffe://old.mesh/ns/shop/sa/frontend');
  expect(await status(other)).toBe(403);
  await aliases();
  await eventually('it is out again', async () => (await status(frontend)) === 403);
});

test('P36: a server of an alias is accepted under the account that the registry says, and no other', async () => {
  const { certificateChain, privateKey } = await oldCertificate('legacy');
  old = createServer({ cert: certificateChain, key: privateKey.expose() }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => {
      served += 1;
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nlegacy\n');
    });
  });
  old.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => old.listen(9443, legacyAddress, resolve));
  const entry = (account: string) => ({
    'shop/legacy.yaml': `${serviceYaml('legacy')}---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: legacy-1, namespace: shop }
spec: { address: ${legacyAddress}, serviceAccount: ${account}, labels: { app: legacy }, ports: { http: 9443 } }
`,
  });
  await mesh().apply(entry('legacy'));
  const target = { host: client.address, port: client.proxyPort, path: 'http://legacy/' };
  const becomes = (status: number) =>
    eventually(`${status}`, async () => (await fetchOnce(target)).status === status, 20_000);
  await becomes(503);
  expect((await sendRequests(target, 10, 1)).failures).toEqual({ 503: 10 });
  expect(served).toBe(0);
  await aliases('old.mesh');
  await becomes(200);
  const before = served;
  for (let call = 0; call < 20; call += 1)
    expect(await fetchOnce(target)).toMatchObject({ status: 200, body: 'legacy\n' });
  const counted = served;
  expect(counted).toBe(before + 20);
  await mesh().apply(entry('other'));
  // Calls that came before it was heard of are counted, too.
  await becomes(503);
  const last = served;
  expect(last).toBeGreaterThanOrEqual(counted);
  expect((await sendRequests(target, 10, 1)).failures).toEqual({ 503: 10 });
  expect(served).toBe(last);
});
