import { setTimeout as wait } from 'node:timers/promises';
import type { StatusValue } from '../../admin/status-value.ts';
import { Failure } from '../../model/failure.ts';
import { type ApiClient, isUnheard } from '../api-client.ts';
import { commitNamed } from '../commit-named.ts';
import { readApi, readValue } from '../read-api.ts';
import { isWell, statusLines, waitsFor } from '../render/status.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { statusFlags } from '../verbs/status.ts';

const pollMilliseconds = 250;
/** What is over by then needs no words; numbers in them change. */
const quietMilliseconds = 1_000;

/** `weft status`: exit 1 when something is unhealthy or rejected; with `--commit`, when that is not what every proxy has. */
export async function status(context: VerbContext<typeof statusFlags>): Promise<ExitCode> {
  const api = await readApi(context);
  const { wait: waits, commit: named } = context.flags;
  const commit = named === undefined ? undefined : await commitNamed(named, context.cwd);
  const deadline = performance.now() + context.globals.timeout;
  const path = `/api/v1/status${commit === undefined ? '' : `?commit=${commit}`}`;
  let told = '';
  let nextWords = performance.now() + quietMilliseconds;
  for (;;) {
    const isLast = !waits || performance.now() + pollMilliseconds >= deadline;
    const value = await look(api, path, isLast);
    if (!(value instanceof Failure)) {
      const answer = commit === undefined ? isWell(value) : value.commit?.state === 'served';
      if (answer || value.commit?.state === 'never' || isLast) {
        const { apiVersion: _version, kind, ...rest } = value;
        context.output.object(kind, rest, statusLines(value, Date.now()));
        return answer ? 0 : 1;
      }
    }
    const reason = value instanceof Failure ? value.message : waitsFor(value);
    if (reason !== told && performance.now() >= nextWords) {
      context.output.say(`waits: ${reason}`);
      told = reason;
      nextWords = performance.now() + 2 * quietMilliseconds;
    }
    await wait(pollMilliseconds);
  }
}

/** The state, or that nobody listens yet: who waits waits for that, too. */
async function look(api: ApiClient, path: string, isLast: boolean): Promise<StatusValue | Failure> {
  try {
    return await readValue<StatusValue>(api, path);
  } catch (error) {
    if (isLast || !isUnheard(error)) throw error;
    return error;
  }
}
