import type { PairCheck } from '../../model/check-answer.ts';
import { checkLines } from '../render/check-lines.ts';
import type { ExitCode } from '../verb.ts';
import { askAboutCall, type CallContext, callQuestion } from './call-question.ts';

/** `weft check --from A --to B`: of the running mesh, or with `-f` of the one that files describe. Exit 1 when something is bad. */
export async function check(context: CallContext): Promise<ExitCode> {
  const question = callQuestion(context);
  const { file } = context.flags;
  const answer =
    file === undefined
      ? await askAboutCall<PairCheck>(context, '/api/v1/check', question)
      : await (await import('./call-files.ts')).checkOfFiles(context, file, question);
  if (answer === undefined) return 1;
  context.output.object('PairCheck', answer, checkLines(answer.lines, context.env));
  return answer.lines.some(({ result }) => result === 'bad') ? 1 : 0;
}
