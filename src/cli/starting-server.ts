import { dirname, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Failure } from '../model/failure.ts';
import { stateDirHolder } from '../store/lock.ts';
import { isUnheard } from './api-client.ts';
import { localSettings, nearest } from './local-settings.ts';

/** So long a server of this folder may take until it listens. */
const patience = 5_000;
const pause = 100;

/**
 * Asks again while the server of this folder is there and does not listen yet: it takes its state dir first. Nothing was done by a call
 * that nobody heard. `timeout`, in milliseconds, is the most it may take. Throws as `call` does, and says whether somebody is starting.
 */
export async function whileStarting<T>(folder: string, timeout: number, call: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + Math.min(timeout, patience);
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isUnheard(error)) throw error;
      const pid = serverIn(folder);
      if (pid === undefined) throw error;
      if (performance.now() + pause > deadline) {
        const hint = `process ${pid} has the state dir of this folder: is it still starting? its output tells`;
        throw new Failure(error.code, error.message, hint, error.where);
      }
    }
    await wait(pause);
  }
}

/** The process of the server of a folder, or the nearest one above it. */
function serverIn(folder: string): number | undefined {
  const settings = localSettings(folder);
  const lock = settings === undefined ? nearest(folder, '.weft/state/.lock') : undefined;
  const dir = settings === undefined ? lock && dirname(lock) : resolve(settings.folder, settings.values.stateDir);
  return dir === undefined ? undefined : stateDirHolder(dir);
}
