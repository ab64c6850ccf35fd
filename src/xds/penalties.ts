import type { Clock } from './clock.ts';

/** Who has abused a connection begins the next ones no faster than this: `lasts` and `apart` in milliseconds, `longest` a wait may be. */
const penalty = { lasts: 2_000, apart: 100, longest: 2_000 };
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
  const punished = new Map<string, { readonly until: number; next: number }>();
  return {
    punish(address) {
      const now = clock.now();
      const next = Math.max(punished.get(address)?.next ?? 0, now + penalty.apart);
      punished.delete(address);
      punished.set(address, { until: now + penalty.lasts, next });
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
      found.next = turn + penalty.apart;
      return turn - now;
    },
  };
}
