import { setTimeout as wait } from 'node:timers/promises';
import type { StatusValue } from '../../admin/status-value.ts';
import { readApi, readValue } from '../read-api.ts';
import { isWell, statusLines } from '../render/status.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { statusFlags } from '../verbs/status.ts';

const pollMilliseconds = 250;

/** `weft status`: exit 1 when something is unhealthy or rejected. */
export async function status(context: VerbContext<typeof statusFlags>): Promise<ExitCode> {
  const api = await readApi(context);
  const deadline = performance.now() + context.globals.timeout;
  for (;;) {
    const value = await readValue<StatusValue>(api, '/api/v1/status');
    const well = isWell(value);
    if (well || !context.flags.wait || performance.now() + pollMilliseconds >= deadline) {
      const { apiVersion: _version, kind, ...rest } = value;
      context.output.object(kind, rest, statusLines(value, Date.now()));
      return well ? 0 : 1;
    }
    await wait(pollMilliseconds);
  }
}
