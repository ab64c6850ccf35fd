import { setTimeout as pause } from 'node:timers/promises';
import type { Contestant } from './contestant.ts';
import { quantile } from './figures.ts';
import { assignment } from './mesh.ts';
import { type Certificates, monotonic } from './protocol.ts';

/** An assignment that the watching proxies ask for, and nobody else. */
export const probe = 'probe';
const watchers = 50;
/** Milliseconds between two changes. They are made at their times, whether or not the one before has arrived. */
const period = 50;
const patience = 60_000;
let mark = 0;

export async function connectWatchers({ load, port }: Contestant, certificates?: Certificates): Promise<void> {
  await load.ask('connect', {
    port,
    ...(certificates === undefined ? {} : { certificates }),
    role: 'endpoints',
    count: watchers,
    concurrency: watchers,
    endpoints: [probe],
    routes: [],
  });
}

/**
 * Changes the probe again and again until `meanwhile` is over. Returns the p99, over all changes and watchers, of the milliseconds
 * from when a change was asked for until a watcher had it, or a newer one: changes may merge on their way.
 */
export async function probeWhile({ server, load }: Contestant, meanwhile: Promise<unknown>): Promise<number> {
  const changes: { readonly at: number; readonly versions: Promise<{ readonly versions: readonly string[] }> }[] = [];
  let over = false;
  const ends = meanwhile.finally(() => {
    over = true;
  });
  await load.ask('clear', {});
  for (let next = monotonic(); !over; next += period) {
    await pause(Math.max(0, next - monotonic()));
    mark += 1;
    const versions = server.ask('put', { resources: [assignment(probe, 50, mark)] });
    changes.push({ at: monotonic(), versions });
  }
  await ends;
  const order = new Map<string, number>();
  for (const { versions } of changes) order.set((await versions).versions[0] ?? '', order.size);
  const ranks = await arrived(load, order);
  const delays = changes.flatMap(({ at }, index) =>
    ranks.map((arrivals) => (arrivals.find(({ rank }) => rank >= index)?.time ?? Number.NaN) - at),
  );
  return quantile(delays, 0.99);
}

/** What every watcher has got, once all have the last change. */
async function arrived(load: Contestant['load'], order: ReadonlyMap<string, number>) {
  const deadline = monotonic() + patience;
  while (monotonic() < deadline) {
    const { times, versions } = await load.ask('arrivals', {});
    const ranks = times.map((ofProxy, proxy) =>
      ofProxy.map((time, index) => ({ time, rank: order.get(versions[proxy]?.[index] ?? '') ?? -1 })),
    );
    if (ranks.every((arrivals) => arrivals.at(-1)?.rank === order.size - 1)) return ranks;
    await pause(20);
  }
  throw new Error(`the last change has not reached every watcher after ${patience / 1000} s`);
}
