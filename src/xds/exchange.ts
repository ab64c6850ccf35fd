import type { status } from '@grpc/grpc-js';
import type { Node } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import type { Call } from './call.ts';
import { agentOf, featuresOf, streamNode } from './client-node.ts';
import { convict } from './convict.ts';
import { hasAccepted } from './has-accepted.ts';
import { Inbox } from './inbox.ts';
import { applied, checkRequest, costOfStream, type Incoming, inParts, namesAtOnce } from './incoming.ts';
import { inspected } from './inspect.ts';
import type { LiveStream } from './live-streams.ts';
import type { NameAccount } from './name-accounts.ts';
import type { Refuser } from './quarantine.ts';
import type { StreamKind } from './read-request.ts';
import type { Resource } from './resource.ts';
import type { Session } from './server-options.ts';
import type { Snapshot } from './snapshot.ts';
import { typeStatuses, unansweredSince } from './status.ts';
import type { StreamHost } from './stream-host.ts';
import { nextResponse, openStream, type World } from './stream-state.ts';
import type { Flight, Subscription } from './subscription.ts';
import { subscriptionOf } from './subscription-of.ts';
import { TypeTimes } from './type-times.ts';

/** The stream that an exchange is on, as stream.ts keeps it. */
interface Stream {
  readonly number: number;
  readonly account: NameAccount;
  readonly end: (code: status, message: string) => void;
  /** Ends the stream because of what was thrown. */
  readonly thrown: (error: unknown) => void;
  /** The client sends no more, and all that it said was heard. */
  readonly finish: () => void;
  /** The client has its first answers. */
  readonly onSettled: () => void;
}

/** A client that was let in. */
export interface Admitted<Principal> {
  readonly principal: Principal;
  readonly node: Node;
  readonly session: Session;
  /** What the session shows at this moment. */
  readonly snapshot: Snapshot;
}

/** What is heard and said on a stream. */
export interface Exchange<Principal> {
  /** What the client has said and nobody has looked at yet; it is to be opened once the exchange is. */
  readonly inbox: Inbox<Uint8Array | Incoming | 'end'>;
  open(admitted: Admitted<Principal>): LiveStream<Principal>;
  /** Something may be due to the client. */
  readonly look: () => void;
  stop(): void;
}

/**
 * The shell around the state of one stream: reads requests, applies them, and writes what is due. All decisions are taken in
 * stream-state.ts. A push comes through here once for every stream, and an ACK comes back: each closure on the way is memory far away.
 */
