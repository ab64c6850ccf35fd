import type { AuthorizationAnswer } from '../../model/authorization-answer.ts';
import { authorizationLines } from '../render/authorization-answer.ts';
import type { ExitCode } from '../verb.ts';
import { askAboutCall, type CallContext, callQuestion } from './call-question.ts';

/**
 * `weft authz`: of the running mesh, or with `-f` of the one that files describe. Exit 1 unless the call is allowed, an authorizer asked, or
 * the host passed on as unknown: there it is as `weft route` has it.
 */
export async function authz(context: CallContext): Promise<ExitCode> {
  const question = callQuestion(context);
  const { file } = context.flags;
  const answer =
    file === undefined
      ? await askAboutCall<AuthorizationAnswer>(context, '/api/v1/authz', question)
      : await (await import('./call-files.ts')).authorizationOfFiles(context, file, question);
  if (answer === undefined) return 1;
  context.output.object('AuthorizationDecision', answer, authorizationLines(answer, question, context.env));
  return goesOn.has(answer.outcome) ? 0 : 1;
}

const goesOn: ReadonlySet<AuthorizationAnswer['outcome']> = new Set(['allowed', 'asked', 'pass']);
