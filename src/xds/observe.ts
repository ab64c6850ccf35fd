import type { Layer } from './layer.ts';
import { valueOf, withChanges } from './persistent-map.ts';
import { changedNames, lookup } from './snapshot.ts';
import {
  copyOf,
  type Held,
  isSubscribed,
  nothingHeld,
  type Owed,
  removal,
  type Subscription,
  wasRefused,
} from './subscription.ts';
import { wantedOf } from './wanted.ts';

/** Adds to `pending` what changed between the view that the stream has seen and the next one. */
export function observe(subscription: Subscription, before: readonly Layer[], next: readonly Layer[]): Subscription {
  if (!subscription.agreed) return withCurrentRejection(subscription, next);
  const { typeUrl } = subscription.type;
  const changed = changedNames(next, before, typeUrl);
  if (changed.length === 0) return subscription;
  const current = withoutRefusalsOf(subscription, changed, next);
  const owed: [string, Owed][] = [];
  const differing: [string, Held | typeof nothingHeld][] = [];
  for (const name of changed) {
    if (!isSubscribed(subscription, name)) continue;
    const was = wantedOf(subscription, before, name);
    if (valueOf(subscription.pending, name) === undefined) owed.push([name, 'changed']);
    if (valueOf(subscription.differs, name) === undefined) differing.push([name, was ?? nothingHeld]);
  }
  if (owed.length + differing.length === 0) return withCurrentRejection(current, next);
  const observed = copyOf(current);
  observed.pending = withChanges(subscription.pending, owed);
  observed.differs = withChanges(subscription.differs, differing);
  return withCurrentRejection(observed, next);
}

/**
 * What went away and comes back is offered anew: the trouble may have been the client's own, a file that was not there, and of others the
 * quarantine knows (X38).
 */
function withoutRefusalsOf(
  subscription: Subscription,
  changed: readonly string[],
  next: readonly Layer[],
): Subscription {
  const { refused, type } = subscription;
  if (refused.size === 0) return subscription;
  const gone = changed.filter((name) => refused.has(name) && lookup(next, type.typeUrl, name) === undefined);
  if (gone.length === 0) return subscription;
  const left = new Map(refused);
  for (const name of gone) {
    const known = left.get(name);
    if (known !== undefined)
      left.set(name, { ...known, versions: known.versions.filter((version) => version === removal) });
  }
  return { ...subscription, refused: left };
}

/** Where refused content is no longer wanted nothing is left to acknowledge, so nothing else would end the error (X42). */
export function withCurrentRejection(subscription: Subscription, seen: readonly Layer[]): Subscription {
  if (subscription.rejection === undefined || isRejectionCurrent(subscription, seen)) return subscription;
  return { ...subscription, rejection: undefined };
}

/** Whether some of what the last NACK was about is still the newest content, or may be (X42). */
export function isRejectionCurrent(subscription: Subscription, seen: readonly Layer[]): boolean {
  const { rejection: last, type } = subscription;
  if (last === undefined) return false;
  if (subscription.suspects !== undefined) return true;
  return last.names.some((name) =>
    wasRefused(subscription, name, lookup(seen, type.typeUrl, name)?.version ?? removal),
  );
}
