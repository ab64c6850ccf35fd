import { test } from 'vitest';
import { proveCallbacks } from '../support/hostile-callbacks-proof.ts';
import { useScenes } from '../support/hostile-scene.ts';

const start = useScenes();

test('F28 6.3 a callback that fails ends its stream, and no other', { timeout: 90_000 }, async () => {
  await proveCallbacks(await start(), 1);
});
