import { anyText, behaviour, check, failureCode, isThenable, type Kind, required, shown } from './check.ts';
import type { Names } from './option-kinds.ts';
import type { Refused } from './server-options.ts';

/** A code of gRPC that is no OK, and a text. */
const reason = behaviour('an object with code and message', {
  code: required(failureCode),
  message: required(anyText),
} satisfies Names<Refused['refused']>);

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
      const what = `the answer of ${name}`;
      if ('refused' in value && value.refused !== undefined) {
        check(what, value.refused, reason, 'refused');
        return answer;
      }
      if ('ok' in value && !('refused' in value)) {
        if (ok !== undefined) check(what, value.ok, ok, 'ok');
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