export function createExchange<Principal>(
  call: Call,
  kind: StreamKind,
  host: StreamHost<Principal>,
  { number, account, end, thrown, finish, onSettled }: Stream,
): Exchange<Principal> {
  const { variant } = kind;
  const { observe, clock, timing, limits, seal, quarantine } = host;
  const { peer } = call;
  /** There is one while it is open. */
  let session: Session | undefined;
  let state = openStream(variant);
  let unwritten = 0;
  const written = (): void => {
    unwritten -= 1;
    if (unwritten === 0) inbox.written();
  };
  const times = new TypeTimes();
  let namesCost = 0;
  let cancelWake: (() => void) | undefined;
  let nodeId = '';
  let agent = '';
  /** What the stream was last given its answers from. */
  let layers: Refuser['layers'] = [];
  const refuser = (): Refuser => ({ node: nodeId, agent, layers });
  const find = (resource: Resource) =>
    quarantine.find(refuser(), resource) ?? inspected(host, refuser(), state, resource);

  /** With a guard of its own: it is called on every stream for every change. */
  function flush(): void {
    try {
      const snapshot = session?.snapshot();
      if (snapshot === undefined) return;
      cancelWake?.();
      cancelWake = undefined;
      layers = snapshot.layers;
      const now = clock.now();
      for (;;) {
        const [epoch, added] = [quarantine.epoch(), quarantine.added()];
        const refused = { epoch, added, withholds: quarantine.withholds, find };
        const world: World = { snapshot, now, timing, seal, quarantine: refused };
        const { state: after, plan, wake } = nextResponse(state, world);
        state = after;
        if (plan === undefined) {
          if (Number.isFinite(wake)) cancelWake = clock.after(Math.max(1, wake - clock.now()), look);
          return;
        }
        const frame = plan.envelope.frame();
        unwritten += 1;
        call.write(frame, written);
        const { typeUrl, version, nonce, removed, resources } = plan;
        times.of(typeUrl).sentAt = now;
        const { generation } = snapshot;
        const bytes = frame.length;
        observe({ kind: 'sent', stream: number, typeUrl, resources, removed, version, generation, bytes, nonce });
      }
    } catch (error) {
      thrown(error);
    }
  }

  function look(): void {
    inbox.due(flush);
  }

  function hear(incoming: Incoming): void {
    checkRequest(incoming, state, limits);
    if (incoming.names.length > namesAtOnce) {
      const [first, ...others] = inParts(incoming);
      inbox.next(others);
      apply(first);
    } else apply(incoming);
  }

  function apply(incoming: Incoming): void {
    const { typeUrl } = incoming;
    const before = subscriptionOf(state, typeUrl);
    const now = clock.now();
    const { state: after, stale } = applied(state, incoming, now);
    const cost = costOfStream(after);
    if (cost !== namesCost) account.set(cost);
    namesCost = cost;
    state = after;
    const landed = subscriptionOf(state, typeUrl);
    if (before?.inFlight !== undefined && landed !== undefined && landed.inFlight === undefined)
      answered(before, before.inFlight, landed, incoming.error === undefined, now);
    if (!stale) flush();
  }

  /** Tells of an ACK or NACK, and has equal streams learn from it. */
  function answered(before: Subscription, flight: Flight, landed: Subscription, isAck: boolean, now: number): void {
    const { typeUrl } = landed.type;
    const known = quarantine.epoch() + quarantine.added();
    if (isAck) {
      const { nonce, version, sent } = flight;
      const then = times.of(typeUrl);
      then.ackedAt = now;
      observe({ kind: 'acked', stream: number, typeUrl, version, nonce, took: now - (then.sentAt ?? now) });
      quarantine.accept(refuser(), sent);
    }
    const { rejection } = landed;
    // What a client took may show who is to blame for what it refused before (M3).
    if (rejection !== undefined && rejection !== before.rejection) {
      const { names, version, message } = rejection;
      observe({ kind: 'nacked', stream: number, typeUrl, names, version, message });
      convict(host, refuser(), before, landed, rejection, now);
    }
    if (quarantine.epoch() + quarantine.added() !== known) for (const stream of host.streams.all()) stream.wake();
  }

  const inbox = new Inbox<Uint8Array | Incoming | 'end'>({
    queue: host.queue,
    clock,
    call,
    handle(item) {
      if (session === undefined) return;
      try {
        if (item === 'end') finish();
        else hear(item instanceof Uint8Array ? host.read(item, kind) : item);
      } catch (error) {
        thrown(error);
      }
    },
    progress() {
      if (unwritten > 0) return 'writing';
      if (state.subscriptions.some(({ inFlight }) => inFlight !== undefined)) return 'sent';
      return kind.ownType === undefined ? 'acknowledged' : 'complete';
    },
    onSettled,
  });

  return {
    inbox,
    look,
    open(admitted) {
      const { principal, snapshot } = admitted;
      const node = streamNode(admitted.node);
      nodeId = node.id;
      agent = agentOf(admitted.node);
      state = openStream(variant, featuresOf(admitted.node, variant), snapshot.layers, host.virtualHosts);
      session = admitted.session;
      const openedAt = clock.now();
      return {
        principal,
        node,
        peer,
        end,
        status: () => ({ id: number, principal, node, peer, variant, openedAt, types: typeStatuses(state, times) }),
        unanswered: (moment) => unansweredSince(state, times, moment),
        wake: look,
        accepted: (other, resource) => other === agent && hasAccepted(state, resource),
      };
    },
    stop() {
      session = undefined;
      cancelWake?.();
      inbox.stop();
    },
  };
}
