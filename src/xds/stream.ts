import { status } from '@grpc/grpc-js';
import type { Call } from './call.ts';
import { agentOf, featuresOf, streamNode } from './client-node.ts';
import { createGuard } from './guard.ts';
import { hasAccepted } from './has-accepted.ts';
import { Inbox } from './inbox.ts';
import { applied, checkRequest, costOfStream, type Incoming, inParts, namesAtOnce } from './incoming.ts';
import { inspected } from './inspect.ts';
import type { Refuser } from './quarantine.ts';
import { readNode } from './read-node.ts';
import type { StreamKind } from './read-request.ts';
import { Violation } from './request-limits.ts';
import type { Resource } from './resource.ts';
import type { Session } from './server-options.ts';
import { lookup } from './snapshot.ts';
import { typeStatuses, unansweredSince } from './status.ts';
import type { StreamHost } from './stream-host.ts';
import { nextResponse, openStream, type World } from './stream-state.ts';
import { type Flight, type Rejection, type Subscription, wasRefused } from './subscription.ts';
import { subscriptionOf } from './subscription-of.ts';
import { TypeTimes } from './type-times.ts';

/**
 * The shell around the state of one stream: reads requests, applies them, writes what is due, ends cleanly whatever
 * happens (X11). All decisions are taken in stream-state.ts.
 */
