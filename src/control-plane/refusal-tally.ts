import type { AuditEvent } from '../model/audit-event.ts';
import type { Clock } from '../model/state-store.ts';

type Refused = Omit<AuditEvent, 'at'>;

/** Lines of one kind and address in a minute, and in each further one of a flood. */
const [burst, trickle] = [100, 10];
const minute = 60_000;
/** So many floods are told apart; what is beyond them is one. */
const floods = 100;

/** Keeps refusals from pushing out of the audit log what was done: anybody can cause them, as many as he likes. */
export interface RefusalTally {
  /** Whether this one has a line of its own. */
  admits(event: Refused): boolean;
  /** Writes what was counted so far. */
  close(): void;
}

/** `write` hears once a minute for each flood: the newest refusal, and how many more there were (`repeated`). */
export function createRefusalTally(clock: Clock, write: (event: Refused) => void): RefusalTally {
  const counts = new Map<string, { lines: number; readonly most: number; repeated: number; last: Refused }>();
  let cancel: (() => void) | undefined;

  const tell = (): void => {
    cancel = undefined;
    for (const [key, { last, repeated }] of [...counts]) {
      if (repeated > 0) {
        write({ ...last, repeated });
        counts.set(key, { lines: 0, most: trickle, repeated: 0, last });
      } else counts.delete(key);
    }
    if (counts.size > 0) cancel = clock.after(minute, tell);
  };
  return {
    admits(event) {
      const own = `${event.what} ${event.who} ${event.from?.replace(/:\d+$/, '')}`;
      const key = counts.has(own) || counts.size < floods ? own : 'others';
      const count = counts.get(key) ?? { lines: 0, most: burst, repeated: 0, last: event };
      counts.set(key, count);
      cancel ??= clock.after(minute, tell);
      const isAdmitted = count.lines < count.most;
      if (isAdmitted) count.lines += 1;
      else count.repeated += 1;
      count.last = event;
      return isAdmitted;
    },
    close() {
      cancel?.();
      for (const { last, repeated } of counts.values()) if (repeated > 0) write({ ...last, repeated });
      counts.clear();
    },
  };
}
