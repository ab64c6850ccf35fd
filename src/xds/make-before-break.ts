import type { Layer } from './layer.ts';
import { namesUnder } from './names-under.ts';
import { entriesOf, valueOf } from './persistent-map.ts';
import { referrersOf, refersIn } from './referrers.ts';
import type { Resource, ResourceReference } from './resource.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  virtualHostType,
} from './resource-types.ts';
import type { Due, Verdict } from './respond.ts';
import { lookup } from './snapshot.ts';
import type { StreamState } from './stream-state.ts';
import {
  everythingHeld,
  type Held,
  heldOf,
  isSubscribed,
  nothingHeld,
  type Subscription,
  wasRefused,
} from './subscription.ts';
import { subscriptionOf } from './subscription-of.ts';
import { standingVersions } from './suspects.ts';

/** Milliseconds (section 8: hold and grace). */
export interface Timing {
  /** How long a route or listener waits for the ACK of its new clusters (X91). */
  readonly hold: number;
  /** How long a cluster stays after the last accepted reference to it is gone (X92). */
  readonly grace: number;
}

/** What the judge sees of a stream; `layers` is what it has seen last. */
export interface StreamView {
  readonly state: Pick<StreamState, 'subscriptions' | 'clustersFrom'>;
  readonly layers: readonly Layer[];
  readonly now: number;
  readonly timing: Timing;
  /** Whether this client or an equal one refused the content. */
  readonly refused: (resource: Resource) => boolean;
}

const send: Verdict = { kind: 'send' };
const never = Number.POSITIVE_INFINITY;

/** Section 5: make (clusters, endpoints), then switch (listeners, routes), then break (removals). */
export function judge(view: StreamView, due: Due): Verdict {
  const { typeUrl, switches } = due.subscription.type;
  if (due.next !== undefined) return switches ? judgeSwitch(view, due, due.next) : send;
  if (typeUrl === endpointType) return judgeEndpointRemoval(view, due);
  // A filter leads to clusters, as routes do, and listeners lead to it: without its content they refuse every request.
  return switches && typeUrl !== extensionType ? send : judgeRemoval(view, due);
}

/** A route, listener or filter to clusters that are new to the client waits for their ACK; what stands there stays meanwhile. */
function judgeSwitch(view: StreamView, due: Due, next: Resource): Verdict {
  if (next.references.length === 0) return send;
  const clusters = subscriptionOf(view.state, clusterType);
  if (clusters === undefined) return send;
  const unconfirmed = unconfirmedClusters(view, clusters, next);
  if (unconfirmed.length === 0) return send;
  // A cluster that was refused will not come: it counts as sent, or it would keep back all else that stands in the route (X44).
  const unsent = unconfirmed.some(
    (name) => heldAs(clusters, view.layers, name) === undefined && !isRefused(view, clusters, name),
  );
  if (due.subscription.first || due.held === undefined) {
    // M1: a first answer is not held for an ACK, but it comes from a view whose clusters were sent.
    if (!unsent) return send;
    const earlier = isUntold(due) ? earlierForm(view, clusters, due, next) : undefined;
    return earlier === undefined ? { kind: 'wait', until: never } : { kind: 'send', instead: earlier };
  }
  // M2: past the deadline only routes to clusters that were sent go out.
  const deadline = (due.waiting?.since ?? view.now) + view.timing.hold;
  if (unsent) return { kind: 'wait', until: never };
  return view.now >= deadline ? send : { kind: 'wait', until: deadline };
}

/** Nothing was said of the name on this stream: otherwise an earlier form of it would be a step back (X93). */
function isUntold({ subscription, name }: Due): boolean {
  if (subscription.first) return true;
  return valueOf(subscription.pending, name) === 'asked' && !subscription.isolated.has(name);
}

