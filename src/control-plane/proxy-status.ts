import type { StreamReport, SubscriptionReport } from '../admin/admin-source.ts';
import {
  type ProxyStatus,
  type Rejection,
  type SyncState,
  type TypeStatus,
  type XdsType,
  xdsTypes,
} from '../model/status.ts';
import type { JoinCredential } from '../registry/join-claims.ts';
import { clusterType, endpointType, listenerType, routeType, secretType } from '../xds/resource-types.ts';
import type { StreamStatus, TypeStatus as StreamType } from '../xds/status.ts';
import type { ProxySession } from './proxy-sessions.ts';

/** Sent this long ago and still unanswered: STALE instead of PENDING (words of experience.md). */
const staleAfter = 2_000;

const urlOf: Readonly<Record<XdsType, string>> = {
  CDS: clusterType,
  LDS: listenerType,
  EDS: endpointType,
  RDS: routeType,
  SDS: secretType,
};

/** One proxy as `weft proxies` shows it. `wanted` is the commit that is served now. */
export function proxyStatus(
  session: ProxySession,
  stream: StreamStatus<JoinCredential> | undefined,
  context: { readonly wanted: string; readonly replica: string; readonly now: number },
): ProxyStatus {
  const types = Object.fromEntries(
    xdsTypes.map((type) => [
      type,
      typeStatus(
        stream?.types.find(({ typeUrl }) => typeUrl === urlOf[type]),
        context.now,
      ),
    ]),
  ) as Record<XdsType, TypeStatus>;
  const status = worst(Object.values(types).map((type) => type.status));
  const settled = status === 'SYNCED' || status === '-';
  const { proxy } = session;
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
    revision: { serving: settled ? context.wanted : session.acknowledgedCommit, wanted: context.wanted },
    ...(session.acknowledgedAfter === undefined ? {} : { ackMilliseconds: session.acknowledgedAfter }),
    types,
  };
}

/** An open stream as `/debug/adsz` shows it. */
export function streamReport(stream: StreamStatus<JoinCredential>, session: ProxySession, now: number): StreamReport {
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
    subscriptions: stream.types.flatMap((type) => subscriptionReport(type, now)),
  };
}

function subscriptionReport(type: StreamType, now: number): SubscriptionReport[] {
  const short = xdsTypes.find((candidate) => urlOf[candidate] === type.typeUrl);
  if (short === undefined) return [];
  return [
    {
      type: short,
      typeUrl: type.typeUrl,
      status: syncState(type, now),
      wildcard: type.wildcard,
      names: [...type.subscribed].sort(),
      resources: type.held.length,
      sentVersion: type.sentVersion,
      sentNonce: type.nonce,
      ...(type.sentAt === undefined ? {} : { sentAt: iso(type.sentAt) }),
      ackedVersion: type.ackedVersion,
      ...(type.ackedAt === undefined ? {} : { ackedAt: iso(type.ackedAt) }),
      ...(type.error === undefined ? {} : { rejection: rejection(type.error) }),
    },
  ];
}

function typeStatus(type: StreamType | undefined, now: number): TypeStatus {
  if (type === undefined) return { status: '-', version: '', nonce: '', resources: 0 };
  return {
    status: syncState(type, now),
    version: type.sentVersion,
    nonce: type.nonce,
    resources: type.held.length,
    ...(type.error === undefined ? {} : { error: rejection(type.error) }),
  };
}

function syncState(type: StreamType, now: number): SyncState {
  if (type.error !== undefined) return 'REJECTED';
  if (type.inFlightSince !== undefined) return now - type.inFlightSince < staleAfter ? 'PENDING' : 'STALE';
  if (type.owed > 0) return 'PENDING';
  return type.sentAt === undefined && type.held.length === 0 ? '-' : 'SYNCED';
}

const badness: readonly SyncState[] = ['REJECTED', 'STALE', 'PENDING', 'SYNCED', '-'];

function worst(states: readonly SyncState[]): SyncState {
  return badness.find((state) => states.includes(state)) ?? '-';
}

function rejection(error: NonNullable<StreamType['error']>): Rejection {
  return { at: iso(error.at), message: error.message, resources: error.names };
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
