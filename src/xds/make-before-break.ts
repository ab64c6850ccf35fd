import type { Layer } from './layer.ts';
import { entriesOf, valueOf } from './persistent-map.ts';
import type { Resource } from './resource.ts';
import { clusterType, endpointType, listenerType, routeType } from './resource-types.ts';
import type { Due, Verdict } from './respond.ts';
import { lookup } from './snapshot.ts';
import { type Held, type Subscription, wasRefused } from './subscription.ts';

/** Milliseconds (section 8: hold and grace). */
export interface Timing {
  /** How long a route or listener waits for the ACK of its new clusters (X91). */
  readonly hold: number;
  /** How long a cluster stays after the last accepted reference to it is gone (X92). */
  readonly grace: number;
}

/** What the judge sees of a stream. */
export interface StreamView {
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  readonly layers: readonly Layer[];
  readonly now: number;
  readonly timing: Timing;
}

const send: Verdict = { kind: 'send' };
const never = Number.POSITIVE_INFINITY;

/** Section 5: make (clusters, endpoints), then switch (listeners, routes), then break (removals). */
export function judge(view: StreamView, due: Due): Verdict {
  const { typeUrl } = due.subscription;
  if (due.next !== undefined)
    return typeUrl === listenerType || typeUrl === routeType ? judgeSwitch(view, due, due.next) : send;
  if (typeUrl === clusterType) return judgeClusterRemoval(view, due);
  if (typeUrl === endpointType) return judgeEndpointRemoval(view, due);
  return send;
}

/** A route or listener to clusters that are new to the client waits for their ACK; what stands there stays meanwhile. */
function judgeSwitch(view: StreamView, due: Due, next: Resource): Verdict {
  const clusters = view.subscriptions.get(clusterType);
  if (clusters === undefined || next.references.length === 0) return send;
  const unconfirmed = unconfirmedClusters(view, clusters, next);
  if (unconfirmed.length === 0) return send;
  const unsent = unconfirmed.some((name) => valueOf(clusters.held, name) === undefined);
  if (due.subscription.first || due.held === undefined) {
    // M1: a first answer is not held for an ACK, but it comes from a view whose clusters were sent.
    if (!unsent) return send;
    const older = olderForm(clusters, due, next);
    return older === undefined ? { kind: 'wait', until: never } : { kind: 'send', instead: older };
  }
  // M2: past the deadline only routes to clusters that were sent go out.
  const deadline = (due.waiting?.since ?? view.now) + view.timing.hold;
  if (unsent) return { kind: 'wait', until: never };
  return view.now >= deadline ? send : { kind: 'wait', until: deadline };
}

/** The resource as it was in the view that the last CDS response was made from, if that is news to the client. */
function olderForm(clusters: Subscription, due: Due, next: Resource): Resource | undefined {
  const { seen } = clusters;
  const older = seen === undefined ? undefined : lookup(seen, next.typeUrl, next.name);
  if (seen === undefined || older === undefined || older.version === due.held?.version) return undefined;
  if (wasRefused(due.subscription, older.name, older.version)) return undefined;
  const sent = older.references.every(
    ({ typeUrl, name }) =>
      typeUrl !== clusterType ||
      valueOf(clusters.held, name) !== undefined ||
      lookup(seen, clusterType, name) === undefined,
  );
  return sent ? older : undefined;
}

/** Clusters of this view to which the resource refers and which the client has not accepted yet. */
function unconfirmedClusters(view: StreamView, clusters: Subscription, resource: Resource): readonly string[] {
  const flight = clusters.inFlight;
  const names: string[] = [];
  for (const { typeUrl, name } of resource.references) {
    if (typeUrl !== clusterType || lookup(view.layers, clusterType, name) === undefined) continue;
    const sent = valueOf(clusters.held, name) !== undefined;
    const newInFlight = flight?.before.has(name) === true && flight.before.get(name) === undefined;
    if (!sent || newInFlight) names.push(name);
  }
  return names;
}

/** A cluster goes after everything that the client accepted has stopped referring to it, and the grace. */
function judgeClusterRemoval(view: StreamView, due: Due): Verdict {
  const switches = [listenerType, routeType].map((typeUrl) => view.subscriptions.get(typeUrl));
  const isGhost = due.held !== undefined && !('value' in due.held);
  if (isGhost && !switches.every((subscription) => subscription?.ackedAt !== undefined)) {
    // Section 5, point 5: a removal owed from before the stream follows its first accepted LDS and RDS, or the deadline.
    const deadline = (due.waiting?.since ?? view.now) + view.timing.hold;
    if (view.now < deadline) return { kind: 'wait', until: deadline };
  } else if (switches.some((subscription) => subscription !== undefined && refersTo(subscription, due.name)))
    return { kind: 'wait', until: never };
  if (due.held === undefined) return send;
  const clearSince = due.waiting?.clearSince ?? view.now;
  const until = clearSince + view.timing.grace;
  return view.now >= until ? send : { kind: 'wait', until, clearSince };
}

/** Whether what the client accepted, or may yet fall back to, names the cluster. */
function refersTo(subscription: Subscription, cluster: string): boolean {
  for (const [, held] of entriesOf(subscription.held)) if (namesCluster(held, cluster)) return true;
  for (const held of subscription.inFlight?.before.values() ?? [])
    if (held !== undefined && namesCluster(held, cluster)) return true;
  return false;
}

function namesCluster(held: Held, cluster: string): boolean {
  return held.references?.some(({ typeUrl, name }) => typeUrl === clusterType && name === cluster) === true;
}

/** The endpoints of a cluster that is on its way out stay as long as the cluster (section 5, point 4). */
function judgeEndpointRemoval(view: StreamView, due: Due): Verdict {
  const clusters = view.subscriptions.get(clusterType);
  if (clusters === undefined) return send;
  for (const name of clusters.pending) {
    const leaves = lookup(view.layers, clusterType, name) === undefined;
    if (leaves && endpointNameOf(valueOf(clusters.held, name), name) === due.name)
      return { kind: 'wait', until: never };
  }
  return send;
}

/** Of a cluster known from its version only, the endpoints are taken to bear its own name. */
function endpointNameOf(held: Held | undefined, cluster: string): string | undefined {
  if (held === undefined) return undefined;
  return 'value' in held ? held.edsName : cluster;
}
