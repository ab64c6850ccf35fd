import type { ProxyStatus } from '../../model/status.ts';
import { chooseProxy } from '../find-proxy.ts';
import { marks } from '../marks.ts';
import { askedNamespace, listedNamespace, readApi, readItems } from '../read-api.ts';
import { costLines, proxyColumns, proxyLines, rejectionLines, typeColumns, typeRows } from '../render/proxies.ts';
import { troubleLines } from '../render/troubles.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { proxiesFlags } from '../verbs/proxies.ts';

/** `weft proxies [NAME]`: a line for each, or the details of one. Throws Failure WEFT0920 for a name that there is not. */
export async function proxies(context: VerbContext<typeof proxiesFlags>): Promise<ExitCode> {
  const { flags, output, env } = context;
  const all = await readItems<ProxyStatus>(await readApi(context), '/api/v1/proxies');
  const [name] = context.arguments;
  const now = Date.now();
  const isText = output.format === 'table' || output.format === 'wide';
  if (name !== undefined) {
    const one = chooseProxy(all, name, askedNamespace(context));
    if (!isText) {
      output.list('ProxyList', [one], proxyColumns(marks(env), now));
      return 0;
    }
    for (const line of proxyLines(one, now)) output.line(line);
    output.list('TypeList', typeRows(one), typeColumns(now));
    for (const line of rejectionLines([one], marks(env), now, true)) output.line(line);
    return 0;
  }
  const namespace = listedNamespace(context);
  const shown = all.filter(
    ({ status, namespace: own }) =>
      (namespace === undefined || own === namespace) &&
      ((!flags.stale && !flags.rejected) ||
        (flags.stale && status === 'STALE') ||
        (flags.rejected && status === 'REJECTED')),
  );
  output.list('ProxyList', shown, proxyColumns(marks(env), now));
  if (isText) for (const line of troubleLines(shown.map(withId), marks(env), now)) output.line(line);
  if (isText) for (const line of costLines(shown, marks(env))) output.line(line);
  if (isText) for (const line of rejectionLines(shown, marks(env), now, output.format === 'wide')) output.line(line);
  return 0;
}

function withId(proxy: ProxyStatus): ProxyStatus & { readonly id: string } {
  return { ...proxy, id: `${proxy.name}.${proxy.namespace}` };
}
