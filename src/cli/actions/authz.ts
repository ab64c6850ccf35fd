import type { AuthorizationAnswer } from '../../model/authorization-answer.ts';
import { authorizationLines } from '../render/authorization-answer.ts';
import type { ExitCode } from '../verb.ts';
import { askAboutCall, type CallContext, callQuestion } from './call-question.ts';

/** `weft authz`: of the running mesh, or with `-f` of the one that files describe. Exit 1 unless the call is allowed, or an authorizer asked. */
export async function authz(context: CallContext): Promise<ExitCode> {
  const question = callQuestion(context);
  const { file } = context.flags;
  const answer =
    file === undefined
      ? await askAboutCall<AuthorizationAnswer>(context, '/api/v1/authz', question)
      : await (await import('./call-files.ts')).authorizationOfFiles(context, file, question);
  if (answer === undefined) return 1;
  context.output.object('AuthorizationDecision', answer, authorizationLines(answer, question, context.env));
  return answer.outcome === 'allowed' || answer.outcome === 'asked' ? 0 : 1;
}
