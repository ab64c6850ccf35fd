// One VirtualService changes among 10,000 documents → all affected proxies have acknowledged it (performance.md 4, `policy`), against the
// full load of the same repository: read, checked, resolved, translated, and acknowledged by the same proxies for the first time.

import { fileURLToPath } from 'node:url';
import { startLoad } from './support/contestant.ts';
import { goalsOf, median, printTable } from './support/figures.ts';
import { createPolicyRepository } from './support/policy-tree.ts';
import { startProgram } from './support/program.ts';
import type { Counted, PolicyCommands } from './support/protocol.ts';
import { monotonic } from './support/protocol.ts';

const size = { namespaces: 20, services: 125 } as const;
const [proxies, changes, warmUps] = [20, 11, 2];

const repository = createPolicyRepository(size);
console.log(
  `policy   ${repository.documents} documents in ${repository.files} files, ${size.namespaces} namespaces; ${proxies} proxies that see every service`,
);
const server = startProgram<PolicyCommands>(process.execPath, [
  fileURLToPath(new URL('./support/policy-server.js', import.meta.url)),
]);
const load = startLoad();
try {
  await server.ask('watchLoop', {});
  const began = await server.ask('usage', {});
  const started = await server.ask('start', { folder: repository.folder, ...size });
  const loaded = await server.ask('usage', {});
  const names = await server.ask('names', {});
  await server.ask('watchLoop', {});
  const connecting = monotonic();
  await load.ask('connect', { port: started.port, role: 'everything', count: proxies, concurrency: 4, ...names });
  const connected = monotonic() - connecting;
  const full = await server.ask('usage', {});
  const fullTook = started.took + connected;

  const [took, checked, cpu, loop]: [number[], number[], number[], number[]] = [[], [], [], []];
  let counted: Counted | undefined;
  for (let change = 1; change <= warmUps + changes; change += 1) {
    repository.change(change);
    await server.ask('watchLoop', {});
    const done = await server.ask('change', { proxies });
    const { loopMax } = await server.ask('usage', {});
    counted = done.counted;
    if (change <= warmUps) continue;
    took.push(done.took);
    checked.push(done.checked);
    cpu.push(done.cpu);
    loop.push(loopMax);
  }
  const mebibytes = (bytes: number) => bytes / 1024 / 1024;
  printTable(
    ['', 'wall', 'cpu', 'loop held', 'RSS'],
    [
      ['documents loaded', started.took, started.cpu, loaded.loopMax, mebibytes(loaded.peakRss)],
      [`${proxies} proxies up`, connected, full.cpu - loaded.cpu, full.loopMax, mebibytes(full.peakRss)],
      ['one change', median(took), median(cpu), median(loop), ''],
      ['  of that, checked', median(checked), '', '', ''],
    ],
  );
  console.log(
    `         work of one change: ${Object.entries(counted ?? {})
      .map(([key, count]) => `${key} ${count}`)
      .join(', ')}`,
  );
  const { atMost } = goalsOf('policy');
  console.log(
    `         one change ${atMost((100 * median(took)) / fullTook, 1, '% of the full load')}; cpu ${((100 * median(cpu)) / (full.cpu - began.cpu)).toFixed(2)} %`,
  );
  console.log(
    `         ${repository.documents} documents in ${atMost(started.took / 1000, 8, 's')}, ${atMost(mebibytes(loaded.peakRss), 400, 'MiB', 0)}, the event loop held ${atMost(loaded.loopMax, 100, 'ms', 0)}`,
  );
  console.log(
    `         proxies that come hold the event loop ${atMost(full.loopMax, 100, 'ms', 0)}; a change ${atMost(median(loop), 100, 'ms', 0)}`,
  );
} finally {
  await Promise.all([server.end(), load.end()]);
  repository.remove();
}
