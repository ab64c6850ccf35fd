import { deferred } from '../../src/sidecar/deferred.ts';
import { fetchOnce, type LoadTarget } from './load.ts';

/** What a request came to: its status, or how it failed. */
export type Outcome = number | string;

/** Requests that a program holds until a test lets them go. */
export interface HeldRequests {
  /** What the program awaits before it answers. */
  hold(): Promise<void>;
  /** How many have reached it since `holding` began. */
  held(): number;
  /** Sends requests as `act` asks for them, lets all go once it is through, and returns what each came to. */
  holding(
    target: LoadTarget,
    act: (send: (requests: number) => void, outcomes: readonly Outcome[]) => Promise<unknown>,
  ): Promise<readonly Outcome[]>;
}

export function createHeldRequests(): HeldRequests {
  let held = 0;
  let released: Promise<void> = Promise.resolve();
  return {
    hold() {
      held += 1;
      return released;
    },
    held: () => held,
    async holding(target, act) {
      const { promise, resolve } = deferred<void>();
      [held, released] = [0, promise];
      const outcomes: Outcome[] = [];
      const open: Promise<unknown>[] = [];
      const send = (requests: number) => {
        for (let sent = 0; sent < requests; sent += 1) {
          const outcome = fetchOnce(target).then(({ status }) => status, String);
          open.push(outcome.then((one) => outcomes.push(one)));
        }
      };
      try {
        await act(send, outcomes);
      } finally {
        resolve();
        await Promise.all(open);
      }
      return outcomes;
    },
  };
}
