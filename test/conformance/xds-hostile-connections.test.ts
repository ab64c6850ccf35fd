import { test } from 'vitest';
import { createCertificates } from '../../bench/support/certificates.ts';
import { wholeMesh } from '../../bench/support/mesh.ts';
import { proveDeadPeer, proveIdle, proveLoris } from '../support/hostile-idle-proof.ts';
import { useScenes } from '../support/hostile-scene.ts';
import { proveStorm } from '../support/hostile-storm-proof.ts';

const start = useScenes();
const certificates = createCertificates();
const everyone = 1_000_000;

test('T9 connections that never ask are closed in time, and good ones come in meanwhile', {
  timeout: 60_000,
}, async () => {
  const deadline = 3_000;
  const scene = await start({
    certificates,
    connection: { firstRequest: deadline },
  });
  await proveIdle(scene, certificates, { tcp: 300, tls: 40, deadline });
});

test('T9 a slow loris that speaks gRPC is closed in time', { timeout: 60_000 }, async () => {
  const deadline = 700;
  await proveLoris(await start({ connection: { firstRequest: deadline } }), 20, deadline);
});

test('F19 X15 a dead peer is noticed', { timeout: 60_000 }, async () => {
  const scene = await start({ connection: { keepaliveTime: 400, keepaliveTimeout: 300 } });
  await proveDeadPeer(scene, 2_500);
});

test('F18 X10 100 proxies come back at once', { timeout: 60_000 }, async () => {
  const services = 20;
  const scene = await start({
    certificates,
    resources: wholeMesh(services),
    connection: { unauthenticatedPerAddress: everyone },
    admission: 'default',
  });
  await proveStorm(scene, certificates, { count: 100, services });
});