/** The resource as it was in the view that the last CDS response was made from, if that is news to the client. */
function earlierForm(view: StreamView, clusters: Subscription, due: Due, next: Resource): Resource | undefined {
  const from = view.state.clustersFrom;
  const earlier = from === undefined ? undefined : lookup(from, next.typeUrl, due.name);
  if (from === undefined || earlier === undefined || earlier.version === due.held?.version) return undefined;
  if (wasRefused(due.subscription, earlier.name, earlier.version)) return undefined;
  const sent = earlier.references.every(
    ({ typeUrl, name }) =>
      typeUrl !== clusterType ||
      !isSubscribed(clusters, name) ||
      heldAs(clusters, view.layers, name) !== undefined ||
      lookup(from, clusterType, name) === undefined,
  );
  return sent ? earlier : undefined;
}

/** Whether the client holds every cluster that the resource refers to, of those that it wants to know. */
export function hasClusters(view: StreamView, { references }: Resource): boolean {
  const clusters = subscriptionOf(view.state, clusterType);
  if (clusters === undefined) return true;
  return references.every(
    ({ typeUrl, name }) =>
      typeUrl !== clusterType || !isSubscribed(clusters, name) || heldAs(clusters, view.layers, name) !== undefined,
  );
}

/** Clusters of this view to which the resource refers and which the client has not accepted yet. */
function unconfirmedClusters(view: StreamView, clusters: Subscription, resource: Resource): readonly string[] {
  // At rest it holds whatever it wants to know.
  if (clusters.agreed && clusters.differs.size === 0 && clusters.inFlight === undefined) return [];
  const names: string[] = [];
  for (const { typeUrl, name } of resource.references) {
    // A client that names its clusters learns of a new one from the route: it cannot have that before (gRPC does so).
    if (typeUrl !== clusterType || !isSubscribed(clusters, name)) continue;
    if (lookup(view.layers, clusterType, name) === undefined) continue;
    const held = heldAs(clusters, view.layers, name);
    // What may be held or not has not been accepted either.
    if (held === undefined || held.version === '' || isNewInFlight(clusters, name)) names.push(name);
  }
  return names;
}

/** What the client holds of a cluster that something refers to, be it by an alias. */
function heldAs(clusters: Subscription, layers: readonly Layer[], name: string): Held | undefined {
  return heldOf(clusters, layers, name) ?? heldOf(clusters, layers, lookup(layers, clusterType, name)?.name ?? name);
}

/** Refused, or of a set that was refused and in which nobody looks for the culprit any more: it will not come as it is. */
function isRefused(view: StreamView, clusters: Subscription, name: string): boolean {
  const cluster = lookup(view.layers, clusterType, name);
  if (cluster === undefined) return false;
  // Of another form than the one that stands nobody knows anything: it comes, with the next set.
  if (standingVersions(clusters.suspects).get(name) === cluster.version) return true;
  return wasRefused(clusters, name, cluster.version) || view.refused(cluster);
}

const sentNames = new WeakMap<readonly Resource[], ReadonlySet<string>>();

/** Sent for the first time and not acknowledged. The list of what was sent is shared by streams, and so is its index. */
function isNewInFlight({ inFlight }: Subscription, name: string): boolean {
  if (inFlight === undefined || inFlight.before.has(name)) return false;
  let names = sentNames.get(inFlight.sent);
  if (names === undefined) {
    names = new Set(inFlight.sent.map((resource) => resource.name));
    sentNames.set(inFlight.sent, names);
  }
  return names.has(name);
}

/** X92, X114, X119: what is made goes after everything that the client accepted has stopped referring to it; a cluster after the grace too. */
function judgeRemoval(view: StreamView, due: Due): Verdict {
  const { typeUrl } = due.subscription.type;
  if (isReferredTo(view, { typeUrl, name: due.name })) return { kind: 'wait', until: never };
  const isGhost = due.held !== undefined && (!('value' in due.held) || due.held.claimed === true);
  const hosts = subscriptionOf(view.state, virtualHostType);
  const switched = [listenerType, routeType]
    .map((typeUrl) => subscriptionOf(view.state, typeUrl))
    .concat(hosts ?? [])
    .every(hasAcknowledged);
  if (isGhost && !switched) {
    // Section 5, point 5: a removal owed from before the stream follows its first accepted LDS and RDS, or the deadline.
    const deadline = (due.waiting?.since ?? view.now) + view.timing.hold;
    if (view.now < deadline) return { kind: 'wait', until: deadline };
  }
  if (due.held === undefined || typeUrl !== clusterType) return send;
  const clearSince = due.waiting?.clearSince ?? view.now;
  const until = clearSince + view.timing.grace;
  return view.now >= until ? send : { kind: 'wait', until, clearSince };
}

