import type { Clock } from './clock.ts';

/** How much an offence weighs: a flood is meant, a broken protocol may be a health check that speaks another one. */
const weights = { flood: 4, protocol: 1 };
export type Offence = keyof typeof weights;

/**
 * Who weighs `heavy` or more waits before the next connection begins: `first` milliseconds after the one before it, twice as much after
 * each offence, `most`. A weight of one is forgotten in `forgets`, the penalty `lasts` so long after the last offence, however many
 * wait; a wait of more than `longest` is a refusal. For `distrusts` after a heavy offence no connection from there is allowed many streams,
 * and before it one in every `grants`.
 */
const penalty = {
  heavy: 4,
  first: 100,
  most: 500,
  forgets: 500,
  lasts: 2_000,
  longest: 5_000,
  distrusts: 60_000,
  grants: 1_000,
};
/** Addresses that are remembered; the oldest go. */
const mostAddresses = 10_000;

interface Record {
  readonly at: number;
  readonly weight: number;
  /** Undefined: nobody waits. */
  readonly apart: number | undefined;
  /** When it last weighed so much that somebody has to wait. */
  readonly heavyAt: number | undefined;
  next: number;
}

/** The addresses from which an abuse came a moment ago (T11): cutting the connection ends nothing when the next one is there at once. */
export interface Penalties {
  /** A connection from there was cut for what it did. */
  punish(address: string, offence: Offence): void;
  /** Milliseconds that the next connection from there has to wait for its turn; undefined: too many wait already. */
  wait(address: string): number | undefined;
  /** Whether a connection from there may have many streams (X20): one a second, none in the minute after a flood. */
  grantMany(address: string): boolean;
}

export function createPenalties(clock: Clock): Penalties {
  const records = new Map<string, Record>();
  const grants = new Map<string, number>();
  return {
    punish(address, offence) {
      const now = clock.now();
      const before = records.get(address);
      const left = before === undefined ? 0 : Math.max(0, before.weight - (now - before.at) / penalty.forgets);
      const weight = Math.min(left, penalty.heavy) + weights[offence];
      const standing = before !== undefined && now - before.at < penalty.lasts ? before.apart : undefined;
      const heavier = standing === undefined ? penalty.first : Math.min(2 * standing, penalty.most);
      const isHeavy = weight >= penalty.heavy;
      const apart = isHeavy ? heavier : standing;
      const heavyAt = isHeavy ? now : before?.heavyAt;
      const next = apart === undefined ? 0 : Math.max(before?.next ?? 0, now + apart);
      remember(records, address, { at: now, weight, apart, heavyAt, next });
    },
    wait(address) {
      const found = records.size === 0 ? undefined : records.get(address);
      if (found === undefined) return 0;
      const now = clock.now();
      if (now - found.at >= penalty.distrusts) records.delete(address);
      if (now - found.at >= penalty.lasts || found.apart === undefined) return 0;
      const turn = Math.max(now, found.next);
      if (turn - now > penalty.longest) return undefined;
      found.next = turn + found.apart;
      return turn - now;
    },
    grantMany(address) {
      const now = clock.now();
      const heavyAt = records.get(address)?.heavyAt ?? Number.NEGATIVE_INFINITY;
      const grantedAt = grants.get(address) ?? Number.NEGATIVE_INFINITY;
      if (now - heavyAt < penalty.distrusts || now - grantedAt < penalty.grants) return false;
      remember(grants, address, now);
      return true;
    },
  };
}

function remember<Value>(of: Map<string, Value>, address: string, value: Value): void {
  of.delete(address);
  of.set(address, value);
  const [oldest] = of.keys();
  if (of.size > mostAddresses && oldest !== undefined) of.delete(oldest);
}
