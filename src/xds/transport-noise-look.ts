import type { Clock } from './clock.ts';

/**
 * How often, in milliseconds, it is looked for those who send more than they say (T11), where the event loop was busy for more than this part
 * of the time, and again soon after that. At so many connections, in turn: with thousands a look at all of them is a part of every push. At all
 * of them where the look comes so much too late: Node reads up to 2 MiB of one connection in a turn, which others wait for, and shall not read
 * as much of it again.
 */
const look = { every: 20, again: 5, busy: 0.3, atOnce: 32, late: 5 };

/** Begins to look at these connections, which may become others; the returned function ends it. */
export function lookForNoise(connections: ReadonlySet<{ cutNoisy(now: number): void }>, clock: Clock): () => void {
  let busy = performance.eventLoopUtilization();
  let due = clock.now() + look.every;
  let next = connections.values();
  const lookAtNext = (now: number): void => {
    let { value } = next.next();
    if (value === undefined) {
      next = connections.values();
      ({ value } = next.next());
    }
    value?.cutNoisy(now);
  };
  function lookAgain(): void {
    const before = busy;
    busy = performance.eventLoopUtilization();
    const isBusy = performance.eventLoopUtilization(busy, before).utilization >= look.busy;
    const now = clock.now();
    const isLate = now - due >= look.late;
    const delay = isBusy ? look.again : look.every;
    due = now + delay;
    cancel = clock.after(delay, lookAgain);
    if (!isBusy) return;
    const count = isLate ? connections.size : Math.min(look.atOnce, connections.size);
    for (let looked = 0; looked < count; looked += 1) lookAtNext(now);
  }
  let cancel = clock.after(look.every, lookAgain);
  return () => cancel();
}
