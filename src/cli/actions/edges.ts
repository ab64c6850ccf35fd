import type { ServiceItem, WorkloadItem } from '../../admin/mesh-values.ts';
import { nearest } from '../../admin/nearest.ts';
import { Failure } from '../../model/failure.ts';
import type { EdgeRow } from '../../model/traffic.ts';
import type { ApiClient } from '../api-client.ts';
import { marks } from '../marks.ts';
import { listedNamespace, readApi, readItems } from '../read-api.ts';
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
  const namespace = listedNamespace(context);
  const api = await readApi(context);
  const rows = await readItems<EdgeRow>(api, `/api/v1/edges?windowSeconds=${seconds}`);
  const shown = rows.filter(
    (row) =>
      (flags.from === undefined || names(flags.from, row.from, row.fromNamespace)) &&
      (flags.to === undefined || names(flags.to, row.to, row.toNamespace)) &&
      (namespace === undefined || row.fromNamespace === namespace || row.toNamespace === namespace),
  );
  if (shown.length === 0) await checkNames(api, [flags.from, flags.to], rows);
  output.list('EdgeList', shown, edgeColumns(marks(env)));
  const isForPeople = output.format === 'table' || output.format === 'wide';
  if (isForPeople) for (const line of tlsLines(shown, marks(env))) output.line(line);
  if (shown.length === 0) output.say('no calls in this time');
  return 0;
}

/** No calls of a service, and no such service, are told apart. Whoever called or was called in this time is known, too. */
async function checkNames(
  api: ApiClient,
  asked: readonly (string | undefined)[],
  rows: readonly EdgeRow[],
): Promise<void> {
  const written = asked.flatMap((name) => name ?? []);
  if (written.length === 0) return;
  const services = await readItems<ServiceItem>(api, '/api/v1/services');
  const workloads = await readItems<WorkloadItem>(api, '/api/v1/workloads');
  const known = [
    ...services,
    ...workloads,
    ...workloads.flatMap(({ service, namespace }) => (service === undefined ? [] : [{ name: service, namespace }])),
    ...rows.flatMap(({ from, fromNamespace, to, toNamespace }) => [
      { name: from, namespace: fromNamespace },
      { name: to, namespace: toNamespace },
    ]),
  ];
  for (const name of written) {
    if (known.some((one) => names(name, one.name, one.namespace))) continue;
    const near = nearest(
      name,
      services.flatMap((one) => [one.name, `${one.name}.${one.namespace}`]),
    );
    throw new Failure(
      'WEFT0920',
      `no service "${name}"`,
      near === undefined ? 'weft get services lists them' : `did you mean "${near}"?`,
    );
  }
}

/** `reviews` or `reviews.shop`. */
function names(asked: string, service: string, namespace: string | undefined): boolean {
  return asked === service || asked === `${service}.${namespace}`;
}
