import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApplication } from '../support/application.ts';
import { fetchOnce } from '../support/load.ts';
import { shopPolicies, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startTestMesh({ policies: await shopPolicies() });
});

afterAll(() => mesh.close());

test('a call goes from one sidecar to another by name and by local port', async () => {
  const address = mesh.nextAddress();
  const catalog = await startApplication({ address, port: 9080 }, 'catalog');
  await mesh.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
  const client = await mesh.join({ service: 'frontend' });
  await mesh.synced();
  const byName = await fetchOnce({ host: client.address, port: client.proxyPort, path: 'http://catalog.shop/books' });
  expect(byName).toMatchObject({ status: 200, body: 'catalog\n' });
  const byPort = await fetchOnce({ host: client.address, port: client.localPort('catalog', 80) });
  expect(byPort).toMatchObject({ status: 200, body: 'catalog\n' });
  expect(catalog.requests()).toBe(2);
  await catalog.close();
});
