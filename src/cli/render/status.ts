import type { CommitAnswer } from '../../admin/commit-answer.ts';
import type { StatusValue } from '../../admin/status-value.ts';
import type { RevisionStatus } from '../../model/status.ts';
import { ago, spanInWords } from './span.ts';

/** The lines of `weft status` (section 2.3 of experience.md); `now` in milliseconds since 1970. */
export function statusLines(status: StatusValue, now: number): readonly string[] {
  const { policies, pending, proxies, health, certs } = status;
  const newest = pending ?? policies.serving;
  const revisions = [policies.serving, pending].flatMap((revision) => revision ?? []);
  const widths = {
    commit: Math.max(0, ...revisions.map(({ commit }) => commit.length)),
    subject: Math.max(0, ...revisions.map(({ subject }) => subject.length)) + 2,
    who: Math.max(0, ...revisions.map((revision) => whoAndWhen(revision, now).length)),
  };
  const revisionLine = (word: string, revision: RevisionStatus) => {
    const subject = `"${revision.subject}"`.padEnd(widths.subject);
    const notes = revision === newest ? findingsNote(status, revision) : '';
    return `${word}  ${revision.commit.padEnd(widths.commit)}  ${subject}  ${whoAndWhen(revision, now).padEnd(widths.who)}  ${revision.state}${notes}`;
  };
  const first = [`${proxies.connected} connected`, health.state, `${certs.valid} valid`];
  const column = Math.max(...first.map((cell) => cell.length)) + 2;
  const states = Object.entries(proxies.byStatus).map(([state, count]) => `${count} ${state}`);
  const change =
    proxies.ackMilliseconds === undefined
      ? []
      : [`last change on ${proxies.acknowledged} of ${proxies.connected} in ${Math.round(proxies.ackMilliseconds)} ms`];
  const dates = [
    ...(certs.nextRenewal ? [`next renewal in ${spanInWords(Date.parse(certs.nextRenewal) - now)}`] : []),
    ...(certs.rootNotAfter ? [`root until ${certs.rootNotAfter.slice(0, 10)}`] : []),
  ];
  const line = (word: string, cell: string, rest: string) => `${word}${cell.padEnd(rest === '' ? 0 : column)}${rest}`;
  return [
    policies.serving ? revisionLine('policies ', policies.serving) : 'policies   none served yet',
    ...(policies.serving?.held === undefined ? [] : [`          ${heldNote(policies.serving)}`]),
    ...(pending ? [revisionLine('pending  ', pending)] : []),
    ...(policies.failure
      ? [`           ${policies.failure.code} ${policies.failure.message}: ${policies.failure.hint}`]
      : []),
    line(
      'proxies    ',
      `${proxies.connected} connected`,
      [states.join('  '), ...change].filter((part) => part !== '').join('    '),
    ),
    line('health     ', health.state, health.reasons.join('; ')),
    line('certs      ', `${certs.valid} valid`, dates.join(', ')),
    ...certs.alarms.map(({ code, message, hint }) => `           ${code} ${message}: ${hint}`),
    ...(certs.rotation === undefined ? [] : [`rotation   ${rotationNote(certs.rotation)}`]),
    ...(status.commit === undefined ? [] : [`commit     ${commitNote(status.commit)}`]),
  ];
}

/** The words of a change of root that is under way. */
function rotationNote({ phase, next, proxies, acked }: NonNullable<StatusValue['certs']['rotation']>): string {
  const go = acked === proxies ? 'can be taken now' : 'waits for the others';
  return `root ${phase}, ${acked} of ${proxies} proxies follow: ${next} ${go}: weft cert rotate --root --step ${next}`;
}

/** So many proxies are named. */
const namedProxies = 5;

function commitNote({ id, state, reason = '', waitingFor }: CommitAnswer): string {
  const name = id.slice(0, 7);
  if (state === 'served') return `${name} is what every connected proxy has`;
  if (state === 'never') return `${name} will not be served: ${reason}`;
  if (waitingFor.length === 0) return `${name} is not served: ${reason}`;
  const more = waitingFor.length > namedProxies ? [`${waitingFor.length - namedProxies} more`] : [];
  return `${name} waits for ${[...waitingFor.slice(0, namedProxies), ...more].join(', ')}`;
}

/** What is waited for, in a few words: of a commit that was asked about, else of all that is not well (isWell). */
export function waitsFor({ commit, policies, pending, proxies, health, certs }: StatusValue): string {
  if (commit !== undefined) return commit.reason ?? commit.state;
  const { failure, serving } = policies;
  const alarms = certs.alarms.filter(({ endsWithinDays }) => endsWithinDays <= 1);
  const refused = proxies.byStatus.REJECTED ?? 0;
  const reasons = [
    ...(failure === undefined ? [] : [`${failure.code} ${failure.message}`]),
    ...(serving === undefined ? ['nothing is served yet'] : []),
    ...(serving === undefined || serving.held === undefined ? [] : [heldNote(serving).trim()]),
    ...(pending?.state === 'Rejected' ? [`${pending.commit} was rejected`] : []),
    ...(health.state === 'Healthy' ? [] : [`${health.state}: ${health.reasons.join('; ')}`]),
    ...(refused > 0 && health.state === 'Healthy' ? [`${refused} REJECTED`] : []),
    ...alarms.map(({ code, message }) => `${code} ${message}`),
  ];
  return reasons.join('; ');
}

/** `  held back: shop at 4f1c2ab`; empty where nothing is. */
export function heldNote({ held = [] }: Pick<RevisionStatus, 'held'>): string {
  if (held.length === 0) return '';
  const names = held.map(({ namespace, commit }) =>
    commit === undefined ? `${namespace} (nothing of it served)` : `${namespace} at ${commit}`,
  );
  return `  held back: ${names.join(', ')}`;
}

/**
 * How much there is to say about the newest commit, and the command that says it: what is wrong because of who is connected, it says with
 * --live alone.
 */
function findingsNote({ findings }: StatusValue, { state, commit }: RevisionStatus): string {
  const { errors, warnings } = findings;
  const counts = [counted(errors, 'error'), counted(warnings, 'warning')].filter((part) => part !== '').join(', ');
  const isAsked = state === 'Rejected' || state === 'Partial';
  if (counts === '' && state !== 'Rejected') return '';
  return `${counts === '' ? '' : `  ${counts}`}  ${findingsCommand(isAsked ? commit : undefined)}`;
}

/** What says the findings of the commit, or of what is served; edits that nobody committed have no revision. */
export function findingsCommand(commit?: string): string {
  return `weft validate --live${commit === undefined || commit.endsWith('+edits') ? '' : ` --rev ${commit}`}`;
}

/** `1 error`, `2 errors`; of none, nothing is said. */
export function counted(count: number, word: string): string {
  if (count === 0) return '';
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function whoAndWhen(revision: RevisionStatus, now: number): string {
  return `${revision.author}, ${ago(revision.time, now)}`;
}

/** Whether the answer to "is all well" is yes: healthy, nothing rejected, the newest commit served (exit codes of section 2.4). */
export function isWell(status: StatusValue): boolean {
  return (
    status.health.state === 'Healthy' &&
    status.policies.serving !== undefined &&
    status.policies.serving.held === undefined &&
    status.policies.failure === undefined &&
    status.certs.alarms.every(({ endsWithinDays }) => endsWithinDays > 1) &&
    status.pending?.state !== 'Rejected' &&
    (status.proxies.byStatus.REJECTED ?? 0) === 0
  );
}
