import { type DeltaRequest, type Moment, receiveDelta } from './delta.ts';
import type { Layer } from './layer.ts';
import { lookedAt, noteLook } from './looked-at.ts';
import { hasClusters, judge, type StreamView, type Timing } from './make-before-break.ts';
import { owedAfter } from './owed-after.ts';
import { entriesOf, keysOf, mapOver, type PersistentMap, withChanges } from './persistent-map.ts';
import type { Plan, Seal } from './plan.ts';
import type { Resource } from './resource.ts';
import { allVirtualHosts, clusterType, routeType, virtualHostType } from './resource-types.ts';
import type { Quarantined, ResponseContext } from './respond.ts';
import { joined, observeOnce, openedOnce, respondOnce } from './shared-steps.ts';
import type { Snapshot } from './snapshot.ts';
import { receiveSotw, respondSotw, type SotwRequest } from './sotw.ts';
import {
  type Draft,
  type Owed,
  openSubscription,
  type Subscription,
  type Variant,
  wasRefused,
} from './subscription.ts';
import { subscriptionOf } from './subscription-of.ts';
import { stands } from './suspects.ts';
import { withPlaceholders } from './virtual-hosts.ts';

/** What a client can do beyond the first version of the protocol. */
export interface ClientFeatures {
  /** It understands a TTL in the form that its variant has for it (X106, X107). */
  readonly ttl: boolean;
}

/** All that the server knows of one stream: plain data, a new value after every step. */
export interface StreamState {
  readonly variant: Variant;
  readonly features: ClientFeatures;
  readonly virtualHosts: VirtualHosts;
  /** Of the last response. */
  readonly lastNumber: number;
  /** The view that every subscription has been told of; empty before the first. */
  readonly seen: readonly Layer[];
  /** The view that the last CDS response was made from (M1). */
  readonly clustersFrom: readonly Layer[] | undefined;
  /** When refused content was last told of; see `World`. */
  readonly quarantineEpoch: number;
  /** In push order (X86). */
  readonly subscriptions: readonly Subscription[];
}

/** What a response depends on besides the state of its stream. */
export interface World {
  readonly snapshot: Snapshot;
  readonly now: number;
  readonly timing: Timing;
  readonly seal: Seal;
  /** What equal clients refused; `epoch` rises when some of it is given free again, `added` when there is more. */
  readonly quarantine: {
    readonly epoch: number;
    readonly added: number;
    /** Whether there is anything of a type to find. */
    readonly withholds: (typeUrl: string) => boolean;
    readonly find: (resource: Resource) => Quarantined | undefined;
  };
}

/** Which virtual hosts VHDS brings: those that a request asks for, or all. */
export type VirtualHosts = 'asked' | 'all';

const nothing: readonly Layer[] = [];

/** The state of a stream on which nothing was said; `seen` is the view that it begins with. */
export function openStream(
  variant: Variant,
  features: ClientFeatures = { ttl: false },
  seen: readonly Layer[] = nothing,
  virtualHosts: VirtualHosts = 'asked',
): StreamState {
  return {
    variant,
    features,
    virtualHosts,
    lastNumber: 0,
    seen,
    clustersFrom: undefined,
    quarantineEpoch: 0,
    subscriptions: [],
  };
}

function placeOf({ subscriptions }: StreamState, typeUrl: string): number {
  return subscriptions.findIndex(({ type }) => type.typeUrl === typeUrl);
}

/** X109: to Envoy a virtual host without content is one that does not exist. */
function knowsTtl({ features }: StreamState, typeUrl: string): boolean {
  return features.ttl && typeUrl !== virtualHostType;
}

/** Applies a delta request for one type. */
export function stepDelta(state: StreamState, typeUrl: string, request: DeltaRequest, now: number): StreamState {
  const present = subscriptionOf(state, typeUrl);
  const { seen } = state;
  const moment: Moment = { now, seen, ttl: knowsTtl(state, typeUrl) };
  if (present !== undefined) return withSubscription(state, joined(receiveDelta(present, request, false, moment)));
  const type = typeUrl === virtualHostType && state.virtualHosts === 'all' ? allVirtualHosts : typeUrl;
  const open = () => receiveDelta(openSubscription('delta', type), request, true, moment);
  const saysMore = request.initialVersions.size + request.unsubscribe.length > 0;
  const opening = { variant: 'delta', typeUrl, version: '', seen } as const;
  return withSubscription(
    state,
    saysMore || type !== typeUrl ? joined(open()) : openedOnce(request.subscribe, opening, open),
  );
}

/** Applies a SotW request for one type; a stale one gets no response of its own (X27). */
export function stepSotw(
  state: StreamState,
  typeUrl: string,
  request: SotwRequest,
  now: number,
): { readonly state: StreamState; readonly stale: boolean } {
  const present = subscriptionOf(state, typeUrl);
  const { seen } = state;
  const moment: Moment = { now, seen, ttl: knowsTtl(state, typeUrl) };
  if (present === undefined) {
    const open = () => receiveSotw(openSubscription('sotw', typeUrl), request, true, moment).subscription;
    const opening = { variant: 'sotw', typeUrl, version: request.version, seen } as const;
    return { state: withSubscription(state, openedOnce(request.names, opening, open)), stale: false };
  }
  const { subscription, stale } = receiveSotw(present, request, false, moment);
  return { state: withSubscription(state, joined(subscription)), stale };
}

/** What to send next, if anything, and when to look again although nothing happened (Infinity: never). */
export interface Next {
  readonly state: StreamState;
  readonly plan: Plan | undefined;
  readonly wake: number;
}

