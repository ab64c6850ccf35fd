import type { StreamReport, SubscriptionReport } from '../admin/admin-source.ts';
import { troubleOf } from '../admin/mesh-values.ts';
import {
  type ProxyStatus,
  type Rejection,
  type SyncState,
  type TypeStatus,
  type WithheldResource,
  worstOf,
  type XdsType,
  xdsTypes,
} from '../model/status.ts';
import type { Workload } from '../model/workload.ts';
import type { JoinCredential } from '../registry/join-claims.ts';
import { lookup, type Snapshot } from '../xds/snapshot.ts';
import type { StreamStatus, TypeStatus as StreamType } from '../xds/status.ts';
import type { Variant } from '../xds/subscription.ts';
import { configurationCost, isBeyondBudget } from './configuration-cost.ts';
import type { HeldOutByProxies } from './held-out.ts';
import { notAskedYet } from './not-asked-yet.ts';
import { oneLine } from './one-line.ts';
import type { ProxySession } from './proxy-sessions.ts';
import { notOffered, type Refusals, withheldFrom } from './refused-resources.ts';
import { shortType, urlOf } from './xds-types.ts';

/** Sent this long ago and still unanswered: STALE instead of PENDING (words of experience.md). */
export const staleAfter = 2_000;

/** What the status of a proxy depends on besides its stream. */
export interface StatusContext {
  /** The commit that is served now. */
  readonly wanted: string;
  readonly replica: string;
  readonly now: number;
  readonly refusals: Refusals;
  /** Absent: nobody knows. */
  readonly workload?: (id: string) => Workload | undefined;
  /** What it holds out of the endpoints that it calls; absent: nobody knows. */
  readonly heldOut?: HeldOutByProxies;
}

/** One proxy as `weft proxies` shows it. */
export function proxyStatus(
  session: ProxySession,
  stream: StreamStatus<JoinCredential> | undefined,
  context: StatusContext,
): ProxyStatus {
  const { proxy } = session;
  const all = stream?.types ?? [];
  const behind = isBehind(all, session.snapshot());
  const missing = missingOf(session, all, stream?.variant ?? 'delta');
  const types = Object.fromEntries(
    xdsTypes.map((type) => {
      const ofType = all.find(({ typeUrl }) => typeUrl === urlOf[type]);
      const now = typeStatus(ofType, proxy.id, context);
      const isOwed = missing.has(urlOf[type]) || (behind && now.status !== '-');
      return [type, isOwed ? { ...now, status: worstOf([now.status, 'PENDING']) } : now];
    }),
  ) as Record<XdsType, TypeStatus>;
  const commit = session.snapshot()?.commit ?? '';
  // While the part of a new commit that it would get is being made, a proxy may have all that there is.
  const isLate = commit !== context.wanted ? ['PENDING' as const] : [];
  const status = worstOf([...Object.values(types).map((type) => type.status), ...isLate]);
  const settled = status === 'SYNCED';
  const { group, trouble } = context.workload?.(proxy.id) ?? {};
  return {
    name: proxy.name,
    namespace: proxy.namespace,
    service: proxy.service,
    labels: proxy.labels,
    identity: proxy.identity,
    envoyVersion: proxy.envoyVersion,
    replica: context.replica,
    address: session.peer,
    connectedSince: iso(session.connectedAt),
    status,
    revision: { serving: settled ? commit : session.acknowledgedCommit, wanted: context.wanted },
    ...costOf(stream),
    ...(group === undefined ? {} : { group: group.name }),
    ...(trouble === undefined ? {} : { trouble: troubleOf(trouble) }),
    ...context.heldOut?.(proxy.id),
    ...(session.acknowledgedAfter === undefined ? {} : { ackMilliseconds: session.acknowledgedAfter }),
    types,
  };
}

/** The view of which a proxy has asked for all that there is: it is looked through once, and not for each reader of the status. */
const complete = new WeakMap<ProxySession, StreamType['seen']>();
const nothing: ReadonlySet<string> = new Set();

function missingOf(session: ProxySession, types: readonly StreamType[], variant: Variant): ReadonlySet<string> {
  const seen = types[0]?.seen;
  const isAnswered = types.every((type) => type.seen === seen && !type.awaitsFirstAnswer);
  if (seen !== undefined && isAnswered && complete.get(session) === seen) return nothing;
  const missing = notAskedYet(types, variant);
  if (seen !== undefined && isAnswered && missing.size === 0) complete.set(session, seen);
  return missing;
}

/** Whether a newer view waits for the stream to look at it. */
function isBehind(types: readonly StreamType[], snapshot: Snapshot | undefined): boolean {
  if (snapshot === undefined) return true;
  const { layers } = snapshot;
  return types.some(
    ({ seen }) => seen.length !== layers.length || seen.some((layer, index) => layer !== layers[index]),
  );
}

/**
 * All that a proxy was sent: of the streams of its newest connection, for who asks for each type on one of its own has several; of a type
 * that is asked for twice, the newer.
 */
export function streamOf(
  session: ProxySession,
  streams: readonly StreamStatus<JoinCredential>[],
): StreamStatus<JoinCredential> | undefined {
  const { proxy, peer } = session;
  const own = streams.filter(({ node, peer: other }) => node.id === proxy.id && other === peer);
  const newest = own.at(-1);
  if (newest === undefined || own.length === 1) return newest;
  return {
    ...newest,
    types: [...new Map(own.flatMap(({ types }) => types.map((one) => [one.typeUrl, one]))).values()],
  };
}

