import { expect, test } from 'vitest';
import { startApplication } from '../support/application.ts';
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
  await catalog.close();
});
