import { setTimeout as sleep } from 'node:timers/promises';
import type { PolicyState } from '../../control-plane/policy-source.ts';
import { Failure } from '../../model/failure.ts';
import { renderDiagnostic } from '../../policy/render.ts';
import { policyText } from '../actions/policy-text.ts';
import type { ExitCode } from '../verb.ts';
import { rowNote } from './notes.ts';
import { press, reset, type Stage } from './press.ts';
import { EditedElsewhere, steps } from './steps.ts';

/** Calls of the last so many milliseconds stand in the table. */
export const tableWindow = 10_000;

/** On a terminal: a live table and the keys, until ctrl-c. Elsewhere the table once, and wait. */
export async function byHand(stage: Stage, isTerminal: boolean, signal: AbortSignal): Promise<ExitCode> {
  const { narrator } = stage;
  let busy: Promise<unknown> = Promise.resolve();
  let pressed = 0;
  const help = steps.map(({ key, title }) => `(${key}) ${title}`).join('  ');
  const run = (work: () => Promise<unknown>) => {
    pressed += 1;
    busy = busy
      .then(() => (signal.aborted ? undefined : work()))
      .catch((error: unknown) => {
        // Whatever a key ran into, the mesh goes on: somebody may have taken the work folder apart.
        const isForeseen = error instanceof EditedElsewhere || error instanceof Failure;
        const words = error instanceof Error ? error.message : String(error);
        narrator.line(`    ${isForeseen ? words : `that did not work: ${words}`}; press r to reset`);
      })
      .finally(() => {
        pressed -= 1;
      });
  };
  const onKey = (data: Buffer) => {
    const key = data.toString();
    if (key === '\u0003') process.kill(process.pid, 'SIGINT');
    const step = steps.find((candidate) => candidate.key === key);
    if (step) run(() => press(stage, step, signal));
    if (key === 'r') run(() => reset(stage));
  };
  const unwatch = tellCommits(stage, () => pressed > 0);
  const { stdin } = process;
  if (stdin.isTTY) stdin.setRawMode(true).on('data', onKey).resume();
  narrator.line(`  ${help}  (r) reset  (ctrl-c) stop`);
  try {
    while (!signal.aborted) {
      await sleep(isTerminal ? 1_000 : 3_000, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted && pressed === 0) drawTable(stage, true);
      if (!isTerminal && !signal.aborted) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      }
    }
    await busy;
  } finally {
    unwatch();
    if (stdin.isTTY) stdin.setRawMode(false).off('data', onKey).pause();
  }
  return 0;
}

/** Commits that were made by hand, in the work folder: what became of them. Those of the keys are told by the keys. */
function tellCommits({ controlPlane, narrator, work }: Stage, isBusy: () => boolean): () => void {
  let known = controlPlane.policies.get().head?.commit;
  return controlPlane.policies.watch(({ head, served, diagnostics }: PolicyState) => {
    if (head === undefined || head.commit === known) return;
    known = head.commit;
    if (isBusy()) return;
    narrator.line(`your commit ${head.commit} "${head.subject}"`);
    for (const finding of diagnostics.filter(({ severity }) => severity !== 'info'))
      for (const line of renderDiagnostic(finding, (path) => policyText(work.path, path)).split('\n'))
        narrator.line(`    ${line}`);
    const isServed = head.state !== 'Rejected';
    const text = isServed
      ? 'it is served from now on'
      : `it is not served; all proxies stay on ${served?.revision.commit}`;
    narrator.event('commit', isServed ? 'applied' : 'rejected', text, true, { commit: head.commit });
  });
}

/** The table of calls, each line with what is behind it. */
export function drawTable({ controlPlane, narrator, proxies }: Stage, live: boolean): void {
  narrator.table(controlPlane.values.edges(tableWindow), (row) => rowNote(controlPlane, proxies(), row), live);
}
