import { type DeltaRequest, receiveDelta } from './delta.ts';
import { judge, type Timing } from './make-before-break.ts';
import { valueOf } from './persistent-map.ts';
import { clusterType, endpointType, resourceType } from './resource-types.ts';
import { type Answer, type Plan, type ResponseContext, respondWithChanges } from './respond.ts';
import type { Snapshot } from './snapshot.ts';
import { receiveSotw, respondSotw, type SotwRequest } from './sotw.ts';
import { force, openSubscription, type Subscription, type Variant } from './subscription.ts';

/** All that the server knows of one stream: plain data, a new value after every step. */
export interface StreamState {
  readonly variant: Variant;
  /** Begins every nonce, so that one of another stream is never taken for one of this (X25, X26). */
  readonly nonceTag: string;
  readonly nonces: number;
  /** In push order (X86). */
  readonly subscriptions: ReadonlyMap<string, Subscription>;
}

/** The state of a stream on which nothing was said. */
export function openStream(variant: Variant, nonceTag: string): StreamState {
  return { variant, nonceTag, nonces: 0, subscriptions: new Map() };
}

/** Applies a delta request for one type. */
export function stepDelta(state: StreamState, typeUrl: string, request: DeltaRequest, now: number): StreamState {
  const present = state.subscriptions.get(typeUrl);
  const opened = present ?? openSubscription('delta', typeUrl);
  return withSubscription(state, receiveDelta(opened, request, present === undefined, now));
}

/** Applies a SotW request for one type; a stale one gets no response of its own (X27). */
export function stepSotw(
  state: StreamState,
  typeUrl: string,
  request: SotwRequest,
  now: number,
): { readonly state: StreamState; readonly stale: boolean } {
  const present = state.subscriptions.get(typeUrl);
  const opened = present ?? openSubscription('sotw', typeUrl);
  const { subscription, stale } = receiveSotw(opened, request, present === undefined, now);
  return { state: withSubscription(state, subscription), stale };
}

/** What to send next, if anything, and when to look again although nothing happened (Infinity: never). */
export interface Next {
  readonly state: StreamState;
  readonly plan: Plan | undefined;
  readonly wake: number;
}

/** The next response of a stream in push order, computed from the newest snapshot; call it until it has no plan. */
export function nextResponse(state: StreamState, snapshot: Snapshot, now: number, timing: Timing): Next {
  const nonce = `${state.nonceTag}${state.nonces + 1}`;
  let current = state;
  let wake = Number.POSITIVE_INFINITY;
  for (const typeUrl of state.subscriptions.keys()) {
    const before = current.subscriptions.get(typeUrl);
    if (before === undefined) continue;
    const view = { subscriptions: current.subscriptions, layers: snapshot.layers, now, timing };
    const context: ResponseContext = {
      layers: snapshot.layers,
      generation: snapshot.generation,
      now,
      nonce,
      judge: (due) => judge(view, due),
    };
    const answer: Answer =
      state.variant === 'delta' ? respondWithChanges(before, context) : respondSotw(before, context);
    if (answer.subscription !== before) current = withSubscription(current, answer.subscription);
    wake = Math.min(wake, answer.wake);
    if (answer.plan === undefined) continue;
    const counted = { ...current, nonces: state.nonces + 1 };
    return { state: typeUrl === clusterType ? oweEndpoints(counted, typeUrl) : counted, plan: answer.plan, wake };
  }
  return { state: current, plan: undefined, wake };
}

/** X87, X89: the endpoints of every EDS cluster just sent are owed again, whatever was sent or acknowledged before. */
function oweEndpoints(state: StreamState, typeUrl: string): StreamState {
  const endpoints = state.subscriptions.get(endpointType);
  const sent = state.subscriptions.get(typeUrl)?.inFlight?.sent ?? [];
  if (endpoints === undefined) return state;
  const names = sent.flatMap(({ edsName }) => (edsName === undefined ? [] : [edsName]));
  const asked = names.filter((name) => valueOf(endpoints.names, name) !== undefined);
  return asked.length === 0 ? state : withSubscription(state, force(endpoints, asked));
}

function withSubscription(state: StreamState, subscription: Subscription): StreamState {
  const { typeUrl } = subscription;
  const known = state.subscriptions.has(typeUrl);
  const subscriptions = new Map(state.subscriptions).set(typeUrl, subscription);
  if (known) return { ...state, subscriptions };
  const sorted = [...subscriptions].sort(([one], [other]) => resourceType(one).order - resourceType(other).order);
  return { ...state, subscriptions: new Map(sorted) };
}
