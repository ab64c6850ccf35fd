import { expect } from 'vitest';
import { endpointType } from '../../src/xds/resource-types.ts';
import { mebibytes, promise, timeUntil, twice } from './hostile-promise.ts';
import { churned } from './hostile-protocol.ts';
import { connectRaw, data, openCall, opening, subscribe } from './hostile-raw.ts';
import { proxies, type Scene } from './hostile-scene.ts';

export interface ReaderCounts {
  readonly readers: number;
  readonly updates: number;
  /** Milliseconds between two updates. */
  readonly every: number;
  /** The server's `slowReader`. */
  readonly cutAfter: number;
}

/** More than the window that a client gives by default, so that it stands in the server and not in the kernel. */
const bytes = 200_000;

/**
 * T10, F19: clients that ask and never read. What stands for them in the server is bounded whatever the number of updates, their
 * connections are destroyed after the time for slow readers, and the good proxies do not notice.
 */
export async function proveReaders(scene: Scene, { readers, updates, every, cutAfter }: ReaderCounts): Promise<void> {
  const { port, server, account, settle, connectProxies, watch } = scene;
  await connectProxies();
  const churn = async (count: number): Promise<void> => {
    await server.ask('churn', { count, bytes, every });
    await timeUntil(async () => (await account()).churning === 0, 600_000);
  };
  await churn(10);
  const quiet = await watch(churn(Math.ceil(updates / 4)));
  const base = await settle();
  const silent = Array.from({ length: readers }, (_, index) =>
    connectRaw(port, { silent: true, from: `127.0.1.${(index % 200) + 1}` }),
  );
  for (const [index, connection] of silent.entries()) {
    await connection.connected;
    const ask = data(subscribe(endpointType, [churned], `never-reads-${index}`));
    await connection.write(Buffer.concat([opening(), openCall(1), ask]));
  }
  const began = performance.now();
  // Sixteen begin at once, and who acknowledges nothing keeps its place for a second (X22).
  const all = await timeUntil(async () => (await account()).others === readers, 5_000 + (readers / 16) * 1_000);
  expect(all, 'every reader has its stream').toBeDefined();
  const felt = await watch(churn(updates));
  const still = (await account()).others;
  const during = await settle();
  const cut = await timeUntil(async () => (await account()).others === 0, 2 * cutAfter);
  const cutAt = (performance.now() - began) / 1_000;
  const more = ({ external, heap }: typeof base) => external + heap - base.external - base.heap;
  let after = await settle();
  const back = await timeUntil(async () => {
    after = await settle();
    return more(after) < 4 * 2 ** 20;
  }, 5_000);
  promise(
    'T10',
    [
      `${readers} clients that never read, ${updates} updates of ${bytes / 1_000} kB (${still} of them there at the end): ${mebibytes(more(during))} more (limit 50)`,
      `cut after ${cutAt.toFixed(1)} s (slow readers after ${cutAfter / 1_000} s), then ${mebibytes(more(after))} more after ${back?.toFixed(0)} ms`,
      `p99 of a push to ${proxies} others ${felt.p99.toFixed(0)} ms, without those readers ${quiet.p99.toFixed(0)} ms; ${felt.lost} lost`,
    ].join('; '),
  );
  expect(still, 'they were there all the time').toBe(readers);
  expect(more(during)).toBeLessThan(50 * 2 ** 20);
  expect(cut, 'they are cut').toBeDefined();
  expect(back, 'memory is back').toBeDefined();
  expect(felt.lost).toBe(0);
  expect(felt.p99).toBeLessThan(twice(quiet.p99));
  for (const { destroy } of silent) destroy();
}
