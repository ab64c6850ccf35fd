import { namesUnder } from './names-under.ts';
import type { Resource } from './resource.ts';
import type { StreamState } from './stream-state.ts';
import { heldOf } from './subscription.ts';
import { subscriptionOf } from './subscription-of.ts';

/** Whether the client holds this content, under whichever name (X83), and not in a response that waits for its answer. */
export function hasAccepted(state: StreamState, resource: Resource): boolean {
  const { typeUrl, name, version } = resource;
  const subscription = subscriptionOf(state, typeUrl);
  if (subscription === undefined || subscription.inFlight?.sent.some((sent) => sent.name === name) === true)
    return false;
  return namesUnder(subscription, resource).some(
    (asked) => heldOf(subscription, state.seen, asked)?.version === version,
  );
}
