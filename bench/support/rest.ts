import { setTimeout as pause } from 'node:timers/promises';
import type { Contestant } from './contestant.ts';
import { goalsOf } from './figures.ts';

const restTime = 3_000;

/** What happens while nothing changes: nothing. */
export async function watchRest({ name, server, load }: Pick<Contestant, 'name' | 'server' | 'load'>): Promise<string> {
  await load.ask('clear', {});
  const before = await server.ask('usage', {});
  await pause(restTime);
  const after = await server.ask('usage', {});
  const { messages } = await load.ask('arrivals', {});
  const encodes = after.encodes - before.encodes;
  return goalsOf(name).judge(
    `at rest ${messages} messages, ${encodes} encodes in ${restTime / 1000} s`,
    '0, 0',
    messages === 0 && encodes === 0,
  );
}
