import { status as grpcStatus } from '@grpc/grpc-js';
import { Failure } from '../model/failure.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Clock } from '../model/state-store.ts';
import type { Node } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import type { JoinCredential } from '../registry/join-claims.ts';
import type { JoinedProxies } from '../registry/joined-proxies.ts';
import { refusalText } from '../sidecar/refusal.ts';
import type { Refused, Session, StreamEvent } from '../xds/server-options.ts';
import { lookup, type Snapshot } from '../xds/snapshot.ts';
import type { Variant } from '../xds/subscription.ts';
import type { HeldSnapshot, ProxySnapshots } from './proxy-snapshots.ts';

/** One connected proxy and how far it is. Times: epoch milliseconds. */
export interface ProxySession {
  readonly proxy: Proxy;
  readonly peer: string;
  readonly connectedAt: number;
  /** Types whose newest response waits for its answer. */
  readonly inFlight: ReadonlySet<string>;
  /** The commit that the proxy had acknowledged whole before the newest change reached it. */
  readonly acknowledgedCommit: string;
  /** From the newest change to its last acknowledgement; undefined while it is on its way. */
  readonly acknowledgedAfter: number | undefined;
  /** What it is to have now; undefined: that is not made yet. */
  readonly snapshot: () => Snapshot | undefined;
}

interface LiveSession extends ProxySession {
  readonly held: HeldSnapshot;
  /** What its stream has looked at last. */
  looked: Snapshot | undefined;
  inFlight: Set<string>;
  acknowledgedCommit: string;
  acknowledgedAfter: number | undefined;
  changedAt: number;
  stream: number | undefined;
}

export interface ProxySessions {
  /** Admits a stream's node: the registry checks its claims, the snapshot is made (X5 to X8). */
  open(stream: {
    readonly principal: JoinCredential;
    readonly node: Node;
    readonly peer: string;
    readonly variant: Variant;
  }): { readonly ok: Session } | Refused;
  observe(event: StreamEvent<JoinCredential>): void;
  /** The newest session of each proxy id. */
  sessions(): ReadonlyMap<string, ProxySession>;
  /** How often proxies refused something, by type URL, since the start. */
  nacks(): ReadonlyMap<string, number>;
  /** What was sent since the start: responses, and the bytes of the resources in them. */
  sent(): { readonly responses: number; readonly bytes: number };
}

/** Follows connected proxies from the first request of a stream to its end. */
export function createProxySessions(options: {
  readonly joined: JoinedProxies;
  readonly snapshots: ProxySnapshots;
  /** Why a credential is no longer good, in words; undefined while it is. */
  readonly check: (credential: JoinCredential) => string | undefined;
  /** What is refused at present: a snapshot with such content is never acknowledged whole. */
  readonly refused: () => readonly { readonly typeUrl: string; readonly name: string; readonly version: string }[];
  readonly clock: Clock;
}): ProxySessions {
  const { joined, snapshots, check, refused, clock } = options;
  /** By proxy id, in the order in which streams came: the last one is the live one (F4). */
  const byProxy = new Map<string, LiveSession[]>();
  const byStream = new Map<number, LiveSession>();
  const nacks = new Map<string, number>();
  let [opened, responses, bytes] = [0, 0, 0];

  const isRefused = ({ layers }: Snapshot): boolean =>
    refused().some(({ typeUrl, name, version }) => lookup(layers, typeUrl, name)?.version === version);

  return {
    open({ principal, node, peer, variant }) {
      // The credential was checked when the stream came; it may have been revoked before its first request did.
      const standing = check(principal);
      if (standing !== undefined) return { refused: { code: grpcStatus.UNAUTHENTICATED, message: standing } };
      opened += 1;
      const id = String(opened);
      const peerAddress = peer.slice(0, peer.lastIndexOf(':')).replace(/^\[|\]$/g, '');
      const result = joined.join({ id, peerAddress }, principal, {
        id: node.id,
        weft: node.metadata === undefined ? undefined : weftOf(node),
        envoyVersion: versionOf(node),
      });
      if (result.kind === 'refused') {
        const { code, message, hint } = result.refused;
        return {
          refused: { code: grpcStatus.PERMISSION_DENIED, message: refusalText(new Failure(code, message, hint)) },
        };
      }
      const { capture } = result.proxy;
      // VHDS is incremental by nature.
      const proxy: Proxy =
        variant === 'delta' ? result.proxy : { ...result.proxy, capture: { ...capture, wholeRoutes: true } };
      const held = snapshots.hold(proxy);
      const session: LiveSession = {
        proxy,
        peer,
        connectedAt: clock.now(),
        held,
        snapshot: held.snapshot.get,
        looked: undefined,
        inFlight: new Set(),
        acknowledgedCommit: '',
        acknowledgedAfter: undefined,
        changedAt: clock.now(),
        stream: undefined,
      };
      byProxy.set(proxy.id, [...(byProxy.get(proxy.id) ?? []), session]);
      let before = held.snapshot.get();
      const unwatch = held.snapshot.watch((now) => {
        // What no stream has looked at was sent to nobody, though nothing is on its way.
        if (before !== undefined && before === session.looked && session.inFlight.size === 0 && !isRefused(before))
          session.acknowledgedCommit = before.commit;
        session.changedAt = clock.now();
        before = now;
      });
      return {
        ok: {
          snapshot() {
            session.looked = held.snapshot.get();
            return session.looked;
          },
          watch: (onChange) => held.snapshot.watch(onChange),
          close: () => {
            unwatch();
            held.release();
            joined.leave(id);
            const left = (byProxy.get(proxy.id) ?? []).filter((other) => other !== session);
            if (left.length > 0) byProxy.set(proxy.id, left);
            else byProxy.delete(proxy.id);
            if (session.stream !== undefined) byStream.delete(session.stream);
          },
        },
      };
    },

    observe(event) {
      if (event.kind === 'nacked') nacks.set(event.typeUrl, (nacks.get(event.typeUrl) ?? 0) + 1);
      if (event.kind === 'sent') {
        responses += 1;
        for (const { value } of event.resources) bytes += value.length;
      }
      if (event.kind === 'opened') {
        const session = byProxy.get(event.node.id)?.findLast((candidate) => candidate.stream === undefined);
        if (!session) return;
        session.stream = event.stream;
        byStream.set(event.stream, session);
        return;
      }
      const session = 'stream' in event ? byStream.get(event.stream) : undefined;
      if (!session) return;
      if (event.kind === 'sent') {
        session.inFlight.add(event.typeUrl);
        session.acknowledgedAfter = undefined;
      }
      if (event.kind === 'acked' || event.kind === 'nacked') session.inFlight.delete(event.typeUrl);
      if (event.kind === 'acked' && session.inFlight.size === 0)
        session.acknowledgedAfter = clock.now() - session.changedAt;
    },

    sessions() {
      const newest = new Map<string, ProxySession>();
      for (const [id, sessions] of byProxy) {
        const last = sessions.at(-1);
        if (last) newest.set(id, last);
      }
      return newest;
    },

    nacks: () => nacks,
    sent: () => ({ responses, bytes }),
  };
}

/** The JSON under `weft` of the node's metadata, still unchecked. */
function weftOf(node: Node): unknown {
  // protobuf-es holds a Struct as plain JSON already.
  return node.metadata?.weft;
}

function versionOf(node: Node): string {
  const version = node.userAgentVersionType;
  if (version.case === 'userAgentVersion') return version.value;
  const number = version.case === 'userAgentBuildVersion' ? version.value.version : undefined;
  return number ? `${number.majorNumber}.${number.minorNumber}.${number.patch}` : '';
}
