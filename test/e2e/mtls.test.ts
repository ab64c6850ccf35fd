import { Agent } from 'node:http';
import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests, startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, meshTls, openTcp, peerCertificate } from '../support/mesh-client.ts';
import { selfSigned } from '../support/self-signed.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

let catalog: Application;
let server: Member;
let client: Member;

/** A Service whose one endpoint is catalog's sidecar, registered as if another account answered there. */
const impostor = (address: string) => `${serviceYaml('ledger')}---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ledger-1, namespace: shop }
spec: { address: ${address}, serviceAccount: ledger, labels: { app: ledger }, ports: { http: 19080 } }
`;

const mesh = useTestMesh(
  () => ({ policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'catalog.yaml': serviceYaml('catalog') } }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    server = await started.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => catalog?.close());

const direct = () => ({ host: server.address, port: server.inbound(9080) });
const throughMesh = () => ({ host: client.address, port: mesh().localPort('catalog', 80) });
const get = 'GET / HTTP/1.1\r\nhost: catalog\r\nconnection: close\r\n\r\n';

/** Commits the mode and waits until plaintext at the port is answered as the mode says. */
async function setMode(mode: 'STRICT' | 'PERMISSIVE' | 'DISABLE'): Promise<void> {
  await mesh().apply({ 'mesh.yaml': mutualTlsYaml(mode) });
  await eventually(`plaintext is ${mode === 'STRICT' ? 'refused' : 'answered'}`, async () => {
    const { received } = await exchange(await openTcp(direct().host, direct().port), get);
    return received.startsWith('HTTP/1.1 200') === (mode !== 'STRICT');
  });
}

test('plaintext to a STRICT port is closed and never reaches the application', async () => {
  const before = catalog.requests();
  const { host, port } = direct();
  const attempts = [get, 'hello\r\n', '\0'.repeat(64)];
  for (const text of attempts) expect((await exchange(await openTcp(host, port), text)).received).toBe('');
  await expect(fetchOnce({ host, port })).rejects.toThrow(/ECONNRESET|socket hang up/);
  expect(catalog.requests()).toBe(before);
  const refused = `listener.${host}_${port}.no_filter_chain_match`;
  await eventually('Envoy counted what it closed', async () => (await server.stat(refused)) === attempts.length + 1);
});

test('portLevelMtls is about the port of the workload, neither the Service’s nor that of its proxy (P29, P31)', async () => {
  const before = catalog.requests();
  const { host, port } = direct();
  const answered = async () => (await exchange(await openTcp(host, port), get)).received.startsWith('HTTP/1.1 200');
  const ofPort = (number: number) => `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: ports, namespace: shop }
spec: { selector: { matchLabels: { app: catalog } }, portLevelMtls: { ${number}: { mode: PERMISSIVE } } }
`;
  await mesh().apply({ 'ports.yaml': ofPort(9080) });
  await eventually('plaintext is answered', answered);
  expect((await fetchOnce(throughMesh())).status).toBe(200);
  for (const number of [80, port]) {
    await mesh().apply({ 'ports.yaml': ofPort(9080) });
    await eventually('plaintext is answered', answered);
    await mesh().apply({ 'ports.yaml': ofPort(number) });
    await eventually(`plaintext is refused with ${number}`, async () => !(await answered()));
  }
  const open = catalog.requests();
  expect(open).toBeGreaterThan(before);
  for (let call = 0; call < 10; call += 1) expect(await answered()).toBe(false);
  expect(catalog.requests()).toBe(open);
  await mesh().apply({ 'ports.yaml': undefined });
});

