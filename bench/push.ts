// One endpoint of a 50-endpoint assignment changes → all N delta streams have acknowledged it (performance.md 4, `push`).
// Each stream is subscribed to 1,000 services. With `--peers` go-control-plane takes part in the same rounds, with `--istiod` istiod's
// discovery server (its push stage: without debouncing, in plaintext).
import { createCertificates } from './support/certificates.ts';
import { type Contestant, startContestant, starters } from './support/contestant.ts';
import { requireDescriptors } from './support/descriptors.ts';
import { goalsOf, median, printTable, quantile } from './support/figures.ts';
import { assignment, assignments, hot, serviceNames } from './support/mesh.ts';
import { buildPeers, istiodName, largestPeerFleet } from './support/peers.ts';
import type { Certificates, ResourceText } from './support/protocol.ts';
import { watchRest } from './support/rest.ts';

const sizes = [100, 1_000, 4_000] as const;
const services = 1_000;
/** A push to few streams is short: its median needs more rounds. */
const roundsOf = (size: number): number => Math.max(15, 6_000 / size);
/** Until the code of every server is compiled: so many pushes to a stream, in all. */
const warmPushes = 10_000;
const goals = { plain: 2, mtls: 1.6 } as const;
const peerGoals = new Map([
  ['go-control-plane', 0.1],
  ['istiod', 0.33],
]);

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
    endpoints: serviceNames(services).map((name) => (contestant.name === 'istiod' ? istiodName(name) : name)),
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

/** One table: every contestant with so many streams, in turn. */
async function compare(size: number, certificates: Certificates | undefined): Promise<readonly Samples[]> {
  const resources = assignments(services, 1);
  const all: Samples[] = [];
  for (const [name, start] of starters(size > largestPeerFleet ? undefined : peers)) {
    // Its authenticators are part of istiod, not of its discovery server.
    if (name === 'istiod' && certificates !== undefined) continue;
    all.push(await join(await startContestant(name, start(), { resources, certificates }), size, certificates));
  }
  const warmUps = Math.max(3, Math.ceil(warmPushes / size));
  for (let round = 1; round <= warmUps + roundsOf(size); round += 1)
    // In turn from the front and from the back: who comes first in a round is a little slower, whoever it is.
    for (const samples of round % 2 === 0 ? all : all.toReversed())
      await pushOnce(samples, assignment(hot, 50, round), size, round > warmUps);
  return all;
}

/** What the issue wants to know. */
async function verdict(label: string, all: readonly Samples[], transport: keyof typeof goals): Promise<string> {
  const of = (name: string) => all.find(({ contestant }) => contestant.name === name);
  const [weft, floor] = [of('weft'), of('floor')];
  if (weft === undefined || floor === undefined) return '';
  const ratio = (one: Samples, other: Samples) => median(one.took) / median(other.took);
  const { atMost } = goalsOf(label);
  const parts = [
    atMost(ratio(weft, floor), goals[transport], '× the floor'),
    atMost(Math.max(...weft.encodes), 1, 'encodes', 0),
    await watchRest(weft.contestant),
  ];
  for (const [name, peerGoal] of peerGoals) {
    const peer = of(name);
    if (peer === undefined) continue;
    // Of mTLS the greater part is encryption, which is the same for everybody: the floor itself is at a tenth of go-control-plane.
    if (transport === 'mtls') parts.push(`${ratio(weft, peer).toFixed(3)} × ${name}`);
    else parts.push(atMost(ratio(weft, peer), peerGoal, `× ${name}`, 3));
  }
  return parts.join('; ');
}

const largest = Math.max(...sizes);
requireDescriptors(largest);
const peers = buildPeers('go-control-plane', 'istiod');
const hotBytes = Buffer.from(assignment(hot, 50).value, 'base64').length;
console.log(
  `push     one endpoint of 50 changes (${hotBytes} bytes) → N delta streams, each subscribed to ${services} services, have`,
);
console.log(
  `         acknowledged; medians of interleaved rounds, ${roundsOf(largest)} and more, in milliseconds; p50 and p99 over the streams. Servers and`,
);
console.log(
  '         load clients are processes of their own; the floor is HTTP/2 by hand with one frame for everybody',
);
const identities = createCertificates();
for (const transport of ['plain', 'mtls'] as const) {
  const rows: (string | number)[][] = [];
  const verdicts: string[] = [];
  for (const size of sizes) {
    const all = await compare(size, transport === 'mtls' ? identities : undefined);
    for (const { contestant, took, p50, p99, cpu, loadCpu, encodes } of all)
      rows.push([
        `${transport} ${contestant.name}`,
        size,
        ...[took, p50, p99, cpu, loadCpu].map(median),
        contestant.name === 'weft' ? median(encodes) : '',
      ]);
    const label = `${transport} N=${size}`;
    verdicts.push(`${label}: ${await verdict(label, all, transport)}`);
    await Promise.all(all.map(({ contestant }) => contestant.end()));
  }
  printTable(['', 'N', 'all acked', 'p50', 'p99', 'server cpu', 'client cpu', 'encodes'], rows);
  for (const line of verdicts) console.log(`         ${line}`);
}
