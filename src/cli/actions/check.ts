import type { PairCheck } from '../../model/check-answer.ts';
import { checkLines } from '../render/check-lines.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { checkFlags } from '../verbs/check.ts';
import { askAboutCall, callQuestion, wrong } from './call-question.ts';
import { checkMesh } from './check-mesh.ts';

export type CheckContext = VerbContext<typeof checkFlags>;

/**
 * `weft check --from A --to B`: of the running mesh, or with `-f` of the one that files describe; without the pair, the mesh itself. Exit 1
 * when something is bad. Throws Failure WEFT0912 where half of the pair is missing.
 */
export async function check(context: CheckContext): Promise<ExitCode> {
  const { file, from, to, method, path, header, address, claims } = context.flags;
  if (to === undefined) {
    if (from !== undefined) throw wrong('--from without --to asks about no call', 'write --to reviews:9080, too');
    if (file !== undefined)
      throw wrong('-f without --to has nothing to look at', 'write --to reviews:9080, or use weft validate');
    if (method !== 'GET' || path !== '/' || header.length > 0 || address !== undefined || claims !== undefined)
      throw wrong(
        '--method, --path, --header, --address and --claims without --to are of no call',
        'write --to reviews:9080, too',
      );
    return checkMesh(context);
  }
  const called = { ...context, flags: { ...context.flags, to } };
  const question = callQuestion(called);
  const answer =
    file === undefined
      ? await askAboutCall<PairCheck>(called, '/api/v1/check', question)
      : await (await import('./call-files.ts')).checkOfFiles(called, file, question);
  if (answer === undefined) return 1;
  context.output.object('PairCheck', answer, checkLines(answer.lines, context.env));
  return answer.lines.some(({ result }) => result === 'bad') ? 1 : 0;
}