/** The next response of a stream in push order, computed from the newest snapshot; call it until it has no plan. */
export function nextResponse(state: StreamState, world: World): Next {
  const { snapshot, now, timing, seal, quarantine } = world;
  let current = hostsOwed(reconsider(see(state, snapshot.layers), quarantine.epoch));
  let wake = Number.POSITIVE_INFINITY;
  for (let index = 0; index < current.subscriptions.length; index += 1) {
    const before = current.subscriptions[index];
    if (before === undefined || before.inFlight !== undefined || isAtRest(before)) continue;
    const idle = lookedAt(before, current, quarantine.added, now);
    if (idle !== undefined) {
      wake = Math.min(wake, idle);
      continue;
    }
    const refused = (resource: Resource): boolean => quarantine.find(resource) !== undefined;
    const view: StreamView = { state: current, layers: snapshot.layers, now, timing, refused };
    const context: ResponseContext = {
      layers: snapshot.layers,
      generation: snapshot.generation,
      now,
      seal,
      after: current.lastNumber,
      judge: (due) => judge(view, due),
      quarantined: (resource) => standing(view, before, quarantine.find(resource)),
      withholds: quarantine.withholds(before.type.typeUrl),
      ttl: knowsTtl(state, before.type.typeUrl),
    };
    const answer = state.variant === 'delta' ? respondOnce(before, context) : respondSotw(before, context);
    wake = Math.min(wake, answer.wake);
    const { plan } = answer;
    if (plan === undefined) {
      if (answer.subscription !== before) current = replaced(current, index, answer.subscription);
      noteLook(answer.subscription, current, quarantine.added, answer.wake);
      continue;
    }
    const sent = replaced(current, index, answer.subscription);
    sent.lastNumber = plan.envelope.number;
    if (before.type.typeUrl === clusterType) sent.clustersFrom = snapshot.layers;
    const owed = owedAfter(sent, answer.subscription);
    return { state: owed === undefined ? sent : withSubscription(sent, owed), plan, wake };
  }
  return { state: current, plan: undefined, wake };
}

/** A form that an equal client took is of use only if this one did not refuse it, and has the clusters that it refers to (INV8). */
function standing(
  view: StreamView,
  subscription: Subscription,
  found: Quarantined | undefined,
): Quarantined | undefined {
  const good = found?.good;
  if (good === undefined) return found;
  return !wasRefused(subscription, good.name, good.version) && hasClusters(view, good) ? found : { good: undefined };
}

/** Nothing is owed to it, whatever the clock says. */
function isAtRest(subscription: Subscription): boolean {
  const { agreed, pending, setOwed, heartbeats } = subscription;
  return agreed && pending.size === 0 && !setOwed && heartbeats.size === 0 && !stands(subscription);
}

/** Tells every subscription what changed since the view that the stream has seen last. */
function see(state: StreamState, layers: readonly Layer[]): StreamState {
  const { seen } = state;
  if (seen === layers) return state;
  let changed: Subscription[] | undefined;
  for (const [index, subscription] of state.subscriptions.entries()) {
    const observed = observeOnce(subscription, seen, layers);
    if (observed === subscription) continue;
    changed ??= [...state.subscriptions];
    changed[index] = observed;
  }
  const told = copyOf(state);
  told.seen = layers;
  if (changed !== undefined) told.subscriptions = changed;
  return told;
}

/** What was withheld because equal clients refused it is looked at again once some of it is free. */
function reconsider(state: StreamState, epoch: number): StreamState {
  if (state.quarantineEpoch === epoch) return state;
  const subscriptions = state.subscriptions.map((subscription) =>
    subscription.agreed && subscription.differs.size > 0
      ? { ...subscription, pending: withChanges(differing(subscription), [...entriesOf(subscription.pending)]) }
      : subscription,
  );
  return { ...state, quarantineEpoch: epoch, subscriptions };
}

/** X67: what VHDS owes to route configurations that have none of their hosts yet; who is sent all hosts waits for nothing else. */
function hostsOwed(state: StreamState): StreamState {
  const hosts = subscriptionOf(state, virtualHostType);
  if (hosts === undefined || hosts.type === allVirtualHosts) return state;
  const owed = withPlaceholders(hosts, subscriptionOf(state, routeType), state.seen);
  return owed === hosts ? state : withSubscription(state, owed);
}

function differing({ differs }: Subscription): PersistentMap<Owed> {
  return mapOver(new Map(Array.from(keysOf(differs), (name) => [name, 'changed' as const])));
}

function withSubscription(state: StreamState, subscription: Subscription): StreamState {
  const { typeUrl, order } = subscription.type;
  const index = placeOf(state, typeUrl);
  if (index >= 0) return state.subscriptions[index] === subscription ? state : replaced(state, index, subscription);
  const place = state.subscriptions.findIndex(({ type }) => type.order > order);
  const subscriptions = state.subscriptions.toSpliced(place < 0 ? state.subscriptions.length : place, 0, subscription);
  return { ...state, subscriptions };
}

/** A copy with this subscription in its place. */
function replaced(state: StreamState, index: number, subscription: Subscription): Draft<StreamState> {
  const subscriptions = state.subscriptions.slice();
  subscriptions[index] = subscription;
  const next = copyOf(state);
  next.subscriptions = subscriptions;
  return next;
}

/** See copyOf of subscription.ts. */
function copyOf(state: StreamState): Draft<StreamState> {
  return {
    variant: state.variant,
    features: state.features,
    virtualHosts: state.virtualHosts,
    lastNumber: state.lastNumber,
    seen: state.seen,
    clustersFrom: state.clustersFrom,
    quarantineEpoch: state.quarantineEpoch,
    subscriptions: state.subscriptions,
  };
}
