import type { PortItem } from '../../admin/mesh-values.ts';
import { findProxy } from '../find-proxy.ts';
import { askedNamespace, readApi, readItems, readValue } from '../read-api.ts';
import { dumpParts, resourcesOf } from '../render/config-dump.ts';
import { environment, shellLine } from '../render/environment.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { envFlags } from '../verbs/env.ts';

/** `weft env NAME`: what the proxy listens for is what it may call, and where. */
export async function env(context: VerbContext<typeof envFlags>): Promise<ExitCode> {
  const { flags, output } = context;
  const api = await readApi(context);
  const proxy = await findProxy(api, context.arguments[0] ?? '', askedNamespace(context));
  const id = `${proxy.name}.${proxy.namespace}`;
  const [ports, dump] = await Promise.all([
    readItems<PortItem>(api, '/api/v1/ports'),
    readValue<object>(api, `/api/v1/proxies/${encodeURIComponent(id)}/config`),
  ]);
  const items = environment(ports, resourcesOf(dumpParts(dump, id), 'listeners'), proxy.namespace);
  if (output.format === 'table') for (const item of items) output.line(shellLine(item, flags.shell));
  else output.list('EnvList', items, [{ title: 'NAME', of: (item) => item.name }]);
  if (items.length === 0)
    output.say(
      ports.length === 0
        ? 'there is no service yet, so there is nothing to call: declare one, or let a workload join with --port'
        : `${id} listens on no local port; start it with --capture ports`,
    );
  return 0;
}
