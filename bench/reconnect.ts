// 1,000 proxies go away and return at once with all that they hold (performance.md 1): the server compares versions and sends nothing.
// Each asks last for a name that does not exist: that answer shows that all before it was read.
import { setTimeout as pause } from 'node:timers/promises';
import { createCertificates } from './support/certificates.ts';
import { startContestant, startWeft } from './support/contestant.ts';
import { requireDescriptors } from './support/descriptors.ts';
import { goalsOf, median, printTable } from './support/figures.ts';
import { routeNames, serviceNames, wholeMesh } from './support/mesh.ts';
import type { Role } from './support/protocol.ts';
import { watchRest } from './support/rest.ts';

const [proxies, services, rounds] = [1_000, 1_000, 3];
/** What comes late would come now. */
const afterwards = 1_000;

requireDescriptors(proxies);
console.log(
  `reconnect ${proxies} proxies return at once with the ${services} services that they hold, each connection with mTLS;`,
);
console.log(`         ${rounds} rounds, milliseconds`);
const certificates = createCertificates();
const contestant = await startContestant('weft', startWeft(), { resources: wholeMesh(services), certificates });
const { server, load, port } = contestant;
const connect = (role: Role, concurrency: number) =>
  load.ask('connect', {
    port,
    certificates,
    role,
    count: proxies,
    concurrency,
    endpoints: serviceNames(services),
    routes: routeNames,
  });
await connect('everything', 32);
const rows: number[][] = [];
for (let round = 1; round <= rounds; round += 1) {
  await load.ask('leave', {});
  await pause(afterwards);
  await server.ask('watchLoop', {});
  const before = await server.ask('usage', {});
  const { wall, p50, p99, retries, cpu, bytes } = await connect('returning', proxies);
  const after = await server.ask('usage', {});
  await pause(afterwards);
  const { messages, resources } = await load.ask('arrivals', {});
  rows.push([
    resources,
    messages - proxies,
    wall,
    p50,
    p99,
    retries,
    after.loopP99,
    after.loopMax,
    after.cpu - before.cpu,
    cpu,
    bytes / proxies,
    after.encodes - before.encodes,
  ]);
}
printTable(
  [
    'round',
    'resources',
    'other messages',
    'all current',
    'p50',
    'p99',
    'retries',
    'loop p99',
    'loop max',
    'server cpu',
    'client cpu',
    'bytes each',
    'encodes',
  ],
  rows.map((row, index) => [`${index + 1}`, ...row]),
);
const { atMost } = goalsOf(`${proxies} proxies`);
const column = (index: number) => rows.map((row) => row[index] ?? Number.NaN);
console.log(`         ${atMost(Math.max(...column(0)), 0, 'resources sent', 0)}`);
console.log(`         all current after ${atMost(median(column(2)) / 1_000, 10, 's', 1)}`);
console.log(`         event loop p99 ${atMost(median(column(6)), 300, 'ms late', 0)}`);
console.log(`         ${await watchRest(contestant)}`);
await contestant.end();
