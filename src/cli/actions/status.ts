import { setTimeout as wait } from 'node:timers/promises';
import type { StatusValue } from '../../admin/status-value.ts';
import { readApi, readValue } from '../read-api.ts';
import { isWell, statusLines } from '../render/status.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { statusFlags } from '../verbs/status.ts';

const pollMilliseconds = 250;

/** `weft status`: exit 1 when something is unhealthy or rejected; with `--commit`, when that is not what every proxy has. */
export async function status(context: VerbContext<typeof statusFlags>): Promise<ExitCode> {
  const api = await readApi(context);
  const { wait: waits, commit } = context.flags;
  const deadline = performance.now() + context.globals.timeout;
  for (;;) {
    const value = await readValue<StatusValue>(api, `/api/v1/status${commit === undefined ? '' : `?commit=${commit}`}`);
    const answer = commit === undefined ? isWell(value) : value.commit?.state === 'served';
    if (answer || value.commit?.state === 'never' || !waits || performance.now() + pollMilliseconds >= deadline) {
      const { apiVersion: _version, kind, ...rest } = value;
      context.output.object(kind, rest, statusLines(value, Date.now()));
      return answer ? 0 : 1;
    }
    await wait(pollMilliseconds);
  }
}
