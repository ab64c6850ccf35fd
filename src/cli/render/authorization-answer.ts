import { disconnectedText, refusalText } from '../../control-plane/describe-words.ts';
import type {
  AnswerRule,
  AuthorizationAnswer,
  AuthorizationQuestion,
  WorkloadAnswer,
} from '../../model/authorization-answer.ts';
import type { DescriptionRow } from '../../model/description.ts';
import type { AnswerPlace } from '../../model/route-answer.ts';
import { type Marks, marks } from '../marks.ts';
import { answerPlaceText } from './answer-place.ts';
import { descriptionLines } from './description.ts';

/** The lines of `weft authz`: the call, and what becomes of it before each workload, with the rule that decides. */
export function authorizationLines(
  answer: AuthorizationAnswer,
  question: AuthorizationQuestion,
  env: NodeJS.ProcessEnv,
): readonly string[] {
  const { answers, notes } = answer;
  const sign = marks(env);
  const sections = [
    { name: 'result', rows: unknownRows(answer, sign) },
    ...answers.map((each) => ({
      name: `${each.workloads.join(', ')} port ${each.port}`,
      rows: [...outcomeRows(each, sign), ...sideRows(each)],
    })),
    { name: 'notes', rows: notes.map((text) => ({ text: `- ${text}` })) },
  ];
  return descriptionLines({
    subject: subjectOf(answer, question),
    sections: sections.filter(({ rows }) => rows.length > 0),
  });
}

function unknownRows({ outcome, status, by }: AuthorizationAnswer, sign: Marks): readonly DescriptionRow[] {
  if (outcome !== 'pass' && outcome !== 'refuse') return [];
  return [{ text: unknownHostText(outcome, status, sign), ...(by && { by: answerPlaceText(by) }) }];
}

/** What becomes of a call to a host that nobody of the mesh has. */
export function unknownHostText(
  outcome: 'pass' | 'refuse',
  status: number | undefined,
  { warning, bad }: Pick<Marks, 'warning' | 'bad'>,
): string {
  return outcome === 'pass' ? `${warning} unknown host, passed on` : `${bad} ${status}: unknown host, refused`;
}

function subjectOf(
  { from, to, request }: AuthorizationAnswer,
  { host, port, method, path }: AuthorizationQuestion,
): string {
  const at = `${host}${(to.port ?? port) === undefined ? '' : `:${to.port ?? port}`}`;
  const call =
    request !== undefined
      ? `${request.method} http://${request.authority}${request.path ?? path}`
      : to.protocol === undefined
        ? `${method} http://${at}${path}`
        : `${to.protocol} ${at}`;
  return `${call}   from ${from.principal ?? `a caller without an identity in ${from.namespace}`}`;
}

function outcomeRows(answer: WorkloadAnswer, { good, bad, warning }: Marks): readonly DescriptionRow[] {
  const { why, rule, nearest, closedBy, unanswered, depends = [], mode, because } = answer;
  const status = refusalText(answer.status, answer.atFirstByte);
  const modePlace = mode === undefined ? {} : { by: answerPlaceText(mode.by) };
  switch (why) {
    case 'no-sidecar':
      return [{ text: `${warning} allowed: no sidecar stands before it, so no policy acts` }];
    case 'external':
      return [{ text: `${good} allowed: an external host has no sidecar, so no policy of the mesh acts there` }];
    case 'disconnected':
      return [{ text: `${warning} unknown: ${disconnectedText(answer.disconnectedFor)}` }];
    case 'strict':
      return [{ text: `${bad} refused (closed): STRICT lets in nobody without an identity`, ...modePlace }];
    case 'answered':
      return [{ text: `${bad} refused (${status}) before any rule: ${because}` }];
    case 'no-keys':
      return [{ text: `${warning} unknown: 401, unless keys from before are still good: ${because}` }];
    case 'deny':
      return [ruleRow(`${bad} refused (${status}) by`, rule)];
    case 'allow':
      return [ruleRow(`${good} allowed by`, rule)];
    case 'no-allow-policy':
      return [{ text: `${good} allowed: no ALLOW policy selects the workload` }];
    case 'no-allow-rule':
      if (closedBy !== undefined) return [closedRow(`${bad} refused (${status})`, closedBy)];
      return [
        { text: `${bad} refused (${status}): no ALLOW rule matches` },
        ...(nearest === undefined ? [] : [ruleRow('nearest', nearest)]),
        ...(nearest?.fails ?? []).map((text) => ({ text: `    ${bad} ${text}` })),
      ];
    case 'custom':
      return [
        ruleRow(`${askedText(answer, { bad, warning })}; it is asked because of`, rule),
        ...(unanswered === undefined
          ? []
          : [
              { text: `    ${bad} ${unanswered.text}`, ...(unanswered.by && { by: answerPlaceText(unanswered.by) }) },
              { text: `    fix: ${unanswered.fix}` },
            ]),
      ];
    case 'depends':
      return [
        { text: `${warning} unknown: it depends on what was not said` },
        ...depends.map((each) => ruleRow(`    ${warning}`, each)),
      ];
    default:
      return why satisfies never;
  }
}

