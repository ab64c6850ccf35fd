import { test } from 'vitest';
import { proveCallbacks } from '../support/hostile-callbacks-proof.ts';
import { useScenes } from '../support/hostile-scene.ts';

const start = useScenes();

test('F28 6.3 every callback fails in every way, ten times', async () => {
  await proveCallbacks(await start(), 10);
});
