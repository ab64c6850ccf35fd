import type { WorkloadAnswer } from '../model/authorization-answer.ts';
import type { CheckLine } from '../model/check-answer.ts';

/** What comes of asking an authorizer, and what the caller gets where no answer comes. */
export function askedText({ outcome, status, provider, unanswered }: WorkloadAnswer): string {
  const asked = `the authorizer ${provider} is asked, and`;
  if (unanswered === undefined) return `${asked} decides`;
  if (outcome === 'asked') return `${asked} does not always answer`;
  return `${outcome === 'refused' ? status : 'allowed by failOpen'}: ${asked} does not answer`;
}

/** How good that is. */
export function askedResult({ outcome, unanswered }: WorkloadAnswer): CheckLine['result'] {
  if (unanswered === undefined) return 'good';
  return outcome === 'refused' ? 'bad' : 'warning';
}

/** Why an authorizer does not answer. */
export function unansweredLines(answer: WorkloadAnswer): readonly CheckLine[] {
  const { unanswered } = answer;
  if (unanswered === undefined) return [];
  const { text, fix, by } = unanswered;
  return [{ name: 'authz', result: askedResult(answer), text, ...(by && { by }), fix }];
}
