import { expect } from 'vitest';
import { routeNames, serviceNames } from '../../bench/support/mesh.ts';
import type { Certificates, Role } from '../../bench/support/protocol.ts';
import { mebibytes, pause, promise } from './hostile-promise.ts';
import type { Scene } from './hostile-scene.ts';

/** F18: all proxies lose their connections and come again at once over mTLS, with the admission that a server has by default. */
export async function proveStorm(
  { port, server, load, account }: Scene,
  certificates: Certificates,
  { count, services }: { readonly count: number; readonly services: number },
): Promise<void> {
  const connect = (role: Role, concurrency: number) =>
    load.ask('connect', {
      port,
      certificates,
      role,
      count,
      concurrency,
      endpoints: serviceNames(services),
      routes: routeNames,
    });
  await connect('everything', 32);
  await load.ask('leave', {});
  await pause(500);
  await server.ask('watchLoop', {});
  const { wall, p99, retries } = await connect('returning', count);
  const { loopP99, rss, peakRss } = await server.ask('usage', {});
  // What comes late would come now.
  await pause(500);
  const { resources } = await load.ask('arrivals', {});
  const { good, withdrawals } = await account();
  promise(
    'F18',
    [
      `${count} proxies come back at once over mTLS: all current after ${(wall / 1_000).toFixed(1)} s (limit 60 s), p99 ${(p99 / 1_000).toFixed(1)} s, ${retries} turned away and back`,
      `${withdrawals} withdrawals, ${resources} resources sent again`,
      `event loop p99 ${loopP99.toFixed(0)} ms (limit 500 ms), RSS ${mebibytes(rss)}, at most ${mebibytes(peakRss)} (limit 512)`,
    ].join('; '),
  );
  expect(good).toBe(count);
  expect(wall).toBeLessThan(60_000);
  expect(withdrawals).toBe(0);
  expect(resources).toBe(0);
  expect(loopP99).toBeLessThan(500);
  expect(peakRss).toBeLessThan(512 * 2 ** 20);
}
