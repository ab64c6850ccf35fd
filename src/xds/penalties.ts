import type { Clock } from './clock.ts';

/** How much an offence weighs: a flood is meant, a broken protocol may be a health check that speaks another one. */
const weights = { flood: 4, protocol: 1 };
export type Offence = keyof typeof weights;

/**
 * Who weighs `heavy` or more waits before the next connection begins: `first` milliseconds after the one before it, twice as much after
 * each offence, `most`. A weight of one is forgotten in `forgets`, the penalty `lasts` so long after the last offence, however many
 * wait; a wait of more than `longest` is a refusal.
 */
const penalty = { heavy: 4, first: 100, most: 500, forgets: 500, lasts: 2_000, longest: 5_000 };
/** Addresses that are remembered; the oldest go. */
const mostAddresses = 10_000;

interface Record {
  readonly at: number;
  readonly weight: number;
  /** Undefined: nobody waits. */
  readonly apart: number | undefined;
  next: number;
}

/** The addresses from which an abuse came a moment ago (T11): cutting the connection ends nothing when the next one is there at once. */
export interface Penalties {
  /** A connection from there was cut for what it did. */
  punish(address: string, offence: Offence): void;
  /** Milliseconds that the next connection from there has to wait for its turn; undefined: too many wait already. */
  wait(address: string): number | undefined;
}

export function createPenalties(clock: Clock): Penalties {
  const records = new Map<string, Record>();
  return {
    punish(address, offence) {
      const now = clock.now();
      const before = records.get(address);
      const left = before === undefined ? 0 : Math.max(0, before.weight - (now - before.at) / penalty.forgets);
      const weight = Math.min(left, penalty.heavy) + weights[offence];
      const standing = before !== undefined && now - before.at < penalty.lasts ? before.apart : undefined;
      const heavier = standing === undefined ? penalty.first : Math.min(2 * standing, penalty.most);
      const apart = weight >= penalty.heavy ? heavier : standing;
      const next = apart === undefined ? 0 : Math.max(before?.next ?? 0, now + apart);
      records.delete(address);
      records.set(address, { at: now, weight, apart, next });
      const [oldest] = records.keys();
      if (records.size > mostAddresses && oldest !== undefined) records.delete(oldest);
    },
    wait(address) {
      const found = records.size === 0 ? undefined : records.get(address);
      if (found === undefined) return 0;
      const now = clock.now();
      if (now - found.at >= penalty.lasts) {
        records.delete(address);
        return 0;
      }
      if (found.apart === undefined) return 0;
      const turn = Math.max(now, found.next);
      if (turn - now > penalty.longest) return undefined;
      found.next = turn + found.apart;
      return turn - now;
    },
  };
}