test('the server presents a certificate whose only name is its SPIFFE ID, and takes only one of this mesh', async () => {
  const svid = await mesh().certificate('frontend');
  const socket = await meshTls(direct(), svid);
  expect(socket.getProtocol()).toBe('TLSv1.3');
  expect(peerCertificate(socket).subjectAltName).toBe('URI:spiffe://demo.mesh/ns/shop/sa/catalog');
  const before = catalog.requests();
  expect((await exchange(socket, get)).received).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(catalog.requests()).toBe(before + 1);

  // In TLS 1.3 a client learns that its certificate was refused from the first thing it reads.
  const stranger = selfSigned('stranger.test');
  const foreign = { certificateChain: stranger.certificate, privateKey: { expose: () => stranger.key } };
  for (const credential of [undefined, foreign]) {
    const answered = await meshTls(direct(), credential as typeof svid | undefined).then(
      (refused) => exchange(refused, get),
      (error: Error) => ({ received: '', error: error.message }),
    );
    expect(answered.received).toBe('');
    expect(answered.error).toBeDefined();
  }
  await expect(meshTls(direct(), svid, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/protocol version/i);
  expect(catalog.requests()).toBe(before + 1);
});

test('the application is told the caller by its SPIFFE ID, whatever the caller claims', async () => {
  const forged = { 'x-forwarded-client-cert': 'URI=spiffe://demo.mesh/ns/shop/sa/admin' };
  const answer = await fetchOnce({ ...throughMesh(), headers: forged });
  expect(answer.status).toBe(200);
  const told = String(catalog.lastHeaders()['x-forwarded-client-cert']);
  expect(told.split(';').filter((part) => part.startsWith('URI='))).toEqual([
    'URI=spiffe://demo.mesh/ns/shop/sa/frontend',
  ]);
  expect(told).not.toContain('admin');
});

test('a server of another account than the registry says gets no request', async () => {
  await mesh().apply({ 'ledger.yaml': impostor(server.address) });
  const before = catalog.requests();
  const target = { host: client.address, port: mesh().localPort('ledger', 80) };
  const report = await sendRequests(target, 20, 1);
  expect(report.failures).toEqual({ 503: 20 });
  expect(catalog.requests()).toBe(before);
  // Each was tried three times (D1), and each time the certificate was looked at.
  expect(await client.stat('cluster.out_shop_ledger_80.ssl.fail_verify_san')).toBe(60);
});

test('PERMISSIVE takes both, DISABLE plaintext only, and STRICT is back at once', async () => {
  const svid = await mesh().certificate('frontend');
  const overTls = () =>
    meshTls(direct(), svid).then(
      async (socket) => (await exchange(socket, get)).received.slice(0, 15),
      () => 'refused',
    );
  const before = catalog.requests();
  let served = 0;
  await setMode('PERMISSIVE');
  expect(await overTls()).toBe('HTTP/1.1 200 OK');
  expect((await sendRequests(throughMesh(), 50)).failures).toEqual({});
  expect(String(catalog.lastHeaders()['x-forwarded-client-cert'])).toContain('sa/frontend');
  await setMode('DISABLE');
  expect(await overTls()).not.toBe('HTTP/1.1 200 OK');
  expect((await sendRequests(throughMesh(), 50)).failures).toEqual({});
  // Connections that were open are replaced, too (decision 58).
  await eventually('calls are plaintext', async () => {
    await fetchOnce(throughMesh());
    return catalog.lastHeaders()['x-forwarded-client-cert'] === undefined;
  });
  expect((await sendRequests(throughMesh(), 50)).failures).toEqual({});
  expect(catalog.lastHeaders()['x-forwarded-client-cert']).toBeUndefined();
  served = catalog.requests();
  await setMode('STRICT');
  expect(served).toBeGreaterThan(before + 100);
  const after = catalog.requests();
  expect((await exchange(await openTcp(direct().host, direct().port), get)).received).toBe('');
  expect(catalog.requests()).toBe(after);
  expect((await sendRequests(throughMesh(), 50)).failures).toEqual({});
});

test('STRICT reaches a plaintext connection that is open at its next request, and closes none of the mesh (E21)', async () => {
  await setMode('PERMISSIVE');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = () => fetchOnce({ ...direct(), agent });
  const first = await ask();
  expect(first.status).toBe(200);
  await mesh().apply({ 'mesh.yaml': mutualTlsYaml('STRICT') });
  const before = catalog.requests();
  const refused = await ask();
  agent.destroy();
  expect(refused).toMatchObject({ status: 403, localPort: first.localPort });
  expect(catalog.requests()).toBe(before);
  expect((await sendRequests(throughMesh(), 50)).failures).toEqual({});
});

test('changing between STRICT and PERMISSIVE under load fails no request', async () => {
  const before = catalog.requests();
  const load = startLoad(throughMesh(), 200);
  let probes = 0;
  for (const mode of ['PERMISSIVE', 'STRICT', 'PERMISSIVE', 'STRICT'] as const) {
    await mesh().apply({ 'mesh.yaml': mutualTlsYaml(mode) });
    const { received } = await eventually(`${mode} is in force`, async () => {
      const attempt = await exchange(await openTcp(direct().host, direct().port), get);
      // The listener may open a moment before the routes let callers without identity in.
      const served = attempt.received.startsWith('HTTP/1.1 200');
      if (served) probes += 1;
      return served === (mode === 'PERMISSIVE') && attempt;
    });
    expect(received.startsWith('HTTP/1.1 200')).toBe(mode === 'PERMISSIVE');
    await load.more(100);
  }
  const report = await load.stop();
  expect(report.failures).toEqual({});
  expect(report.sent).toBeGreaterThan(400);
  expect(catalog.requests()).toBe(before + report.sent + probes);
});
