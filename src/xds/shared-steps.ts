import { type Layer, resourcesOf } from './layer.ts';
import { observe } from './observe.ts';
import { emptyMap, isSharedBase, type PersistentMap } from './persistent-map.ts';
import type { Seal } from './plan.ts';
import type { Resource } from './resource.ts';
import type { ResourceType } from './resource-types.ts';
import { type Answer, type ResponseContext, respondWithChanges } from './respond.ts';
import type { Subscription, Variant } from './subscription.ts';

/*
 * Streams whose clients asked for the same and were told the same are in equal states. Here these become the same values,
 * so that what happens to a thousand of them at once is computed once (house.md section 3: the input is the cache key). A
 * stream that goes its own way is computed by itself, and joins the others again with its next ACK.
 */

/** How many states of one type are kept for each list of names: streams that are a push or two apart. */
const kept = 8;

/** By type and list of names. A type that nobody knows is a value of its stream's own: what is kept of it goes with the stream (T8). */
const states = new WeakMap<ResourceType, WeakMap<ReadonlyMap<string, true>, Subscription[]>>();

/** The state, or an equal one that another stream is in. Only states that nothing special happened to are looked for. */
export function joined(subscription: Subscription): Subscription {
  const { names, type } = subscription;
  if (!isOrdinary(subscription) || !isSharedBase(names.base)) return subscription;
  let byNames = states.get(type);
  if (byNames === undefined) {
    byNames = new WeakMap();
    states.set(type, byNames);
  }
  let others = byNames.get(names.base);
  if (others === undefined) {
    others = [];
    byNames.set(names.base, others);
  }
  for (const other of others) if (isEqual(other, subscription)) return other;
  others.unshift(subscription);
  if (others.length > kept) others.pop();
  return subscription;
}

function isOrdinary(subscription: Subscription): boolean {
  return (
    subscription.inFlight === undefined &&
    subscription.rejection === undefined &&
    subscription.suspects === undefined &&
    // Its base is then all of it.
    subscription.names.overlay.size + subscription.names.more.length === 0 &&
    subscription.differs.size === 0 &&
    subscription.pending.size === 0 &&
    subscription.refused.size === 0 &&
    subscription.isolated.size === 0 &&
    subscription.waiting.size === 0 &&
    subscription.heartbeats.size === 0
  );
}

function isEqual(one: Subscription, other: Subscription): boolean {
  return (
    one.lastNonce === other.lastNonce &&
    one.sentVersion === other.sentVersion &&
    one.ackedVersion === other.ackedVersion &&
    one.claimedVersion === other.claimedVersion &&
    one.variant === other.variant &&
    one.wildcard === other.wildcard &&
    one.everNamed === other.everNamed &&
    one.agreed === other.agreed &&
    one.removalsAlone === other.removalsAlone &&
    one.first === other.first &&
    one.setOwed === other.setOwed
  );
}

/** What a first request says besides its names. */
interface Opening {
  readonly typeUrl: string;
  readonly variant: Variant;
  /** SotW: see X34. */
  readonly version: string;
  readonly seen: readonly Layer[];
}

const openings = new WeakMap<
  readonly string[],
  Omit<Opening, 'seen'> & { readonly view: object; readonly result: Subscription }
>();

/** What a type begins with, once for all streams that begin it with the same list (name-lists.ts) and have seen the same of it. */
export function openedOnce(names: readonly string[], opening: Opening, open: () => Subscription): Subscription {
  const { typeUrl, variant, version, seen } = opening;
  const view = names.length > 0 ? soleView(seen, typeUrl) : undefined;
  if (view === undefined) return joined(open());
  const known = openings.get(names);
  if (known?.typeUrl === typeUrl && known.variant === variant && known.version === version && known.view === view)
    return known.result;
  const result = joined(open());
  openings.set(names, { typeUrl, variant, version, view, result });
  return result;
}

/** Stands for a type of which a view has nothing. */
const nothing: PersistentMap<Resource> = { ...emptyMap<Resource>(), base: new Map() };

/** The resources of a type where they all lie in one layer, as those of shared views do. */
function soleView(layers: readonly Layer[], typeUrl: string): PersistentMap<Resource> | undefined {
  let sole = nothing;
  for (const layer of layers) {
    const resources = resourcesOf(layer, typeUrl);
    if (resources.size === 0) continue;
    if (sole !== nothing) return undefined;
    sole = resources;
  }
  return sole;
}

const observed = new WeakMap<
  Subscription,
  { readonly from: object; readonly to: object; readonly result: Subscription }
>();

/** `observe`, once for all streams in this state that come from the one view to the other. */
export function observeOnce(
  subscription: Subscription,
  before: readonly Layer[],
  next: readonly Layer[],
): Subscription {
  const { typeUrl } = subscription.type;
  const from = soleView(before, typeUrl);
  const to = soleView(next, typeUrl);
  if (from === to && from !== undefined && subscription.rejection === undefined) return subscription;
  if (from === undefined || to === undefined || subscription.rejection !== undefined || !subscription.agreed)
    return observe(subscription, before, next);
  const known = observed.get(subscription);
  if (known !== undefined && known.from === from && known.to === to) return known.result;
  const result = observe(subscription, before, next);
  observed.set(subscription, { from, to, result });
  return result;
}

const answered = new WeakMap<
  Subscription,
  { readonly view: object; readonly generation: number; readonly seal: Seal; readonly answer: Answer }
>();

/**
 * `respondWithChanges`, once for all streams in this state that see the same. That holds where the answer depends on
 * nothing else: additions and changes of a type that refers to no other, without clocks and refusals.
 */
export function respondOnce(subscription: Subscription, context: ResponseContext): Answer {
  const { type } = subscription;
  const isAlone = type.switches || context.ttl || context.withholds || subscription.refused.size > 0;
  const view = isAlone ? undefined : soleView(context.layers, type.typeUrl);
  if (view === undefined) return respondWithChanges(subscription, context);
  const known = answered.get(subscription);
  const { generation, seal, after } = context;
  if (known !== undefined && known.view === view && known.generation === generation && known.seal === seal) {
    const { plan } = known.answer;
    if (plan !== undefined && plan.envelope.number > after) return known.answer;
  }
  const answer = respondWithChanges(subscription, context);
  const { plan, wake } = answer;
  const isTimeless = wake === Number.POSITIVE_INFINITY && answer.subscription.waiting.size === 0;
  if (plan !== undefined && plan.removed.length === 0 && isTimeless)
    answered.set(subscription, { view, generation, seal, answer });
  return answer;
}
