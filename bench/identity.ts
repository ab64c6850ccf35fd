// Identity and authorization at size (performance.md sections 1 and 3): a signing request that becomes an SVID, against one check of a
// signature; 1,000 leaves renewed while 1,000 streams are served; 1,000 AuthorizationPolicies on one workload.
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startLoad } from './support/contestant.ts';
import { doorLatencies } from './support/door-latency.ts';
import { goalsOf, median, printTable } from './support/figures.ts';
import { workloadWith } from './support/many-policies.ts';
import { startProgram } from './support/program.ts';
import type { IdentityCommands } from './support/protocol.ts';
import { signRequests } from './support/sign-requests.ts';

const { atMost, judge } = goalsOf('identity');

console.log('identity 1,000 policies on one workload, each about another caller and path; ms of processor time');
const policies = 1_000;
const loads = Array.from({ length: 9 }, (_none, round) => workloadWith(policies, round));
const [first, ...later] = loads;
const times = (all: typeof loads) => {
  const [resolved, translated] = [all.map((each) => each.resolved), all.map((each) => each.translated)];
  return [median(resolved), median(translated), median(all.map((each) => each.resolved + each.translated))];
};
printTable(
  ['', 'resolved', 'translated', 'both'],
  [
    ['first after the start', ...times(first === undefined ? [] : [first])],
    ['later, median', ...times(later)],
  ],
);
console.log(`         ${atMost(times(later)[2] ?? Number.NaN, 200, 'ms, resolved and translated', 0)}`);

const [rounds, requests] = [15, 200];
const workloads = [
  workloadWith(0, 0),
  workloadWith(1, 0),
  workloadWith(policies, 0),
  workloadWith(policies, 0, 'headers'),
];
const [none = [], one = [], many = [], listed = []] = await doorLatencies(workloads, rounds, requests);
console.log(`identity a request with mesh TLS through the sidecar; medians of ${rounds} × ${requests}, in turn; ms`);
printTable(
  ['policies', 'p50', 'at best'],
  [
    ['none', median(none), Math.min(...none)],
    ['1', median(one), Math.min(...one)],
    [`${policies}`, median(many), Math.min(...many)],
    [`${policies}, each about a header, too`, median(listed), Math.min(...listed)],
  ],
);
const ratios = many.map((value, round) => value / (none[round] ?? Number.NaN));
console.log(`         ${atMost(median(ratios), 1.1, '× the p50 without policies')}`);

// As long as the compiler is at work nothing is judged.
const signing = (await signRequests(45, 100)).slice(15);
console.log('identity from a signing request to an SVID, against one check of an ECDSA signature; µs, in turn');
printTable(
  ['', 'median', 'at best'],
  [
    ['SVID', median(signing.map(({ issue }) => issue)), Math.min(...signing.map(({ issue }) => issue))],
    ['one check', median(signing.map(({ verify }) => verify)), Math.min(...signing.map(({ verify }) => verify))],
  ],
);
console.log(`         ${atMost(median(signing.map(({ issue, verify }) => issue / verify)), 4, '× one check')}`);

const [streams, life] = [1_000, 60_000];
console.log(
  `identity ${streams} leaves of ${life / 1_000} s, each renewed at its half-life, in the process that serves ${streams} streams`,
);
const server = startProgram<IdentityCommands>(process.execPath, [
  fileURLToPath(new URL('./support/identity-server.js', import.meta.url)),
]);
const load = startLoad();
try {
  const { port } = await server.ask('start', { life });
  const secrets = {
    port,
    role: 'secrets',
    count: streams,
    concurrency: 16,
    endpoints: ['identity', 'bundle'],
    routes: [],
  } as const;
  const { retries } = await load.ask('connect', secrets);
  const before = await server.ask('renewed', {});
  await server.ask('watchLoop', {});
  const cpu = (await server.ask('usage', {})).cpu;
  const began = performance.now();
  // Renewals are due between 0.4 and 0.6 of a leaf's life.
  let now = before;
  const fresh = () => now.times.filter((count, index) => count > (before.times[index] ?? 0)).length;
  while (fresh() < streams && performance.now() - began < life) {
    await pause(250);
    now = await server.ask('renewed', {});
  }
  const took = (performance.now() - began) / 1_000;
  // What was renewed last is still under way.
  await pause(1_000);
  now = await server.ask('renewed', {});
  const usage = await server.ask('usage', {});
  const renewals = now.times.reduce((sum, count, index) => sum + count - (before.times[index] ?? 0), 0);
  const { times: proxies } = await load.ask('arrivals', {});
  printTable(
    ['renewals', 'seconds', 'acknowledged', 'server cpu', 'loop p99', 'loop max', 'turned away'],
    [[`${renewals}`, took, now.acked - before.acked, usage.cpu - cpu, usage.loopP99, usage.loopMax, retries]],
  );
  const lost = streams - Math.min(proxies.length, now.streams);
  console.log(`         ${judge(`${fresh()} leaves renewed`, `${streams}`, fresh() === streams)}`);
  console.log(`         ${atMost(usage.loopP99, 100, 'ms late, event loop p99', 1)}`);
  console.log(`         ${atMost(lost, 0, 'streams lost', 0)}`);
} finally {
  await Promise.all([server.end(), load.end()]);
}
