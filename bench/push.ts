// One endpoint of a 50-endpoint assignment changes → all N delta streams have acknowledged it (performance.md 4, `push`).
// Each stream is subscribed to 1,000 services. With `--peers` go-control-plane takes part in the same rounds.
import { createCertificates } from './support/certificates.ts';
import { type Contestant, startContestant, startFloor, startWeft } from './support/contestant.ts';
import { requireDescriptors } from './support/descriptors.ts';
import { againstGoal, median, printTable, quantile } from './support/figures.ts';
import { assignment, assignments, hot, serviceNames } from './support/mesh.ts';
import type { Certificates, ResourceText } from './support/protocol.ts';
import { watchRest } from './support/rest.ts';

const sizes = [100, 1_000, 4_000] as const;
const services = 1_000;
const [warmUps, rounds] = [3, 15];
const goals = { plain: 2, mtls: 1.6 } as const;

interface Samples {
  readonly contestant: Contestant;
  readonly took: number[];
  readonly cpu: number[];
  readonly encodes: number[];
  readonly p50: number[];
  readonly p99: number[];
  readonly loadCpu: number[];
}

async function join(contestant: Contestant, size: number, certificates: Certificates | undefined): Promise<Samples> {
  await contestant.load.ask('connect', {
    port: contestant.port,
    ...(certificates === undefined ? {} : { certificates }),
    role: 'endpoints',
    count: size,
    concurrency: 32,
    endpoints: serviceNames(services),
    routes: [],
  });
  return { contestant, took: [], cpu: [], encodes: [], p50: [], p99: [], loadCpu: [] };
}

async function pushOnce(samples: Samples, change: ResourceText, size: number, counts: boolean): Promise<void> {
  const { server, load } = samples.contestant;
  await load.ask('clear', {});
  const before = await load.ask('arrivals', {});
  const pushed = await server.ask('push', { resources: [change], streams: size });
  const { times, cpu } = await load.ask('arrivals', {});
  if (!counts) return;
  const delays = times.flat().map((time) => time - pushed.startedAt);
  if (delays.length !== size) throw new Error(`${delays.length} responses came for ${size} streams`);
  samples.took.push(pushed.took);
  samples.cpu.push(pushed.cpu);
  samples.encodes.push(pushed.encodes);
  samples.p50.push(quantile(delays, 0.5));
  samples.p99.push(quantile(delays, 0.99));
  samples.loadCpu.push(cpu - before.cpu);
}

requireDescriptors(Math.max(...sizes));
const hotBytes = Buffer.from(assignment(hot, 50).value, 'base64').length;
console.log(
  `push     one endpoint of 50 changes (${hotBytes} bytes) → N delta streams, each subscribed to ${services}`,
);
console.log(
  `         services, have acknowledged; medians of ${rounds} interleaved rounds, milliseconds; every server and`,
);
console.log('         its load client are processes of their own; the floor is HTTP/2 by hand with one frame for all');
const titles = ['', 'N', 'all acked', 'p50', 'p99', 'server cpu', 'client cpu', 'encodes'];
const rows: (string | number)[][] = [];
const verdicts: string[] = [];
const certificatesOfRun = createCertificates();
for (const transport of ['plain', 'mtls'] as const) {
  const certificates = transport === 'mtls' ? certificatesOfRun : undefined;
  for (const size of sizes) {
    const resources = assignments(services, 1);
    const contestants = [
      await startContestant('weft', startWeft(), { resources, certificates }),
      await startContestant('floor', startFloor(), { resources, certificates }),
    ];
    const all: Samples[] = [];
    for (const contestant of contestants) all.push(await join(contestant, size, certificates));
    for (let round = 1; round <= warmUps + rounds; round += 1)
      for (const samples of all) await pushOnce(samples, assignment(hot, 50, round), size, round > warmUps);
    for (const { contestant, took, p50, p99, cpu, loadCpu, encodes } of all) {
      const figures = [took, p50, p99, cpu, loadCpu, encodes].map(median);
      rows.push([`${transport} ${contestant.name}`, size, ...figures]);
    }
    const [weft, floor] = all;
    if (weft !== undefined && floor !== undefined) {
      const ratio = median(weft.took) / median(floor.took);
      verdicts.push(
        `${transport} N=${size}: ${againstGoal(ratio, goals[transport])} × the floor; server cpu ${(median(weft.cpu) / median(floor.cpu)).toFixed(2)} ×; ${await watchRest(weft.contestant)}`,
      );
    }
    await Promise.all(contestants.map((contestant) => contestant.end()));
  }
}
printTable(titles, rows);
for (const verdict of verdicts) console.log(`         ${verdict}`);
