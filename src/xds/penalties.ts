import type { Clock } from './clock.ts';

/**
 * Who has abused a connection begins the next ones no closer than this, in milliseconds: `first`, twice as much after each abuse, `most`.
 * It `lasts` so long after the last abuse; a wait of more than `longest` is a refusal.
 */
const penalty = { first: 100, most: 500, lasts: 2_000, longest: 5_000 };
/** Addresses that are remembered; the oldest go. */
const mostAddresses = 10_000;

/** The addresses from which an abuse came a moment ago (T11): cutting the connection ends nothing when the next one is there at once. */
export interface Penalties {
  /** A connection from there was cut for what it did. */
  punish(address: string): void;
  /** Milliseconds that the next connection from there has to wait for its turn; undefined: too many wait already. */
  wait(address: string): number | undefined;
}

export function createPenalties(clock: Clock): Penalties {
  const punished = new Map<string, { readonly until: number; readonly apart: number; next: number }>();
  return {
    punish(address) {
      const now = clock.now();
      const before = punished.get(address);
      const again = before !== undefined && now < before.until;
      const apart = again ? Math.min(2 * before.apart, penalty.most) : penalty.first;
      punished.delete(address);
      punished.set(address, { until: now + penalty.lasts, apart, next: Math.max(before?.next ?? 0, now + apart) });
      const [oldest] = punished.keys();
      if (punished.size > mostAddresses && oldest !== undefined) punished.delete(oldest);
    },
    wait(address) {
      if (punished.size === 0) return 0;
      const found = punished.get(address);
      if (found === undefined) return 0;
      const now = clock.now();
      if (now >= Math.max(found.until, found.next)) {
        punished.delete(address);
        return 0;
      }
      const turn = Math.max(now, found.next);
      if (turn - now > penalty.longest) return undefined;
      found.next = turn + found.apart;
      return turn - now;
    },
  };
}