/** Streams of a server have one view for all types. */
function costOf(stream: StreamStatus<JoinCredential> | undefined): Pick<ProxyStatus, 'cost'> {
  const cost = configurationCost(stream?.types[0]?.seen ?? []);
  return isBeyondBudget(cost) ? { cost } : {};
}

/**
 * Whether something is on its way to a stream: told without making any list. A proxy that refused something may wait for good with what
 * depends on it.
 */
export function isRolling({ types, node }: StreamStatus<JoinCredential>, refusals: Refusals): boolean {
  if (!types.some(({ inFlightSince, owed }) => inFlightSince !== undefined || owed > 0)) return false;
  return types.every((type) => type.error === undefined && withheldFrom(type, node.id, refusals).length === 0);
}

/** An open stream as `/debug/adsz` shows it. */
export function streamReport(
  stream: StreamStatus<JoinCredential>,
  session: ProxySession,
  context: StatusContext,
): StreamReport {
  const { node } = stream;
  return {
    connection: `${node.id}-${stream.id}`,
    proxyId: node.id,
    identity: session.proxy.identity,
    address: stream.peer,
    connectedSince: iso(stream.openedAt),
    variant: stream.variant,
    node: {
      id: node.id,
      cluster: node.cluster,
      userAgent: `${node.userAgentName} ${session.proxy.envoyVersion}`.trim(),
    },
    subscriptions: stream.types.flatMap((type) => subscriptionReport(type, node.id, context)),
  };
}

function subscriptionReport(type: StreamType, node: string, context: StatusContext): SubscriptionReport[] {
  const short = shortType(type.typeUrl);
  if (short === undefined) return [];
  const { status, resources, error } = typeStatus(type, node, context);
  return [
    {
      type: short,
      typeUrl: type.typeUrl,
      status,
      wildcard: type.wildcard,
      names: [...type.subscribed].sort(),
      resources,
      sentVersion: type.sentVersion,
      sentNonce: type.nonce,
      ...(type.sentAt === undefined ? {} : { sentAt: iso(type.sentAt) }),
      ackedVersion: type.ackedVersion,
      ...(type.ackedAt === undefined ? {} : { ackedAt: iso(type.ackedAt) }),
      ...(error === undefined ? {} : { rejection: error }),
    },
  ];
}

function typeStatus(type: StreamType | undefined, node: string, context: StatusContext): TypeStatus {
  if (type === undefined) return { status: '-', version: '', nonce: '', resources: 0 };
  const { now, refusals } = context;
  const withheld = notOffered(type, node, refusals);
  const error = type.error === undefined ? rejectedElsewhere(withheld, node) : rejection(type, refusals);
  const resources = type.held.length;
  const removing = removingOf(type);
  return {
    status: error === undefined ? syncState(type, resources, now) : 'REJECTED',
    version: type.sentVersion,
    nonce: type.nonce,
    resources,
    ...(type.sentAt === undefined ? {} : { sentAt: iso(type.sentAt) }),
    ...(type.ackedAt === undefined ? {} : { ackedAt: iso(type.ackedAt) }),
    ...(error === undefined ? {} : { error }),
    ...(withheld.length === 0 ? {} : { withheld }),
    ...(removing === 0 ? {} : { removing }),
  };
}

/** What only waits for its grace (X92), where it is all that is owed. */
function removingOf({ inFlightSince, owed, differing, seen, typeUrl }: StreamType): number {
  if (inFlightSince !== undefined || owed === 0) return 0;
  const names = differing.filter((each) => each.owed);
  return names.every(({ name }) => lookup(seen, typeUrl, name) === undefined) ? names.length : 0;
}

function syncState(type: StreamType, resources: number, now: number): SyncState {
  if (type.inFlightSince !== undefined) return now - type.inFlightSince < staleAfter ? 'PENDING' : 'STALE';
  if (type.owed > 0) return 'PENDING';
  return type.sentAt === undefined && resources === 0 ? '-' : 'SYNCED';
}

function rejection(type: StreamType, { placeOf }: Refusals): Rejection | undefined {
  if (type.error === undefined) return undefined;
  const { at, message, names } = type.error;
  const places = names.map((name) => {
    const resource = lookup(type.seen, type.typeUrl, name);
    return resource && placeOf(resource);
  });
  const source = places.find((place) => place !== undefined);
  return { at: iso(at), message: oneLine(message), resources: names, ...(source === undefined ? {} : { source }) };
}

/** On this stream nothing was refused, yet content is withheld: an equal proxy refused it, or this one before it came again. */
function rejectedElsewhere(withheld: readonly WithheldResource[], node: string): Rejection | undefined {
  const [first] = withheld;
  if (first === undefined) return undefined;
  const { at, message, refusedBy, source } = first;
  const resources = withheld
    .filter((other) => other.message === message && other.refusedBy === refusedBy)
    .map(({ resource }) => resource);
  return {
    at,
    message,
    resources,
    ...(refusedBy === node ? {} : { refusedBy }),
    ...(source === undefined ? {} : { source }),
  };
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