function hasAcknowledged(subscription: Subscription | undefined): boolean {
  return subscription !== undefined && subscription.ackedVersion !== '';
}

/** Whether what the client accepted, or may yet fall back to, refers to the resource. */
function isReferredTo(view: StreamView, to: ResourceReference): boolean {
  return view.state.subscriptions.some(
    (subscription) =>
      refersTo(subscription, view.layers, to) &&
      (subscription.type.typeUrl !== to.typeUrl || isUsedBeside(subscription, view.layers, to)),
  );
}

/** A cluster of clusters may refer to its like, or a filter to a filter; of these count those that stay, or two would keep each other. */
function isUsedBeside(subscription: Subscription, layers: readonly Layer[], to: ResourceReference): boolean {
  for (const [name, held] of everythingHeld(subscription, layers))
    if (name !== to.name && refers(held, to) && lookup(layers, to.typeUrl, name) !== undefined) return true;
  return false;
}

function refersTo(subscription: Subscription, layers: readonly Layer[], to: ResourceReference): boolean {
  if (refersIn(subscription.differs, to)) return true;
  if (subscription.inFlight !== undefined && refersIn(subscription.inFlight.before, to)) return true;
  const { typeUrl } = subscription.type;
  for (const [name, { versions, good }] of subscription.refused) {
    const newest = good !== undefined && refers(good, to) ? lookup(layers, typeUrl, name) : undefined;
    if (newest === undefined || !versions.includes(newest.version)) continue;
    if (namesUnder(subscription, newest).length > 0) return true;
  }
  if (!subscription.agreed) return false;
  return layers.some((layer) =>
    referrersOf(layer, typeUrl, to).some(
      (name) => isSubscribed(subscription, name) && valueOf(subscription.differs, name) === undefined,
    ),
  );
}

function refers(held: Held, to: ResourceReference): boolean {
  return held.references?.some(({ typeUrl, name }) => typeUrl === to.typeUrl && name === to.name) === true;
}

/** The endpoints of a cluster that is on its way out stay as long as the cluster (section 5, point 4). */
function judgeEndpointRemoval(view: StreamView, due: Due): Verdict {
  const clusters = subscriptionOf(view.state, clusterType);
  if (clusters === undefined || clusters.differs.size === 0) return send;
  return leavingEndpoints(clusters, view.layers).has(due.name) ? { kind: 'wait', until: never } : send;
}

const leaving = new WeakMap<
  Subscription['differs'],
  { readonly layers: readonly Layer[]; readonly names: ReadonlySet<string> }
>();

/** The names of the endpoints of all clusters that the client still holds and the view has no more. */
function leavingEndpoints({ differs }: Subscription, layers: readonly Layer[]): ReadonlySet<string> {
  const known = leaving.get(differs);
  if (known?.layers === layers) return known.names;
  const names = new Set<string>();
  for (const [name, held] of entriesOf(differs)) {
    if (held === nothingHeld || lookup(layers, clusterType, name) !== undefined) continue;
    const endpoints = endpointNameOf(held, name);
    if (endpoints !== undefined) names.add(endpoints);
  }
  leaving.set(differs, { layers, names });
  return names;
}

/** Of a cluster known from its version only, the endpoints are taken to bear its own name. */
function endpointNameOf(held: Held, cluster: string): string | undefined {
  return 'value' in held ? held.edsName : cluster;
}
