import { portState } from '../../src/sidecar/port-owner.ts';

/** A port base whose usual ports nobody uses at this moment; below what the system gives to outgoing connections (32768). */
export async function freePortBase(): Promise<number> {
  for (;;) {
    const base = 20_000 + Math.floor(Math.random() * 6_000);
    const states = await Promise.all(
      [1, 12, 14, 80, 6_000, 6_001, 6_002, 6_003].map((offset) => portState('127.0.0.1', base + offset)),
    );
    if (states.every(({ kind }) => kind === 'free')) return base;
  }
}
