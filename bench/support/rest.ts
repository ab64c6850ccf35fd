import { setTimeout as pause } from 'node:timers/promises';
import type { Contestant } from './contestant.ts';

const restTime = 3_000;

/** What happens while nothing changes: nothing. */
export async function watchRest({ server, load }: Pick<Contestant, 'server' | 'load'>): Promise<string> {
  await load.ask('clear', {});
  const before = await server.ask('usage', {});
  await pause(restTime);
  const after = await server.ask('usage', {});
  const { messages } = await load.ask('arrivals', {});
  const encodes = after.encodes - before.encodes;
  const verdict = messages === 0 && encodes === 0 ? 'yes' : 'NO';
  return `at rest ${messages} messages, ${encodes} encodes in ${restTime / 1000} s (goal 0, 0: ${verdict})`;
}
