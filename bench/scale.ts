// One endpoint change in meshes of 100, 1,000 and 10,000 services, to 200 proxies that are subscribed to every one (performance.md 4,
// `scale`): what a change costs must not depend on the size of the mesh. First src/xds alone, then the whole control plane with policies on
// every service.
import { type Contestant, startContestant, startWeft } from './support/contestant.ts';
import { requireDescriptors } from './support/descriptors.ts';
import { goalsOf, median, printTable } from './support/figures.ts';
import { assignment, assignments, hot, serviceNames } from './support/mesh.ts';
import { scaleWithPolicies } from './support/policy-scale.ts';
import { watchRest } from './support/rest.ts';

const sizes = [100, 1_000, 10_000] as const;
const [proxies, changes, warmUps, rounds] = [200, 40, 1, 9];

interface Samples {
  readonly contestant: Contestant;
  readonly cpu: number[];
  readonly took: number[];
  readonly encodes: number[];
}

async function startMesh(size: number): Promise<Samples> {
  const contestant = await startContestant('weft', startWeft(), { resources: assignments(size, 1) });
  const { port, load } = contestant;
  const endpoints = serviceNames(size);
  await load.ask('connect', { port, role: 'endpoints', count: proxies, concurrency: 16, endpoints, routes: [] });
  return { contestant, cpu: [], took: [], encodes: [] };
}

/** Many changes, one after another, so that their processor time can be told. */
async function sample({ contestant, cpu, took, encodes }: Samples, round: number): Promise<void> {
  const { server } = contestant;
  const before = await server.ask('usage', {});
  const times: number[] = [];
  for (let change = 0; change < changes; change += 1) {
    const resources = [assignment(hot, 50, round * changes + change + 1)];
    times.push((await server.ask('push', { resources, streams: proxies })).took);
  }
  const after = await server.ask('usage', {});
  if (round < warmUps) return;
  cpu.push((after.cpu - before.cpu) / changes);
  took.push(median(times));
  encodes.push((after.encodes - before.encodes) / changes);
}

requireDescriptors(proxies);
console.log(
  `scale    one endpoint change to ${proxies} proxies that are subscribed to every service of the mesh; milliseconds for one`,
);
console.log(`         change, medians of ${rounds} interleaved rounds of ${changes} changes each; plaintext`);
const all: Samples[] = [];
for (const size of sizes) all.push(await startMesh(size));
for (let round = 0; round < warmUps + rounds; round += 1) for (const samples of all) await sample(samples, round);
printTable(
  ['services', 'server cpu', 'all acked', 'encodes'],
  all.map(({ cpu, took, encodes }, index) => [`${sizes[index]}`, ...[cpu, took, encodes].map(median)]),
);
const [smallest, largest] = [all[0], all.at(-1)];
const ratio = median(largest?.cpu ?? []) / median(smallest?.cpu ?? []);
const { atMost } = goalsOf(`${sizes.at(-1)} services`);
console.log(`         server cpu with ${sizes.at(-1)} services ${atMost(ratio, 1.5, `× that with ${sizes[0]}`)}`);
if (largest !== undefined) console.log(`         ${await watchRest(largest.contestant)}`);
await Promise.all(all.map(({ contestant }) => contestant.end()));
await scaleWithPolicies();
