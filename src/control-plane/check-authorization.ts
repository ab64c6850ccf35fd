import type { AuthorizationAnswer, WorkloadAnswer } from '../model/authorization-answer.ts';
import type { CheckLine } from '../model/check-answer.ts';
import { askedResult, askedText, unansweredLines } from './asked-lines.ts';
import type { AuthorizationCaller } from './authorization-caller.ts';
import { disconnectedText, refusalText } from './describe-words.ts';

/** Whether the caller may, at each workload that its call comes to. */
export function authorizationLines(
  { name, principal }: AuthorizationCaller,
  { answers, notes, outcome }: AuthorizationAnswer,
): readonly CheckLine[] {
  if (outcome === 'nowhere')
    return [{ name: 'authz', result: 'warning', text: notes[0] ?? 'the call comes to no workload' }];
  return answers.flatMap((answer) => [
    authorizationLine(name, principal, answer, answers.length > 1),
    ...unansweredLines(answer),
  ]);
}

function authorizationLine(
  name: string,
  principal: string | undefined,
  answer: WorkloadAnswer,
  several: boolean,
): CheckLine {
  const { outcome, why, status, atFirstByte, rule, nearest, closedBy, depends, mode, because } = answer;
  const { disconnectedFor, workloads } = answer;
  const at = several ? `${namesOf(workloads)}: ` : '';
  const who = principal === undefined ? `${name}, which shows no identity` : `spiffe://${principal}`;
  switch (why) {
    case 'no-sidecar':
      return { name: 'authz', result: 'warning', text: `${at}allowed: no sidecar, so no policy acts` };
    case 'external':
      return { name: 'authz', result: 'good', text: `${at}allowed: an external host has no sidecar` };
    case 'disconnected':
      return { name: 'authz', result: 'warning', text: `${at}not known: ${disconnectedText(disconnectedFor)}` };
    case 'strict':
      return {
        name: 'authz',
        result: 'bad',
        text: `${at}closed: STRICT lets in nobody without an identity`,
        ...(mode && { by: mode.by }),
      };
    case 'answered':
      return { name: 'authz', result: 'bad', text: `${at}${status}: ${because}` };
    case 'no-keys':
      return { name: 'authz', result: 'bad', text: `${at}401 without keys from before: ${because}` };
    case 'deny':
      return {
        name: 'authz',
        result: 'bad',
        text: `${at}${refusalText(status, atFirstByte)}: refused by ${rule?.id}`,
        ...(rule && { detail: rule.text, by: rule.by }),
        fix: 'narrow that DENY rule',
      };
    case 'no-allow-rule':
      return {
        name: 'authz',
        result: 'bad',
        text: `${at}${refusalText(status, atFirstByte)}: no ALLOW rule lets in ${who}`,
        ...(closedBy && { by: closedBy }),
        ...(nearest && { detail: `nearest: ${nearest.fails.join(' and ')}`, by: nearest.by }),
        fix: fixOf(principal, nearest),
      };
    case 'allow':
      return { name: 'authz', result: 'good', text: `${at}allowed by ${rule?.id}`, ...(rule && { by: rule.by }) };
    case 'no-allow-policy':
      return { name: 'authz', result: 'good', text: `${at}allowed: no ALLOW policy selects the workload` };
    case 'custom':
      return {
        name: 'authz',
        result: askedResult(answer),
        text: `${at}${askedText(answer)}`,
        ...(rule && { by: rule.by }),
      };
    case 'depends': {
      const [first] = depends ?? [];
      return {
        name: 'authz',
        result: 'warning',
        text: `${at}${outcome}: it depends on what was not said`,
        ...(first && { detail: first.text, by: first.by }),
        fix: 'say more of the call: weft authz --help',
      };
    }
    default:
      return why satisfies never;
  }
}

/** What to write, where only the caller is not named. */
function fixOf(principal: string | undefined, nearest: WorkloadAnswer['nearest']): string {
  if (principal === undefined) return 'let the caller join the mesh, and name its account in an ALLOW rule';
  if (nearest === undefined || 'default' in nearest.by)
    return `no ALLOW rule is for this port: write one that names ${principal}`;
  const [only, another] = nearest.fails;
  if (another === undefined && only?.startsWith('caller') === true)
    return `add ${principal} to ${nearest.by.field}.from[0].source.principals`;
  return `change ${nearest.by.field}, or write a rule for this call`;
}

/** `reviews-1.shop and 2 more` */
export function namesOf(workloads: readonly string[]): string {
  const [first = '', ...others] = workloads;
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}