function askedText(
  { outcome, status, provider, unanswered }: WorkloadAnswer,
  { bad, warning }: Pick<Marks, 'bad' | 'warning'>,
): string {
  const authorizer = `the authorizer ${provider}`;
  if (unanswered === undefined) return `${warning} ${authorizer} decides`;
  if (outcome === 'asked') return `${warning} ${authorizer} decides, and does not always answer`;
  return `${outcome === 'refused' ? `${bad} refused (${status})` : `${warning} allowed by failOpen`}: ${authorizer} does not answer`;
}

/** Of a policy that allows nothing here, where no other allows anything. */
function closedRow(refused: string, by: AnswerPlace): DescriptionRow {
  const policy = 'ref' in by ? ` (${by.ref})` : '';
  return { text: `${refused}: no ALLOW rule is for this port${policy}`, by: answerPlaceText(by) };
}

/** What becomes of a call before those who are called, a row each for those that answer alike: what `weft route` says of it. */
export function shortAuthorizationRows(
  { answers, outcome }: AuthorizationAnswer,
  sign: Marks,
): readonly DescriptionRow[] {
  const rows = answers.flatMap((each) => {
    const [row, nearest] = outcomeRows(each, sign);
    if (row === undefined) return [];
    const where = answers.length === 1 ? '' : `${namesText(each.workloads)}: `;
    const text = where === '' ? row.text : row.text.replace(' ', ` ${where}`);
    const by = row.by ?? (each.why === 'no-allow-rule' ? nearest?.by : undefined);
    return [
      {
        text: by === undefined || row.by !== undefined ? text : `${text}; nearest`,
        ...(by === undefined ? {} : { by }),
      },
    ];
  });
  const more = { text: '- weft authz says more, and what a token or an address changes' };
  return outcome === 'allowed' ? rows : [...rows, more];
}

function namesText(workloads: readonly string[]): string {
  const others = workloads.length - named;
  return `${workloads.slice(0, named).join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
}

const named = 3;

/** What changes nothing now. */
function sideRows({ mode, identified, atFirstByte, audited = [], dryRun }: WorkloadAnswer): readonly DescriptionRow[] {
  const who = identified ? 'the caller shows its identity' : 'the caller shows none';
  return [
    ...(mode === undefined ? [] : [{ text: `mtls ${mode.value}: ${who}`, by: answerPlaceText(mode.by) }]),
    ...(atFirstByte ? [{ text: 'a caller that stays silent hears a server that speaks first (WEFT0164)' }] : []),
    ...audited.map((rule) => ruleRow('audited by', rule)),
    ...(dryRun === undefined ? [] : [dryRunRow(dryRun)]),
  ];
}

function dryRunRow({ outcome, rule }: NonNullable<WorkloadAnswer['dryRun']>): DescriptionRow {
  return rule === undefined
    ? { text: `policies in dry-run would say: ${outcome}` }
    : ruleRow(`policies in dry-run would say: ${outcome} by`, rule);
}

function ruleRow(what: string, rule: AnswerRule | undefined): DescriptionRow {
  if (rule === undefined) return { text: what };
  return { text: `${what} ${rule.id}: ${rule.text}`, by: answerPlaceText(rule.by) };
}