export function serveStream<Principal>(call: Call, kind: StreamKind, host: StreamHost<Principal>): void {
  const { variant } = kind;
  const { observe, clock, settings, timing, limits, frames, quarantine } = host;
  const number = host.nextNumber();
  const { peer } = call;
  const account = host.names.open(peer);
  const cleanups: (() => void)[] = [account.close];
  let phase: 'authenticating' | 'waiting' | 'opening' | 'open' | 'ended' = 'authenticating';
  let session: Session | undefined;
  let principal: { readonly ok: Principal } | undefined;
  let state = openStream(variant);
  let settled = () => {};
  let unwritten = 0;
  const written = (): void => {
    unwritten -= 1;
    if (unwritten === 0) inbox.written();
  };
  const times = new TypeTimes();
  let namesCost = 0;
  let cancelWake: (() => void) | undefined;
  let nodeId: string | undefined;
  let agent = '';
  /** What the stream was last given its answers from. */
  let layers: Refuser['layers'] = [];
  const refuser = (): Refuser => ({ node: nodeId ?? '', agent, layers });
  const find = (resource: Resource) =>
    quarantine.find(refuser(), resource) ?? inspected(host, refuser(), state, resource);

  const guard = createGuard(thrown);

  function thrown(error: unknown): void {
    if (error instanceof Violation) refuse(error.code, error.message);
    else {
      failed(error);
      end(status.INTERNAL, 'internal error');
    }
  }

  function failed(error: unknown): void {
    observe({ kind: 'failed', peer, node: nodeId, error });
  }

  /** What a callback throws while the stream ends changes nothing of its end. */
  const note = createGuard(failed);

  function release(code: status, message: string): boolean {
    if (phase === 'ended') return false;
    phase = 'ended';
    cancelWake?.();
    inbox.stop();
    for (const cleanup of cleanups.reverse()) note(cleanup)();
    if (host.streams.remove(number)) observe({ kind: 'closed', stream: number, code, message });
    return true;
  }

  function end(code: status, message: string): void {
    if (!release(code, message)) return;
    call.end(code, message);
  }

  function refuse(code: status, message: string): void {
    observe({ kind: 'refused', peer, node: nodeId, code, message });
    end(code, message);
  }

  /** With a guard of its own: it is called on every stream for every change, and each closure on the way is memory far away. */
  function flush(): void {
    try {
      const snapshot = session?.snapshot();
      if (phase !== 'open' || snapshot === undefined) return;
      cancelWake?.();
      cancelWake = undefined;
      layers = snapshot.layers;
      const now = clock.now();
      for (;;) {
        const [epoch, added] = [quarantine.epoch(), quarantine.added()];
        const refused = { epoch, added, withholds: quarantine.withholds, find };
        const world: World = { snapshot, now, timing, seal: frames.seal, quarantine: refused };
        const { state: after, plan, wake } = nextResponse(state, world);
        state = after;
        if (plan === undefined) {
          if (Number.isFinite(wake)) cancelWake = clock.after(Math.max(1, wake - clock.now()), () => inbox.due(flush));
          return;
        }
        const frame = frames.bytesOf(plan.envelope);
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
      observe({ kind: 'nacked', stream: number, typeUrl, ...rejection });
      convict(before, landed, rejection, now);
    }
    if (quarantine.epoch() + quarantine.added() !== known) for (const stream of host.streams.all()) stream.wake();
  }

  function convict(before: Subscription, landed: Subscription, { message, names }: Rejection, now: number): void {
    const { typeUrl } = landed.type;
    for (const name of names) {
      // What has changed since, or never was in the view but stood for something missing, is withheld from nobody.
      const resource = lookup(layers, typeUrl, name);
      if (resource === undefined || !wasRefused(landed, name, resource.version)) continue;
      if (wasRefused(before, name, resource.version)) continue;
      const accepted = [...host.streams.all()].some((stream) => stream.accepted(agent, resource));
      quarantine.refuse(refuser(), { resource, good: landed.refused.get(name)?.good, message, at: now, accepted });
    }
  }

  async function begin(incoming: Incoming, who: Principal): Promise<void> {
    const node = readNode(incoming.node, limits, (id) => {
      if (id !== '') nodeId = id;
    });
    agent = agentOf(node);
    host.waits(peer);
    const admitted = await new Promise<(() => void) | undefined>((resolve) =>
      cleanups.push(host.admission.enter(peer, resolve)),
    );
    if (hasEnded()) return admitted?.();
    if (admitted === undefined)
      return refuse(status.RESOURCE_EXHAUSTED, 'too many streams begin at once: come again in a moment');
    settled = admitted;
    cleanups.push(settled);
    disarm = clock.after(settings.firstRequest, overdue);
    const opened = await host.open({ principal: who, node, peer, variant });
    disarm();
    // The client may have gone while the answer was on its way.
    if (hasEnded()) return 'ok' in opened ? opened.ok.close() : undefined;
    if ('refused' in opened) return refuse(opened.refused.code, opened.refused.message);
    cleanups.push(opened.ok.close);
    const snapshot = opened.ok.snapshot();
    if (snapshot === undefined) return refuse(status.UNAVAILABLE, 'no configuration yet: the server is starting');
    host.streams.makeRoom(node.id, peer);
    // Only now has the connection shown that somebody known is at its other end (T9).
    call.confirm(kind.ownType !== undefined);
    state = openStream(variant, featuresOf(node, variant), snapshot.layers, host.virtualHosts);
    session = opened.ok;
    phase = 'open';
    const openedAt = clock.now();
    const kept = streamNode(node);
    host.streams.add(number, {
      principal: who,
      node: kept,
      peer,
      end,
      status: () => ({
        id: number,
        principal: who,
        node: kept,
        peer,
        variant,
        openedAt,
        types: typeStatuses(state, times),
      }),
      unanswered: (moment) => unansweredSince(state, times, moment),
      wake: () => inbox.due(flush),
      accepted: (other, resource) => other === agent && hasAccepted(state, resource),
    });
    cleanups.push(session.watch(() => inbox.due(flush)));
    observe({ kind: 'opened', stream: number, principal: who, node, peer, variant });
    // Who is told may have closed it.
    if (!hasEnded()) inbox.open(incoming);
  }

  const hasEnded = (): boolean => phase === 'ended';

  const inbox = new Inbox<Uint8Array | Incoming | 'end'>({
    queue: host.queue,
    clock,
    call,
    handle(item) {
      if (phase !== 'open') return;
      try {
        if (item === 'end') end(status.OK, goodbye);
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
    onSettled: () => settled(),
  });

  function receive(bytes: Uint8Array): void {
    if (phase !== 'waiting' || principal === undefined) {
      inbox.push(bytes, bytes.length);
      return;
    }
    const { ok } = principal;
    phase = 'opening';
    disarm();
    call.pause();
    host.queue.addPatient(guard(() => (hasEnded() ? undefined : begin(host.read(bytes, kind), ok))));
  }

  /** What did not come in time: the first request, which is the client's to send, or the answer of a callback. */
  const overdue = guard(() => {
    if (phase === 'waiting') return refuse(status.DEADLINE_EXCEEDED, 'no request came on this stream');
    const asked = phase === 'authenticating' ? 'authenticate' : 'open';
    const message = `${asked} has not answered for ${settings.firstRequest} ms`;
    failed(new Error(message));
    end(status.DEADLINE_EXCEEDED, message);
  });
  let disarm = clock.after(settings.firstRequest, overdue);
  cleanups.push(() => disarm());
  host.begins(peer);
  guard(async () => {
    const verdict = await host.authenticate(call);
    if (hasEnded()) return;
    if ('refused' in verdict) return refuse(verdict.refused.code, verdict.refused.message);
    principal = verdict;
    phase = 'waiting';
    call.listen({
      message: receive,
      halfClosed: guard(() => {
        if (phase === 'waiting') end(status.OK, goodbye);
        else inbox.push('end', 0);
      }),
      gone: (reason) => release(status.CANCELLED, reason),
    });
  })();
}

const goodbye = 'the client has closed the stream';
