import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import { createTestAuthority } from '../support/test-certificates.ts';
import { nextAddress, startTestMesh } from '../support/test-mesh.ts';
import { startTlsApplication } from '../support/tls-application.ts';

test('a file that is missing beside the proxy is told, keeps its own calls from leaving, and is used once it is there and asked for again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-files-'));
  const authority = createTestAuthority('late');
  const address = nextAddress();
  const late = await startTlsApplication({ address, port: 0 }, 'late', authority.issue({ names: ['late.test'] }));
  const mesh = await startTestMesh({ policies: { 'mesh.yaml': '' } });
  try {
    await mesh.apply({
      'shop/late.yaml': `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: late, namespace: shop }
spec:
  hosts: [late.test]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: ${address}, ports: { http: ${late.port} } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: late, namespace: shop }
spec: { host: late.test, trafficPolicy: { tls: { mode: SIMPLE, caCertificates: ${folder}/roots/ca.crt } } }
`,
    });
    const client = await mesh.join({ service: 'frontend' });
    const ask = () => fetchOnce({ host: client.address, port: client.proxyPort, path: 'http://late.test/' });
    const { values } = mesh.controlPlane();
    const refusal = () => values.proxies().find(({ name }) => name === 'frontend-1')?.types.SDS?.error;
    await eventually('the proxy says which file it misses', () => refusal() !== undefined);
    expect(refusal()?.message).toContain(`${folder}/roots/ca.crt`);
    await eventually('its calls do not leave', async () => (await ask()).status === 503);
    expect(late.requests()).toBe(0);
    mkdirSync(join(folder, 'roots'));
    writeFileSync(join(folder, 'roots/new'), authority.certificate);
    renameSync(join(folder, 'roots/new'), join(folder, 'roots/ca.crt'));
    await values.release(refusal()?.resources[0] ?? '');
    await eventually('the file is used', async () => (await ask()).status === 200);
  } finally {
    await mesh.close({ checkRejected: false });
    await late.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
