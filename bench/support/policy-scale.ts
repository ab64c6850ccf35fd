import { fileURLToPath } from 'node:url';
import { startLoad } from './contestant.ts';
import { goalsOf, median, printTable } from './figures.ts';
import { createPolicyRepository, documentsEach } from './policy-tree.ts';
import { type Program, startProgram } from './program.ts';
import type { LoadCommands, PolicyCommands } from './protocol.ts';

const sizes = [100, 10_000] as const;
const [proxies, changes, warmUps, rounds] = [200, 10, 1, 7];

interface Mesh {
  readonly services: number;
  readonly server: Program<PolicyCommands>;
  readonly load: Program<LoadCommands>;
  readonly cpu: number[];
  readonly took: number[];
}

/** A control plane with this many services of one namespace, a policy of each kind on every one, and proxies that hold all endpoints. */
async function startMesh(services: number): Promise<Mesh> {
  const size = { namespaces: 1, services };
  const repository = createPolicyRepository(size);
  const server = startProgram<PolicyCommands>(process.execPath, [
    fileURLToPath(new URL('./policy-server.js', import.meta.url)),
  ]);
  const load = startLoad();
  try {
    const { port } = await server.ask('start', { folder: repository.folder, ...size });
    const { endpoints } = await server.ask('names', {});
    // Those of the services, without their subsets.
    const names = endpoints.filter((_, index) => index % 3 === 0);
    await load.ask('connect', {
      port,
      role: 'endpoints',
      count: proxies,
      concurrency: 16,
      endpoints: names,
      routes: [],
    });
  } finally {
    repository.remove();
  }
  return { services, server, load, cpu: [], took: [] };
}

async function sample({ server, cpu, took }: Mesh, round: number): Promise<void> {
  const before = await server.ask('usage', {});
  const times: number[] = [];
  for (let change = 0; change < changes; change += 1) {
    times.push((await server.ask('move', { mark: round * changes + change + 1, proxies })).took);
  }
  const after = await server.ask('usage', {});
  if (round < warmUps) return;
  cpu.push((after.cpu - before.cpu) / changes);
  took.push(median(times));
}

/** What a changed endpoint costs the whole control plane, from the registry to the streams, in a small and in a large mesh. */
export async function scaleWithPolicies(): Promise<void> {
  console.log(
    `scale    with policies: the same through the whole control plane, ${documentsEach} documents for each service, to ${proxies} proxies;`,
  );
  console.log(
    `         medians of ${rounds} interleaved rounds of ${changes} changes each; a change waits 10 ms for others`,
  );
  const all: Mesh[] = [];
  try {
    for (const size of sizes) all.push(await startMesh(size));
    for (let round = 0; round < warmUps + rounds; round += 1) for (const mesh of all) await sample(mesh, round);
    printTable(
      ['services', 'server cpu', 'all acked'],
      all.map(({ services, cpu, took }) => [`${services}`, median(cpu), median(took)]),
    );
    const [small, large] = all.map(({ cpu }) => median(cpu));
    const { atMost } = goalsOf('scale with policies');
    const ratio = (large ?? Number.NaN) / (small ?? Number.NaN);
    console.log(`         server cpu with ${sizes[1]} services ${atMost(ratio, 1.5, `× that with ${sizes[0]}`)}`);
  } finally {
    await Promise.all(all.flatMap(({ server, load }) => [server.end(), load.end()]));
  }
}
