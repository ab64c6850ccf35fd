// `weft validate` of 1,000 files as somebody runs it: a process of its own, from its start to its last line. One document in each file,
// as people keep what they apply to Kubernetes, is what has a goal; four in each is told beside it, and one file: what the start of a
// process costs.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { goalsOf, median, printTable } from './support/figures.ts';
import { monotonic } from './support/protocol.ts';
import { createDocumentFolder, createServiceFolder, type PolicyFolder } from './support/validate-tree.ts';

const [many, runs] = [1_000, 10];
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

const trees = [createDocumentFolder(many), createServiceFolder(many), createServiceFolder(1)] as const;
const [documents] = trees;
try {
  console.log(`validate ${runs} runs of each tree in turn, after one that nobody judges; ms`);
  const measured = trees.map((tree) => ({ tree, first: validate(tree), runs: [] as Run[] }));
  for (let run = 0; run < runs; run += 1) for (const one of measured) one.runs.push(validate(one.tree));
  printTable(
    ['', 'wall', 'at best', 'cpu', 'at best', 'first wall'],
    measured.map(({ tree, first, runs: all }) => {
      const [walls, cpus] = [all.map(({ wall }) => wall), all.map(({ cpu }) => cpu)];
      const { files, documents: inAll, findings } = tree;
      const name = `${files} files, ${inAll} documents, ${findings.errors} wrong`;
      return [name, median(walls), Math.min(...walls), median(cpus), Math.min(...cpus), first.wall];
    }),
  );
  const wall = median(measured[0]?.runs.map((run) => run.wall) ?? []);
  const { atMost } = goalsOf('validate');
  console.log(`         ${documents.files} files in ${atMost(wall / 1000, 1, 's')}`);
} finally {
  for (const tree of trees) tree.remove();
}
