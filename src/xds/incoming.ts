import { status } from '@grpc/grpc-js';
import { valueOf } from './persistent-map.ts';
import { type RequestLimits, tooManyNames, Violation } from './request-limits.ts';
import { canonicalName } from './resource-name.ts';
import { type StreamState, stepDelta, stepSotw } from './stream-state.ts';
import type { Subscription, Variant } from './subscription.ts';
import { subscriptionOf } from './subscription-of.ts';

/** A request of either variant: what it says of one type, and the node of a first request, still encoded. */
export interface Incoming {
  readonly variant: Variant;
  readonly typeUrl: string;
  readonly node: Uint8Array | undefined;
  readonly nonce: string;
  /** SotW: the version that the client holds. */
  readonly version: string;
  /** The text of `error_detail`, as much of it as is kept, where that is present. */
  readonly error: string | undefined;
  /** SotW: the complete list. Delta: names that are newly asked for. */
  readonly names: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
}

/** A request with more names is applied in parts, so that none holds the event loop (T8). */
export const namesAtOnce = 1_024;

/**
 * A delta request as several that come to the same: it answers and subscribes, the next ones subscribe, the last one unsubscribes (X66).
 * Lists of SotW are whole, and so are the versions of a first delta request: these stay one.
 */
export function inParts(incoming: Incoming): readonly [Incoming, ...Incoming[]] {
  if (incoming.variant === 'sotw' || incoming.initialVersions.size > 0) return [incoming];
  // X19: Envoy takes the first answer for the whole set, so the wildcard goes first.
  const isEverything = incoming.names.includes('*');
  const names = isEverything ? ['*', ...incoming.names.filter((name) => name !== '*')] : incoming.names;
  const first: Incoming = { ...incoming, names: names.slice(0, namesAtOnce), unsubscribe: [] };
  const parts: Incoming[] = [];
  for (let from = namesAtOnce; from < names.length; from += namesAtOnce) {
    const isLast = from + namesAtOnce >= names.length;
    const unsubscribe = isLast ? incoming.unsubscribe : [];
    const part = { ...first, names: names.slice(from, from + namesAtOnce), nonce: '', error: undefined, unsubscribe };
    parts.push(part);
  }
  return [first, ...parts];
}

/** The state after a request; `stale` ones get no response of their own (X27). */
export function applied(
  state: StreamState,
  incoming: Incoming,
  now: number,
): { readonly state: StreamState; readonly stale: boolean } {
  const { typeUrl, nonce, error, names, unsubscribe, initialVersions, version } = incoming;
  if (incoming.variant === 'sotw') return stepSotw(state, typeUrl, { nonce, version, error, names }, now);
  return {
    state: stepDelta(state, typeUrl, { nonce, error, subscribe: names, unsubscribe, initialVersions }, now),
    stale: false,
  };
}

/** T8: what everything that a stream names counts for. */
export function costOfStream({ subscriptions }: StreamState): number {
  let sum = 0;
  for (const { namesCost, claimsCost } of subscriptions) sum += namesCost + claimsCost;
  return sum;
}

/** How many names a type has with these: where that may be too many, each counts once, however often it is asked for (X69). */
function countOf(names: readonly string[], present: Subscription | undefined, limits: RequestLimits): number {
  const before = present?.names;
  if (before === undefined || names.length + before.size <= limits.names) return names.length;
  const fresh = new Set(names.map(canonicalName).filter((name) => valueOf(before, name) === undefined));
  return before.size + fresh.size;
}

/** X2 and T8: what any request must keep to. Throws a Violation. */
export function checkRequest(incoming: Incoming, state: StreamState, limits: RequestLimits): void {
  const { typeUrl, names } = incoming;
  if (typeUrl === '')
    throw new Violation(status.INVALID_ARGUMENT, 'a request on an aggregated stream must carry type_url');
  const present = subscriptionOf(state, typeUrl);
  if (present === undefined && state.subscriptions.length >= limits.types)
    throw new Violation(status.RESOURCE_EXHAUSTED, `more than ${limits.types} resource types on one stream`);
  if (names.length > 0 && countOf(names, state.variant === 'delta' ? present : undefined, limits) > limits.names)
    throw tooManyNames(limits);
}
