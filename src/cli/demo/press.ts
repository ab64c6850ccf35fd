import { setTimeout as sleep } from 'node:timers/promises';
import { createTreeCheck } from '../../control-plane/check-tree.ts';
import { planChange, planText } from '../../control-plane/plan-change.ts';
import type { ControlPlane } from '../../control-plane/start-control-plane.ts';
import type { Proxy } from '../../model/proxy.ts';
import { renderDiagnostic } from '../../policy/render.ts';
import { readWorkingTree } from '../../policy/working-tree.ts';
import { policyText } from '../actions/policy-text.ts';
import type { Narrator } from './narrator.ts';
import { allAcknowledged } from './shop-mesh.ts';
import { EditedElsewhere, type Step } from './steps.ts';
import type { Traffic } from './traffic.ts';
import type { ChangedLine, WorkFolder } from './work-folder.ts';

export interface Stage {
  readonly controlPlane: ControlPlane;
  readonly work: WorkFolder;
  readonly traffic: Traffic;
  readonly narrator: Narrator;
  /** The policies as the demo began: what `r` goes back to. */
  readonly original: Readonly<Record<string, string>>;
  /** The proxies of the demo, for plans. */
  readonly proxies: () => readonly Proxy[];
}

/** How long an announced effect may take to be seen. */
const effectDeadline = 15_000;

/** Presses a number key: edit, commit, plan, apply, and look whether the effect comes. True if it did. */
export async function press(stage: Stage, step: Step, signal: AbortSignal): Promise<boolean> {
  const { controlPlane, work, narrator } = stage;
  narrator.line(`(${step.key}) ${step.title}`);
  const text = work.read(step.file);
  if (text === undefined) throw new EditedElsewhere(`policies/${step.file} is gone`);
  work.write({ [step.file]: step.edit(text) });
  const plan = await planOf(stage);
  const { commit, lines } = await work.commit(step.subject);
  tellLines(narrator, step.name, lines, commit);
  const serving = controlPlane.policies.get().served?.revision.commit;
  const began = Date.now();
  await controlPlane.refreshPolicies();
  if (step.rejectedWith !== undefined)
    return rejected(stage, step, { commit, serving, code: step.rejectedWith }, signal);
  tellPlan(stage, step.name, plan);
  return applied(stage, step, began, signal);
}

/** Goes back to the policies as they were (key r). */
export async function reset(stage: Stage): Promise<void> {
  const { controlPlane, work, narrator, original } = stage;
  await work.restore(original);
  const { commit } = await work.commit('reset');
  await controlPlane.refreshPolicies();
  await allAcknowledged(controlPlane, 10_000);
  narrator.event('reset', 'reset', `the policies as they were   ${commit}`);
}

async function applied(stage: Stage, step: Step, began: number, signal: AbortSignal): Promise<boolean> {
  const { controlPlane, narrator } = stage;
  const proxies = await allAcknowledged(controlPlane, 10_000);
  const took = Date.now() - began;
  narrator.event(step.name, 'applied', `all ${proxies.length} proxies acknowledged after ${took} ms`, true, {
    acknowledgedMilliseconds: took,
  });
  return effect(stage, step, began, signal);
}

async function rejected(
  stage: Stage,
  step: Step,
  expected: { readonly commit: string; readonly serving: string | undefined; readonly code: string },
  signal: AbortSignal,
): Promise<boolean> {
  const { controlPlane, narrator, work } = stage;
  const { head, served, diagnostics } = controlPlane.policies.get();
  for (const finding of diagnostics.filter(({ severity }) => severity === 'error')) {
    for (const line of renderDiagnostic(finding, (path) => policyText(work.path, path)).split('\n'))
      narrator.line(`    ${line}`);
  }
  const finding = diagnostics.find(({ code }) => code === expected.code);
  const isHeldBack =
    head?.commit === expected.commit &&
    head.state === 'Rejected' &&
    served?.revision.commit === expected.serving &&
    finding !== undefined;
  const place = finding && `${finding.at.file}:${finding.at.line}:${finding.at.column}`;
  const count = controlPlane.values.proxies().length;
  const text = isHeldBack
    ? `${expected.commit} is not served; all ${count} proxies stay on ${expected.serving}   fix the line, or press r`
    : `${expected.commit} was expected to be refused with ${expected.code}`;
  narrator.event(step.name, 'rejected', text, isHeldBack, { code: finding?.code, place });
  const isServed = await effect(stage, step, Date.now(), signal);
  const stays = controlPlane.values
    .proxies()
    .every(({ revision, status }) => status === 'SYNCED' && revision.serving === expected.serving);
  return isHeldBack && isServed && stays;
}

async function effect({ traffic, narrator }: Stage, step: Step, began: number, signal: AbortSignal): Promise<boolean> {
  // Requests that were on their way when the change arrived say nothing about it.
  const since = Date.now() + 250;
  for (;;) {
    const seen = step.judge(traffic.since(since));
    const late = Date.now() - since > effectDeadline;
    if (seen && (seen.ok || late)) {
      narrator.event(
        step.name,
        'effect',
        `${seen.text}, ${Math.round((Date.now() - began) / 100) / 10} s after the commit`,
        seen.ok,
      );
      return seen.ok;
    }
    if (late || signal.aborted) {
      narrator.event(
        step.name,
        'effect',
        signal.aborted ? 'interrupted' : `not seen within ${effectDeadline / 1000} s`,
        false,
      );
      return false;
    }
    await sleep(100);
  }
}

async function planOf({ controlPlane, work, proxies }: Stage): Promise<readonly string[] | undefined> {
  const mesh = controlPlane.mesh.get();
  if (!mesh) return undefined;
  const { settings } = mesh;
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => mesh.workloads });
  const { policies } = check(await readWorkingTree(work.path, 'policies'));
  return policies && planChange(mesh, policies, proxies(), controlPlane.snapshots.of).map(planText);
}

function tellPlan({ narrator, proxies }: Stage, step: string, plan: readonly string[] | undefined): void {
  if (!plan) return;
  const verb = plan.length === 1 ? 'changes' : 'change';
  narrator.event(step, 'plan', `${plan.length} of ${proxies().length} proxies ${verb}: ${plan.join('; ')}`);
}

const mostLines = 6;

function tellLines(narrator: Narrator, step: string, lines: readonly ChangedLine[], commit: string): void {
  for (const [index, { path, line, sign, text }] of lines.slice(0, mostLines).entries()) {
    narrator.line(`    ${path}:${line}  ${sign} ${text}${index === 0 ? `   ${commit}` : ''}`);
  }
  if (lines.length > mostLines) narrator.line(`    … ${lines.length - mostLines} more lines`);
  const [first] = lines;
  narrator.event(step, 'commit', first ? `${commit} ${first.path}:${first.line}` : commit, true, {
    commit,
    place: first && `${first.path}:${first.line}`,
  });
}
