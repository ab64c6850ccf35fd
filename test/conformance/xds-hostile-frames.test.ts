import { test } from 'vitest';
import { proveDecoders, proveWire } from '../support/hostile-decoders-proof.ts';
import { useScenes } from '../support/hostile-scene.ts';

const start = useScenes();

test('T7 no decoder throws anything but a refusal', { timeout: 60_000 }, () => {
  proveDecoders(8_000, 1);
});

test('T7 wrong messages and frames end their stream or connection, and nothing else', { timeout: 90_000 }, async () => {
  const scene = await start({ connection: { unauthenticatedPerAddress: 1_000_000 } });
  await proveWire(scene, { calls: 1_000, connections: 200 });
});
