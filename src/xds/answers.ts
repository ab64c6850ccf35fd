import { check, isThenable, type Kind, shown } from './check.ts';
import type { Refused } from './server-options.ts';

type Answer<Ok> = { readonly ok: Ok } | Refused;

/**
 * A callback whose answer is looked at, for those who write JavaScript: what is neither yes nor no throws a TypeError, which ends that
 * stream and is told as `failed`, instead of letting somebody in. What has a `then` is waited for, as `await` would.
 */
export function answering<Question, Ok>(
  name: string,
  ask: (question: Question) => Answer<Ok> | Promise<Answer<Ok>>,
  ok?: Kind,
): (question: Question) => Answer<Ok> | Promise<Answer<Ok>> {
  const looked = (answer: Answer<Ok>): Answer<Ok> => {
    const value: unknown = answer;
    if (typeof value === 'object' && value !== null) {
      if ('refused' in value && isReason(value.refused)) return answer;
      if ('ok' in value && !('refused' in value)) {
        if (ok !== undefined) check(`the answer of ${name}`, value.ok, ok, 'ok');
        return answer;
      }
    }
    throw new TypeError(`${name} must answer { ok } or { refused: { code, message } }, got ${shown(value)}`);
  };
  return (question) => {
    const answer = ask(question);
    return isThenable(answer) ? Promise.resolve(answer).then(looked) : looked(answer);
  };
}

/** A code of gRPC that is no OK, and a text. */
function isReason(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('code' in value) || !('message' in value)) return false;
  const { code, message } = value;
  return Number.isInteger(code) && typeof code === 'number' && code > 0 && code <= 16 && typeof message === 'string';
}
