import { test } from 'vitest';
import { proveBombs } from '../support/hostile-bombs-proof.ts';
import { proveHoards } from '../support/hostile-hoards-proof.ts';
import { proveReaders } from '../support/hostile-readers-proof.ts';
import { useScenes } from '../support/hostile-scene.ts';

const start = useScenes();

test('T8 subscription bombs and giant nodes, 20 times each', async () => {
  await proveBombs(await start(), 20);
});

test('T8 what one connection names is bounded in bytes', async () => {
  await proveHoards(await start());
});

test('T10 100 clients that never read, 10,000 updates', async () => {
  const cutAfter = 60_000;
  const scene = await start({ connection: { slowReader: cutAfter, keepaliveTime: 2 * cutAfter } });
  await proveReaders(scene, { readers: 100, updates: 10_000, every: 2, cutAfter });
});
