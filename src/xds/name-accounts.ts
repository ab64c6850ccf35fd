import { status } from '@grpc/grpc-js';
import { Violation } from './request-limits.ts';

/** What one stream names, as a part of what its connection does. */
export interface NameAccount {
  /** What it counts for now. Throws a Violation where that is more than before, and too much for its connection. */
  set(cost: number): void;
  close(): void;
}

/** T8: what the streams of each connection name together, since a client may have hundreds. `limit`: `limits.subscribedBytes`. */
export function createNameAccounts(limit: number): { open(peer: string): NameAccount } {
  const totals = new Map<string, number>();
  return {
    open(peer) {
      let own = 0;
      const put = (cost: number): number => {
        const total = (totals.get(peer) ?? 0) + cost - own;
        own = cost;
        if (total === 0) totals.delete(peer);
        else totals.set(peer, total);
        return total;
      };
      return {
        set(cost) {
          const isMore = cost > own;
          if (put(cost) > limit && isMore) throw tooMuch(limit);
        },
        close: () => {
          put(0);
        },
      };
    },
  };
}

function tooMuch(limit: number): Violation {
  const words = `the names that the streams of this connection subscribe to count more than ${limit} bytes`;
  return new Violation(status.RESOURCE_EXHAUSTED, `${words} (limits.subscribedBytes)`);
}
