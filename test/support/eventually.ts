import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until `look` gives a value other than undefined or false, at most `deadline` milliseconds, looking `every` so many, and returns it. The error at the end
 * says `what` was awaited and what the last attempt failed with.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  deadline = 10_000,
  every = 25,
): Promise<T> {
  const end = Date.now() + deadline;
  let problem: unknown;
  for (;;) {
    try {
      const value = await look();
      if (value !== undefined && value !== false) return value;
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    if (Date.now() >= end) throw new Error(`not within ${deadline} ms: ${what}`, { cause: problem });
    await sleep(every);
  }
}
