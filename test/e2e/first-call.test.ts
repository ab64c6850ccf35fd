import { expect, test } from 'vitest';
import type { EdgeRow } from '../../src/model/traffic.ts';
import { startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import { shopPolicies, useTestMesh } from '../support/test-mesh.ts';

const mesh = useTestMesh(async () => ({ policies: await shopPolicies() }));

test('a call goes from one sidecar to another by name and by local port', async () => {
  const address = mesh().nextAddress();
  const catalog = await startApplication({ address, port: 9080 }, 'catalog');
  await mesh().join({ service: 'catalog', address, ports: [{ port: 9080 }] });
  const client = await mesh().join({ service: 'frontend' });
  await mesh().synced();
  const byName = await fetchOnce({ host: client.address, port: client.proxyPort, path: 'http://catalog.shop/books' });
  expect(byName).toMatchObject({ status: 200, body: 'catalog\n' });
  const byPort = await fetchOnce({ host: client.address, port: mesh().localPort('catalog', 80) });
  expect(byPort).toMatchObject({ status: 200, body: 'catalog\n' });
  expect(catalog.requests()).toBe(2);

  // Both sidecars counted the two calls, and the control plane knows who called whom, and that it was mutual TLS.
  const { adminPort } = mesh().controlPlane();
  const ask = async (path: string) => (await fetchOnce({ host: '127.0.0.1', port: adminPort, path })).body;
  const edge = await eventually('the calls are counted', async () => {
    const { items } = JSON.parse(await ask('/api/v1/edges?windowSeconds=60')) as { items: EdgeRow[] };
    // The two sides report by their own clocks; the caller's word counts once it is there.
    return items.find(({ to, requests, reporter }) => to === 'catalog' && requests === 2 && reporter === 'source');
  });
  expect(edge).toMatchObject({ from: 'frontend', success: 1, mtls: true });
  expect(edge.p99).toBeGreaterThan(0);
  // It may have reported between the two calls.
  const line = await eventually('the receiving side reported both, too', async () =>
    (await ask('/metrics/mesh'))
      .split('\n')
      .find(
        (text) =>
          text.startsWith('istio_requests_total{') && text.includes('reporter="destination"') && text.endsWith(' 2'),
      ),
  );
  expect(line).toMatch(/source_principal="spiffe:\/\/demo\.mesh\/ns\/shop\/sa\/frontend".* 2$/);
  expect(line).toContain('connection_security_policy="mutual_tls"');
  await catalog.close();
});
