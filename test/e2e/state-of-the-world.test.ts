import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseToken } from '../../src/ca/token.ts';
import { createBootstrap } from '../../src/sidecar/bootstrap.ts';
import { createEnvoyAdmin } from '../../src/sidecar/envoy-admin.ts';
import { spawnLeashed } from '../../src/sidecar/spawn-leashed.ts';
import { startApplication } from '../support/application.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import { nextAddress, shopPolicies, useTestMesh } from '../support/test-mesh.ts';

const mesh = useTestMesh(async () => ({ policies: await shopPolicies() }));

test('an Envoy that speaks state of the world is a member like any other: it calls, follows a commit, refuses nothing', async () => {
  const address = nextAddress();
  const catalog = await startApplication({ address, port: 9080 }, 'catalog');
  await mesh().join({ service: 'catalog', address, ports: [{ port: 9080 }] });
  const folder = await mkdtemp(join(tmpdir(), 'weft-sotw-'));
  const bind = nextAddress();
  const admin = { kind: 'pipe', path: join(folder, 'admin.sock') } as const;
  const controlPlane = mesh().controlPlane();
  const bootstrap = createBootstrap({
    nodeId: 'frontend-9.shop',
    metadata: { service: 'frontend', namespace: 'shop', capture: { bind, proxy: 15_001, ports: false } },
    controlPlane: {
      host: '127.0.0.1',
      port: controlPlane.xdsPort,
      serverName: 'xds.weft',
      rootPem: controlPlane.rootPem,
    },
    credential: parseToken(await mesh().token('frontend')).bearer,
    admin,
    stats: { flushInterval: 1_000 },
  });
  // The one difference: whole sets instead of changes.
  const text = JSON.stringify(bootstrap).replace('"DELTA_GRPC"', '"GRPC"');
  expect(text).toContain('"api_type":"GRPC"');
  await writeFile(join(folder, 'envoy.json'), text, { mode: 0o600 });
  const flags = ['-c', join(folder, 'envoy.json'), '--disable-hot-restart', '--concurrency', '1'];
  const envoy = spawnLeashed(await envoyPath(), flags, () => undefined);
  try {
    const call = () => fetchOnce({ host: bind, port: 15_001, path: 'http://catalog.shop/books' });
    await eventually('the first call', async () => (await call()).status === 200);
    const report = () => controlPlane.values.streams().find(({ proxyId }) => proxyId === 'frontend-9.shop');
    expect(report()?.variant).toBe('sotw');
    await mesh().commit({
      'catalog-route.yaml': `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: catalog, namespace: shop }
spec: { hosts: [catalog], http: [{ headers: { response: { set: { x-commit: second } } }, route: [{ destination: { host: catalog } }] }] }
`,
    });
    await eventually('the commit acts', async () => (await call()).headers['x-commit'] === 'second');
    const status = () => controlPlane.values.proxies().find(({ name }) => name === 'frontend-9')?.status;
    // Nothing that only delta has is waited for.
    await eventually('the proxy has the commit', async () => status() === 'SYNCED');
    const stats = await createEnvoyAdmin(admin).stats('update_rejected|init_fetch_timeout');
    expect([...stats].filter(([, value]) => value > 0)).toEqual([]);
  } finally {
    envoy.kill('SIGKILL');
    await envoy.exited;
    await rm(folder, { recursive: true, force: true });
    await catalog.close();
  }
});
