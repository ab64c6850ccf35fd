import type { Refuser } from './quarantine.ts';
import type { Resource } from './resource.ts';
import type { Quarantined } from './respond.ts';
import type { StreamHost } from './stream-host.ts';
import type { StreamState } from './stream-state.ts';
import { heldOf, isResource } from './subscription.ts';
import { subscriptionOf } from './subscription-of.ts';

/** The option `inspect`; a look that fails finds nothing, and is told to `onFailure` once for each resource. */
export function inspecting(
  inspect: ((resource: Resource) => unknown) | undefined,
  onFailure: (error: unknown) => void,
): (resource: Resource) => string | undefined {
  if (inspect === undefined) return () => undefined;
  const failed = new WeakSet<Resource>();
  return (resource) => {
    if (failed.has(resource)) return undefined;
    try {
      const wrong = inspect(resource);
      if (wrong === undefined || typeof wrong === 'string') return wrong;
      throw new TypeError(`"inspect" must answer with a text that says what is wrong, or with undefined`);
    } catch (error) {
      failed.add(resource);
      onFailure(error);
      return undefined;
    }
  };
}

/**
 * Whether a resource is sent to nobody because of what `inspect` says. The first stream that would be sent it keeps what its client holds,
 * and equal clients that hold nothing get that.
 */
export function inspected(
  { inspect, quarantine, clock }: Pick<StreamHost<unknown>, 'inspect' | 'quarantine' | 'clock'>,
  refuser: Refuser,
  state: StreamState,
  resource: Resource,
): Quarantined | undefined {
  const message = inspect(resource);
  if (message === undefined) return undefined;
  const subscription = subscriptionOf(state, resource.typeUrl);
  const held = subscription && heldOf(subscription, state.seen, resource.name);
  const good = held !== undefined && isResource(held) && held.version !== resource.version ? held : undefined;
  quarantine.refuse(refuser, { resource, good, message, at: clock.now(), accepted: false, by: 'the server' });
  return quarantine.find(refuser, resource) ?? { good };
}
