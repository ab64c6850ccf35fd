import { test } from 'vitest';
import { proveDecoders, proveWire } from '../support/hostile-decoders-proof.ts';
import { useScenes } from '../support/hostile-scene.ts';

const start = useScenes();

test('T7 a million mutated frames through every decoder', () => {
  proveDecoders(1_000_000, 2);
});

test('T7 100,000 mutated calls and 20,000 mutated connections over the wire', async () => {
  const scene = await start({ connection: { unauthenticatedPerAddress: 1_000_000 } });
  await proveWire(scene, { calls: 100_000, connections: 20_000 });
});
