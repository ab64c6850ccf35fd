// `weft validate` of 1,000 files as somebody runs it: a process of its own, from its start to its last line. Beside it the same of one
// file: what the start of a process costs.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { goalsOf, median, printTable } from './support/figures.ts';
import { monotonic } from './support/protocol.ts';
import { createPolicyFolder, type PolicyFolder } from './support/validate-tree.ts';

const [many, runs] = [1_000, 9];
const weft = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** Milliseconds, and of processor time in user mode and in the kernel. */
interface Run {
  readonly wall: number;
  readonly cpu: number;
}

function validate({ folder, files, findings }: PolicyFolder): Run {
  const before = timeOfChildren();
  const startedAt = monotonic();
  const { stdout, stderr } = spawnSync(process.execPath, [weft, 'validate', '-o', 'json', folder], {
    encoding: 'utf8',
  });
  const wall = monotonic() - startedAt;
  const cpu = timeOfChildren() - before;
  // What weft prints is held by the test of its schema.
  const found = JSON.parse(stdout || '{}') as { readonly summary?: object };
  const expected = { ...findings, infos: 0, files };
  if (JSON.stringify(found.summary) !== JSON.stringify(expected))
    throw new Error(`${JSON.stringify(found.summary)} instead of ${JSON.stringify(expected)}: ${stderr}`);
  return { wall, cpu };
}

/** Of the processes that this one has waited for, in steps of ten milliseconds; NaN where there is no /proc. */
function timeOfChildren(): number {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
    const [user, system] = [fields[13], fields[14]];
    return 10 * (Number(user) + Number(system));
  } catch {
    return Number.NaN;
  }
}

const [all, one] = [createPolicyFolder(many), createPolicyFolder(1)];
try {
  console.log(
    `validate ${all.documents} documents in ${all.files} files, of which ${all.findings.errors} are wrong; medians of ${runs} runs in ms`,
  );
  // Before the first run nobody has read these files.
  const first = validate(all);
  const warm: Run[] = [];
  const small: Run[] = [];
  for (let run = 0; run < runs; run += 1) {
    warm.push(validate(all));
    small.push(validate(one));
  }
  const wall = median(warm.map((run) => run.wall));
  printTable(
    ['', 'wall', 'cpu'],
    [
      [`${all.files} files`, wall, median(warm.map(({ cpu }) => cpu))],
      ['  the first time', first.wall, first.cpu],
      ['1 file', median(small.map((run) => run.wall)), median(small.map(({ cpu }) => cpu))],
    ],
  );
  const { atMost } = goalsOf('validate');
  console.log(`         ${all.files} files in ${atMost(wall / 1000, 1, 's')}`);
} finally {
  all.remove();
  one.remove();
}
