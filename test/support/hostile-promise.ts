/** The long form of the proofs, for `npm run promises`: the same code with larger counts. */
export const isLong = process.env.WEFT_LONG === '1';

/** A line of numbers that stands for a row of reliability.md; `npm run promises` collects them. */
export function promise(row: string, text: string): void {
  console.log(`promise ${row}: ${text}`);
}

/** `12.3 MiB`. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/**
 * Milliseconds that a p99 may reach under attack: twice what it is in quiet (T8, T10). Below the floor it says more of the scheduler of
 * a machine with two cores, on which attackers, server and proxies run side by side, than of the server;
 * in `npm test` other tests run beside them as well.
 */
export function twice(quiet: number): number {
  return 2 * Math.max(quiet, isLong ? 40 : 250);
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** Looks until something holds; the milliseconds that took, or undefined when it never did. */
export async function timeUntil(holds: () => Promise<boolean> | boolean, longest: number): Promise<number | undefined> {
  const began = performance.now();
  while (performance.now() - began < longest) {
    if (await holds()) return performance.now() - began;
    await pause(20);
  }
  return undefined;
}

/** Milliseconds by which the event loop may be late at p99 (T11); a short form has too few samples, and too much beside it, for that. */
export const latestLoop = isLong ? 200 : 1_000;
