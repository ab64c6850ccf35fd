import { compareText } from '../model/compare-text.ts';
import type { Millis } from '../model/policy.ts';
import { createCell, type Readable } from '../model/readable.ts';
import type { Clock, StateStore } from '../model/state-store.ts';
import { createDebouncedSave } from './debounced-save.ts';

/** What the probes of a joined workload found last. */
export interface HealthRecord {
  readonly healthy: boolean;
  /** Why it is not healthy; empty while it is. */
  readonly reason: string;
  /** Of the last change, in milliseconds since 1970. */
  readonly since: Millis;
  /** The run of its Envoy that this is known of; absent: its bootstrap tells none. */
  readonly run?: string;
  /** It has joined, and no probe has said anything yet. */
  readonly unproven?: true;
}

export interface HealthCounts {
  /** Changes of health that were taken in. */
  readonly changes: number;
  /** Reports that came faster than health may change: only the last of them counts, later. */
  readonly held: number;
}

export interface JoinHealth {
  /** By workload id. */
  readonly records: Readable<ReadonlyMap<string, HealthRecord>>;
  /** Reads what was known before a restart; damage is told by `problem`, and forgotten. */
  restore(): Promise<void>;
  /**
   * A workload has joined. Whoever is to be probed and starts anew is unhealthy until a probe succeeds, as with Istio; whoever only comes
   * back, by the run of its Envoy, keeps its health.
   */
  joined(id: string, run: string | undefined, probed: boolean): void;
  /** What a probe of this workload found. Health changes at most once a second: what comes faster waits, and only the last of it counts. */
  report(id: string, healthy: boolean, reason: string): void;
  /** Forgets whom `isMember` does not know. */
  prune(isMember: (id: string) => boolean): void;
  counts(): HealthCounts;
  problem(): string | undefined;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** The key of the StateStore under which health survives a restart. */
export const savedHealthKey = 'registry/health.json';

/** Why somebody is unhealthy may change while it is: told again this often, for it costs no caller anything. */
const reasonEvery = 10_000;
/** A flapping workload costs every caller an update for each change. */
const shortestStay = 1_000;
const longestReason = 256;

interface Finding {
  readonly healthy: boolean;
  readonly reason: string;
}

interface Waiting {
  last: Finding;
  readonly cancel: () => void;
}

/** Who is healthy among the joined workloads that are probed. It stays as it is until a probe says otherwise (F2: over a restart, too). */
export function createJoinHealth(store: StateStore, clock: Clock): JoinHealth {
  const records = createCell<ReadonlyMap<string, HealthRecord>>(new Map());
  const waiting = new Map<string, Waiting>();
  /** When another reason was told last. */
  const retold = new Map<string, Millis>();
  const save = createDebouncedSave(store, clock, savedHealthKey, () => encode(records.get()));
  let changes = 0;
  let held = 0;
  let unreadable: string | undefined;

  const put = (id: string, record: HealthRecord): void => {
    records.set(new Map(records.get()).set(id, record));
    save.changed();
  };
  const retell = (id: string, record: HealthRecord): void => {
    const now = clock.now();
    if (now < Math.max(record.since, retold.get(id) ?? 0) + reasonEvery) return;
    retold.set(id, now);
    put(id, record);
  };
  const drop = (id: string): void => {
    retold.delete(id);
    waiting.get(id)?.cancel();
    waiting.delete(id);
  };
  const take = (id: string, { healthy, reason }: Finding): void => {
    const before = records.get().get(id);
    if (before?.healthy === healthy && before.unproven === undefined) {
      if (!healthy && before.reason !== reason) retell(id, { ...before, reason });
      return;
    }
    retold.delete(id);
    changes += 1;
    const run = before?.run;
    put(id, { healthy, reason: healthy ? '' : reason, since: clock.now(), ...(run === undefined ? {} : { run }) });
  };
  /** When the health of a workload may change next; the first result of one that has just joined is no flapping. */
  const freeAt = (id: string): Millis => {
    const before = records.get().get(id);
    return before === undefined || before.unproven ? 0 : before.since + shortestStay;
  };

  return {
    records,
    async restore() {
      try {
        const bytes = await store.read(savedHealthKey);
        if (bytes) records.set(decode(bytes));
      } catch (error) {
        if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
        unreadable = `${savedHealthKey}: ${error.message}`;
      }
    },
    joined(id, run, probed) {
      const before = records.get().get(id);
      if (!probed) return;
      if (before !== undefined && (run === undefined || before.run === run)) return;
      drop(id);
      const since = clock.now();
      const reason = 'no probe has succeeded yet';
      put(id, { healthy: false, reason, since, unproven: true, ...(run === undefined ? {} : { run }) });
    },
    report(id, healthy, words) {
      const finding = { healthy, reason: oneLine(words) };
      const pending = waiting.get(id);
      const wait = freeAt(id) - clock.now();
      if (pending === undefined && (wait <= 0 || records.get().get(id)?.healthy === healthy)) {
        take(id, finding);
        return;
      }
      held += 1;
      if (pending !== undefined) {
        pending.last = finding;
        return;
      }
      const later: Waiting = {
        last: finding,
        cancel: clock.after(wait, () => {
          waiting.delete(id);
          take(id, later.last);
        }),
      };
      waiting.set(id, later);
    },
    prune(isMember) {
      const known = records.get();
      if (known.size === 0) return;
      const left = [...known].filter(([id]) => isMember(id));
      if (left.length === known.size) return;
      for (const id of known.keys()) if (!isMember(id)) drop(id);
      records.set(new Map(left));
      save.changed();
    },
    counts: () => ({ changes, held }),
    problem: () => save.problem() ?? unreadable,
    flush: () => save.flush(),
    close() {
      for (const id of [...waiting.keys()]) drop(id);
      return save.flush();
    },
  };
}

/** What a workload says of itself, fit for a line of a window and of bounded length. */
function oneLine(words: string): string {
  const line = words
    .slice(0, 4 * longestReason)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  return line.length > longestReason ? `${line.slice(0, longestReason)}…` : line;
}

function encode(records: ReadonlyMap<string, HealthRecord>): Uint8Array {
  const list = [...records].sort(([a], [b]) => compareText(a, b)).map(([id, record]) => ({ id, ...record }));
  return new TextEncoder().encode(`${JSON.stringify({ version: 1, records: list })}\n`);
}

/** Throws SyntaxError for what `encode` does not write. */
function decode(bytes: Uint8Array): ReadonlyMap<string, HealthRecord> {
  const saved: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  const { version, records } = fieldsOf(saved);
  if (version !== 1 || !Array.isArray(records)) throw new SyntaxError('not a list of health records, version 1');
  return new Map(
    records.map((item: unknown) => {
      const { id, healthy, reason, since, run, unproven } = fieldsOf(item);
      if (typeof id !== 'string' || typeof healthy !== 'boolean') throw new SyntaxError('a health record is damaged');
      if (typeof reason !== 'string' || typeof since !== 'number')
        throw new SyntaxError(`health of "${id}" is damaged`);
      const record: HealthRecord = {
        healthy,
        reason,
        since,
        ...(typeof run === 'string' ? { run } : {}),
        ...(unproven === true ? { unproven } : {}),
      };
      return [id, record];
    }),
  );
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new SyntaxError('expected an object');
  return value as Readonly<Record<string, unknown>>;
}
