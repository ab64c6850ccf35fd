import type { ProxyStatus } from '../../model/status.ts';
import { marks } from '../marks.ts';
import { askedNamespace, readApi, readItems } from '../read-api.ts';
import { proxyColumns, rejectionLines } from '../render/proxies.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { proxiesFlags } from '../verbs/proxies.ts';

/** `weft proxies` */
export async function proxies(context: VerbContext<typeof proxiesFlags>): Promise<ExitCode> {
  const { flags, output, env } = context;
  const namespace = askedNamespace(context);
  const all = await readItems<ProxyStatus>(await readApi(context), '/api/v1/proxies');
  const shown = all.filter(
    ({ status, namespace: own }) =>
      (namespace === undefined || own === namespace) &&
      ((!flags.stale && !flags.rejected) ||
        (flags.stale && status === 'STALE') ||
        (flags.rejected && status === 'REJECTED')),
  );
  const now = Date.now();
  output.list('ProxyList', shown, proxyColumns(marks(env), now));
  if (output.format === 'table' || output.format === 'wide') {
    for (const line of rejectionLines(shown, marks(env), now)) output.line(line);
  }
  return 0;
}
