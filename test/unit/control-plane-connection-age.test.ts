import { connect } from 'node:http2';
import { afterEach, expect, test } from 'vitest';
import { serviceYaml, startTestMesh } from '../support/test-mesh.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

test('X17 xds.maxConnectionAge says after how long a connection is told to come again', async () => {
  const mesh = await startTestMesh({
    policies: { 'shop.yaml': serviceYaml('reviews') },
    settings: { 'xds.maxConnectionAge': '1s' },
  });
  closing.push(() => mesh.close());
  const { xdsPort, rootPem } = mesh.controlPlane();
  const startedAt = performance.now();
  const session = connect(`https://127.0.0.1:${xdsPort}`, { ca: rootPem });
  closing.push(() => session.destroy());
  session.on('error', () => {});
  await new Promise<void>((resolve) => session.once('goaway', () => resolve()));
  const age = performance.now() - startedAt;
  expect(age).toBeGreaterThan(850);
  expect(age).toBeLessThan(5_000);
});
