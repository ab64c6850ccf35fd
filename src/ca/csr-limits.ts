import type { Clock } from '../model/state-store.ts';

/** A bucket of so many requests, refilled evenly. */
interface Rate {
  readonly burst: number;
  readonly eachMinute: number;
}

/** Section 3 of reliability.md. An address may be a machine with many proxies; all together stay far below one second of signing. */
const rates = {
  identity: { burst: 20, eachMinute: 10 },
  address: { burst: 200, eachMinute: 600 },
  everybody: { burst: 1_000, eachMinute: 6_000 },
} as const satisfies Readonly<Record<string, Rate>>;

type Kind = keyof typeof rates;

/** Counts certificate signing requests, so that one caller cannot keep the authority busy. */
export interface CsrLimits {
  /** Takes one request out of all its buckets; false, and nothing is taken, if one of them is empty. */
  take(caller: { readonly identity: string; readonly address?: string }): boolean;
}

/** Buckets that are full again are forgotten whenever so many are known. */
const mostBuckets = 10_000;

export function createCsrLimits(clock: Clock): CsrLimits {
  const buckets = new Map<string, { readonly kind: Kind; readonly left: number; readonly at: number }>();
  const leftIn = (kind: Kind, key: string): number => {
    const { burst, eachMinute } = rates[kind];
    const bucket = buckets.get(key);
    if (bucket === undefined) return burst;
    // A clock that was set back refills nothing, and takes nothing away.
    return Math.min(burst, bucket.left + (Math.max(clock.now() - bucket.at, 0) * eachMinute) / 60_000);
  };
  const forgetFull = (): void => {
    for (const [key, { kind }] of buckets) if (leftIn(kind, key) >= rates[kind].burst) buckets.delete(key);
  };
  return {
    take({ identity, address }) {
      const asked: (readonly [Kind, string])[] = [
        ['identity', `identity ${identity}`],
        ...(address === undefined ? [] : [['address', `address ${address}`] as const]),
        ['everybody', 'everybody'],
      ];
      const found = asked.map(([kind, key]) => ({ kind, key, left: leftIn(kind, key) }));
      if (found.some(({ left }) => left < 1)) return false;
      if (buckets.size >= mostBuckets) forgetFull();
      for (const { kind, key, left } of found) buckets.set(key, { kind, left: left - 1, at: clock.now() });
      return true;
    },
  };
}
