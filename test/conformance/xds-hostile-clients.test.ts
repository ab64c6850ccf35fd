import { test } from 'vitest';
import { proveBombs } from '../support/hostile-bombs-proof.ts';
import { proveHoards } from '../support/hostile-hoards-proof.ts';
import { proveReaders } from '../support/hostile-readers-proof.ts';
import { useScenes } from '../support/hostile-scene.ts';

const start = useScenes();

test('T8 subscription bombs and giant nodes end their own stream', { timeout: 120_000 }, async () => {
  await proveBombs(await start(), 1);
});

test('T8 what one connection names is bounded in bytes, of all types together', { timeout: 120_000 }, async () => {
  // A quarter of the usual limit, which the promise fills.
  const subscribedBytes = 32 * 2 ** 20;
  await proveHoards(await start({ limits: { subscribedBytes } }), subscribedBytes);
});

test('T10 X21 X22 clients that never read cost little, are cut, and disturb nobody', { timeout: 120_000 }, async () => {
  const cutAfter = 6_000;
  const scene = await start({ connection: { slowReader: cutAfter } });
  await proveReaders(scene, { readers: 20, updates: 250, every: 2, cutAfter });
});
