import { wouldFail } from '../../control-plane/would-fail.ts';
import type { RouteAnswer, RouteQuestion } from '../../model/route-answer.ts';
import { routeLines } from '../render/route-answer.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { routeFlags } from '../verbs/route.ts';
import { askAboutCall, calledBy, wrong } from './call-question.ts';

export type RouteContext = VerbContext<typeof routeFlags>;

/**
 * `weft route`: of the running mesh, or with `-f` of the one that files describe. Exit 1 when the call, or a share of it, would fail.
 */
export async function route(context: RouteContext): Promise<ExitCode> {
  const { flags, output } = context;
  const question = questionOf(context);
  const { file } = flags;
  const answer =
    file === undefined
      ? await askAboutCall<RouteAnswer>(context, '/api/v1/route', question)
      : await (await import('./route-files.ts')).routeOfFiles(context, file, question);
  if (answer === undefined) return 1;
  output.object('RouteDecision', answer, routeLines(answer, question, context.env));
  return wouldFail(answer) ? 1 : 0;
}

function questionOf({ flags, namespace }: RouteContext): RouteQuestion {
  const { from, scheme, sni } = flags;
  if (from === '')
    throw wrong('--from "" is no workload', 'leave it out for a caller of the namespace -n without labels');
  const called = calledBy(flags, namespace);
  if (sni !== undefined && !/^[\w.-]*$/.test(sni))
    throw wrong(
      `--sni "${sni}" is no name of a server`,
      'write --sni reviews.example, or --sni "" for TLS that names none',
    );
  return {
    ...called,
    ...(from === undefined ? {} : { from }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(sni === undefined ? {} : { serverName: sni }),
  };
}
