import { test } from 'vitest';
import { createCertificates } from '../../bench/support/certificates.ts';
import { wholeMesh } from '../../bench/support/mesh.ts';
import { proveDeadPeer, proveIdle, proveLoris } from '../support/hostile-idle-proof.ts';
import { useScenes } from '../support/hostile-scene.ts';
import { proveStorm } from '../support/hostile-storm-proof.ts';

const start = useScenes();
const certificates = createCertificates();
const deadline = 10_000;

test('T9 2,000 TCP and 200 TLS connections that never ask', async () => {
  await proveIdle(await start({ certificates }), certificates, { tcp: 2_000, tls: 200, deadline });
});

test('T9 a slow loris that speaks gRPC', async () => {
  await proveLoris(await start(), 200, deadline);
});

test('F19 a dead peer, with the keepalive that a server has by default', async () => {
  await proveDeadPeer(await start(), 41_000);
});

test('F18 1,000 proxies come back at once', async () => {
  const services = 100;
  const scene = await start({
    certificates,
    resources: wholeMesh(services),
    connection: { unauthenticatedPerAddress: 1_000_000 },
    admission: 'default',
  });
  await proveStorm(scene, certificates, { count: 1_000, services });
});
