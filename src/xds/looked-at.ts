import type { Layer } from './layer.ts';
import { endpointType } from './resource-types.ts';
import type { StreamState } from './stream-state.ts';
import type { Subscription } from './subscription.ts';
import { stands } from './suspects.ts';

/** What a look depended on, and when it is worth another although nothing happened. */
interface Look {
  readonly seen: readonly Layer[];
  readonly others: readonly Subscription[];
  /** What was refused stands in nobody's way (X44). */
  readonly refusals: number;
  readonly wake: number;
}

const looks = new WeakMap<Subscription, Look>();

/**
 * Until when nothing can come of another look at what waits, if that is in the future: the last one came to nothing, and all that it
 * depended on is as it was. Clusters that wait for their grace are then not judged anew with every ACK of something else.
 */
export function lookedAt(
  subscription: Subscription,
  state: StreamState,
  refusals: number,
  now: number,
): number | undefined {
  const last = looks.get(subscription);
  if (last === undefined || last.wake <= now || last.seen !== state.seen) return undefined;
  if (last.refusals !== refusals) return undefined;
  const others = othersOf(subscription, state);
  const same = others.length === last.others.length && others.every((other, index) => other === last.others[index]);
  return same ? last.wake : undefined;
}

/** Notes that a look came to nothing; `wake`: see Answer. */
export function noteLook(subscription: Subscription, state: StreamState, refusals: number, wake: number): void {
  if (subscription.waiting.size === 0 && !stands(subscription)) return;
  looks.set(subscription, {
    seen: state.seen,
    others: othersOf(subscription, state),
    refusals,
    wake,
  });
}

/** The types that make and break look at: all but endpoints, which refer to nothing and change the most. */
function othersOf(subscription: Subscription, state: StreamState): readonly Subscription[] {
  return state.subscriptions.filter((other) => other !== subscription && other.type.typeUrl !== endpointType);
}
