// 1,000 proxies connect at once to a mesh of 1,000 services, holding nothing (performance.md 4, `cold`): what it costs the server
// beside the floor, and what the proxies that are connected already notice of it. `--peers`: go-control-plane too.
import { setTimeout as pause } from 'node:timers/promises';
import { createCertificates } from './support/certificates.ts';
import { type Contestant, startContestant, starters, startWeft } from './support/contestant.ts';
import { requireDescriptors } from './support/descriptors.ts';
import { goalsOf, median, printTable } from './support/figures.ts';
import { assignment, routeNames, serviceNames, wholeMesh } from './support/mesh.ts';
import { buildPeers } from './support/peers.ts';
import { connectWatchers, probe, probeWhile } from './support/probe.ts';
import type { Certificates, Connected } from './support/protocol.ts';
import { watchRest } from './support/rest.ts';

const [proxies, services, rounds] = [1_000, 1_000, 3];
const quietTime = 5_000;

interface Samples {
  readonly wall: number[];
  readonly p99: number[];
  readonly retries: number[];
  readonly cpu: number[];
  /** Of the first herd, at a server that has done nothing yet. */
  readonly first: number[];
  readonly clientCpu: number[];
  readonly rss: number[];
  readonly peak: number[];
}

function herd({ load, port }: Pick<Contestant, 'load' | 'port'>, certificates?: Certificates): Promise<Connected> {
  return load.ask('connect', {
    port,
    ...(certificates === undefined ? {} : { certificates }),
    role: 'everything',
    count: proxies,
    concurrency: proxies,
    endpoints: serviceNames(services),
    routes: routeNames,
  });
}

/** Lets the proxies of a load client go, and the server notice. */
async function leave({ load }: Pick<Contestant, 'load'>): Promise<void> {
  await load.ask('leave', {});
  await pause(1_500);
}

/**
 * Three cold starts at one server. What its memory grows by is seen at the first, when it is fresh. What proxies that hold nothing cost is
 * seen at the third: a server has run for weeks when a thousand come at once, and its code is compiled.
 */
async function measure(contestant: Contestant, samples: Samples, certificates?: Certificates): Promise<number> {
  const fresh = await contestant.server.ask('usage', {});
  await herd(contestant, certificates);
  const grown = await contestant.server.ask('usage', {});
  await leave(contestant);
  await herd(contestant, certificates);
  await leave(contestant);
  const before = await contestant.server.ask('usage', {});
  const { wall, p99, cpu, bytes, retries } = await herd(contestant, certificates);
  const after = await contestant.server.ask('usage', {});
  samples.first.push(grown.cpu - fresh.cpu);
  samples.wall.push(wall);
  samples.retries.push(retries);
  samples.p99.push(p99);
  samples.cpu.push(after.cpu - before.cpu);
  samples.clientCpu.push(cpu);
  samples.rss.push((grown.rss - fresh.rss) / 1024 / proxies);
  samples.peak.push((grown.peakRss - fresh.rss) / 1024 / proxies);
  return bytes / proxies;
}

/**
 * p99 of a push to 50 other proxies: in quiet, while a herd connects to another server beside it, and to the same one. The herd itself takes
 * a core from those who are pushed to: what the server does to them is the third against the second.
 */
async function disturb(certificates?: Certificates): Promise<readonly [number, number, number]> {
  const resources = [...wholeMesh(services), assignment(probe, 50)];
  const own = await startContestant('weft', startWeft(), { resources, certificates });
  const herdOfOwn = await startContestant('weft', startWeft(), { resources, certificates });
  const herdAt = (port: number) => herd({ load: herdOfOwn.load, port }, certificates);
  for (const { port } of [own, herdOfOwn]) {
    await herdAt(port);
    await leave(herdOfOwn);
  }
  await connectWatchers(own, certificates);
  const [quiet, beside, meanwhile]: number[][] = [[], [], []];
  for (let round = 1; round <= rounds; round += 1) {
    quiet?.push(await probeWhile(own, pause(quietTime)));
    beside?.push(await probeWhile(own, herdAt(herdOfOwn.port)));
    await leave(herdOfOwn);
    meanwhile?.push(await probeWhile(own, herdAt(own.port)));
    await leave(herdOfOwn);
  }
  await Promise.all([own.end(), herdOfOwn.end()]);
  return [median(quiet ?? []), median(beside ?? []), median(meanwhile ?? [])];
}

requireDescriptors(proxies);
const peers = buildPeers('go-control-plane');
const identities = createCertificates();
console.log(
  `cold     ${proxies} proxies that hold nothing connect at once to a mesh of ${services} services, three times; medians of ${rounds} interleaved rounds, each with`,
);
console.log(
  '         a fresh server; wall, p99 over the proxies and processor time of the third herd in milliseconds; memory after the first in KiB per proxy',
);
for (const transport of ['plain', 'mtls'] as const) {
  const certificates = transport === 'mtls' ? identities : undefined;
  const all = new Map<string, Samples>();
  let [rest, bytes] = ['', 0];
  for (let round = 1; round <= rounds; round += 1)
    for (const [name, start] of starters(peers)) {
      const samples = all.get(name) ?? {
        wall: [],
        p99: [],
        retries: [],
        cpu: [],
        first: [],
        clientCpu: [],
        rss: [],
        peak: [],
      };
      all.set(name, samples);
      const contestant = await startContestant(name, start(), { resources: wholeMesh(services), certificates });
      bytes = Math.max(bytes, await measure(contestant, samples, certificates));
      if (name === 'weft' && round === rounds) rest = await watchRest(contestant);
      await contestant.end();
    }
  const titles = ['', 'wall', 'p99', 'retries', 'server cpu', 'first herd', 'client cpu', 'rss growth', 'peak growth'];
  printTable(
    titles,
    Array.from(all, ([name, { wall, p99, retries, cpu, first, clientCpu, rss, peak }]) => [
      `${transport} ${name}`,
      ...[wall, p99, retries, cpu, first, clientCpu, rss, peak].map(median),
    ]),
  );
  const { atMost } = goalsOf(transport);
  const cpuOf = (name: string) => median(all.get(name)?.cpu ?? []);
  console.log(`         ${(bytes / 1e6).toFixed(2)} MB to each proxy; ${rest}`);
  console.log(`         server cpu ${atMost(cpuOf('weft') / cpuOf('floor'), 2.5, '× the floor')}`);
  for (const name of peers.keys()) {
    const ratio = cpuOf('weft') / cpuOf(name);
    // Of mTLS the greater part is encryption, which is the same for everybody: the floor itself is above a third.
    const said = transport === 'plain' ? atMost(ratio, 0.33, `× ${name}`) : `${ratio.toFixed(2)} × ${name}`;
    console.log(`         server cpu ${said}`);
  }
  if (transport === 'mtls')
    console.log(`         memory ${atMost(median(all.get('weft')?.rss ?? []), 300, 'KiB per proxy', 0)}`);
  const [quiet, beside, meanwhile] = await disturb(certificates);
  console.log(
    `         p99 of a push to 50 others: quiet ${quiet.toFixed(1)} ms, with the herd at another server on this machine ${beside.toFixed(1)} ms, at the same server ${meanwhile.toFixed(1)} ms: ${atMost(meanwhile / beside, 2, '× the other server')}, ${(meanwhile / quiet).toFixed(2)} × quiet`,
  );
}
