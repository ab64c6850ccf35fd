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

/** One cold start of a fresh server. */
async function measure(contestant: Contestant, samples: Samples, certificates?: Certificates): Promise<number> {
  const before = await contestant.server.ask('usage', {});
  const { wall, p99, cpu, bytes, retries } = await herd(contestant, certificates);
  const after = await contestant.server.ask('usage', {});
  samples.wall.push(wall);
  samples.retries.push(retries);
  samples.p99.push(p99);
  samples.cpu.push(after.cpu - before.cpu);
  samples.clientCpu.push(cpu);
  samples.rss.push((after.rss - before.rss) / 1024 / proxies);
  samples.peak.push((after.peakRss - before.rss) / 1024 / proxies);
  return bytes / proxies;
}

/** p99 of a push to 50 other proxies: in quiet, while a herd connects to another server beside it, and to the same one. */
async function disturb(certificates?: Certificates): Promise<readonly [number, number, number]> {
  const resources = [...wholeMesh(services), assignment(probe, 50)];
  const own = await startContestant('weft', startWeft(), { resources, certificates });
  const herdOfOwn = await startContestant('weft', startWeft(), { resources, certificates });
  await connectWatchers(own, certificates);
  const quiet = await probeWhile(own, pause(quietTime));
  const beside = await probeWhile(own, herd(herdOfOwn, certificates));
  await herdOfOwn.load.ask('leave', {});
  await pause(1_000);
  const meanwhile = await probeWhile(own, herd({ load: herdOfOwn.load, port: own.port }, certificates));
  await Promise.all([own.end(), herdOfOwn.end()]);
  return [quiet, beside, meanwhile];
}

requireDescriptors(proxies);
const peers = buildPeers('go-control-plane');
const identities = createCertificates();
console.log(
  `cold     ${proxies} proxies connect at once to a mesh of ${services} services; medians of ${rounds} interleaved rounds, each with`,
);
console.log(
  '         a fresh server; wall, p99 over the proxies and processor time in milliseconds; memory in KiB per proxy',
);
for (const transport of ['plain', 'mtls'] as const) {
  const certificates = transport === 'mtls' ? identities : undefined;
  const all = new Map<string, Samples>();
  let [rest, bytes] = ['', 0];
  for (let round = 1; round <= rounds; round += 1)
    for (const [name, start] of starters(peers)) {
      const samples = all.get(name) ?? { wall: [], p99: [], retries: [], cpu: [], clientCpu: [], rss: [], peak: [] };
      all.set(name, samples);
      const contestant = await startContestant(name, start(), { resources: wholeMesh(services), certificates });
      bytes = Math.max(bytes, await measure(contestant, samples, certificates));
      if (name === 'weft' && round === rounds) rest = await watchRest(contestant);
      await contestant.end();
    }
  const titles = ['', 'wall', 'p99', 'retries', 'server cpu', 'client cpu', 'rss growth', 'peak growth'];
  printTable(
    titles,
    Array.from(all, ([name, { wall, p99, retries, cpu, clientCpu, rss, peak }]) => [
      `${transport} ${name}`,
      ...[wall, p99, retries, cpu, clientCpu, rss, peak].map(median),
    ]),
  );
  const { atMost } = goalsOf(transport);
  const cpuOf = (name: string) => median(all.get(name)?.cpu ?? []);
  console.log(`         ${(bytes / 1e6).toFixed(2)} MB to each proxy; ${rest}`);
  console.log(`         server cpu ${atMost(cpuOf('weft') / cpuOf('floor'), 2.5, '× the floor')}`);
  for (const name of peers.keys())
    console.log(`         server cpu ${atMost(cpuOf('weft') / cpuOf(name), 0.33, `× ${name}`)}`);
  if (transport === 'mtls')
    console.log(`         memory ${atMost(median(all.get('weft')?.rss ?? []), 300, 'KiB per proxy', 0)}`);
  const [quiet, beside, meanwhile] = await disturb(certificates);
  console.log(
    `         p99 of a push to 50 others: quiet ${quiet.toFixed(1)} ms, with the herd at another server on this machine ${beside.toFixed(1)} ms, at the same server ${meanwhile.toFixed(1)} ms: ${atMost(meanwhile / quiet, 2, '× quiet')}, ${(meanwhile / beside).toFixed(2)} × the other server`,
  );
}
