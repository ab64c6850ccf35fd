import { Failure } from '../../model/failure.ts';
import type { EdgeRow } from '../../model/traffic.ts';
import { marks } from '../marks.ts';
import { askedNamespace, readApi, readItems } from '../read-api.ts';
import { edgeColumns, tlsLines } from '../render/edges.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { edgesFlags } from '../verbs/edges.ts';

/** `weft edges` */
export async function edges(context: VerbContext<typeof edgesFlags>): Promise<ExitCode> {
  const { flags, output, env } = context;
  const seconds = Math.round(flags.time / 1000);
  if (seconds < 1 || seconds > 3600) {
    throw new Failure('WEFT0912', 'calls are kept for an hour; -t is from 1s to 1h', 'weft edges -t 1h');
  }
  const namespace = askedNamespace(context);
  const rows = await readItems<EdgeRow>(await readApi(context), `/api/v1/edges?windowSeconds=${seconds}`);
  const shown = rows.filter(
    (row) =>
      (flags.from === undefined || names(flags.from, row.from, row.fromNamespace)) &&
      (flags.to === undefined || names(flags.to, row.to, row.toNamespace)) &&
      (namespace === undefined || row.fromNamespace === namespace || row.toNamespace === namespace),
  );
  output.list('EdgeList', shown, edgeColumns(marks(env)));
  const isForPeople = output.format === 'table' || output.format === 'wide';
  if (isForPeople) for (const line of tlsLines(shown, marks(env))) output.line(line);
  if (shown.length === 0) output.say('no calls in this time');
  return 0;
}

/** `reviews` or `reviews.shop`. */
function names(asked: string, service: string, namespace: string | undefined): boolean {
  return asked === service || asked === `${service}.${namespace}`;
}
