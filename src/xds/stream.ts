import { type Metadata, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Node } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import type { Clock } from './clock.ts';
import type { Connections } from './connections.ts';
import { encodeResponse } from './encode-response.ts';
import { createGuard } from './guard.ts';
import { type Incoming, nodeViolation, requestViolation } from './incoming.ts';
import type { Timing } from './make-before-break.ts';
import type { CallCredentials, ConnectionSettings, Session, XdsServerOptions } from './server-options.ts';
import { type StreamStatus, typeStatuses } from './status.ts';
import { nextResponse, openStream } from './stream-state.ts';
import type { Variant } from './subscription.ts';
import type { TurnQueue } from './turn-queue.ts';

/** What the streams of a server share. */
export interface StreamHost<Principal> {
  readonly options: XdsServerOptions<Principal>;
  readonly clock: Clock;
  readonly timing: Timing;
  readonly settings: ConnectionSettings;
  readonly connections: Connections;
  readonly queue: TurnQueue;
  /** The streams that are open, by number. */
  readonly streams: Map<number, LiveStream<Principal>>;
  nextNumber(): number;
}

/** An open stream as the server sees it. */
export interface LiveStream<Principal> {
  readonly principal: Principal;
  readonly node: Node;
  readonly peer: string;
  status(): StreamStatus<Principal>;
  end(code: status, message: string): void;
}

type Call<Request> = ServerDuplexStream<Request, Uint8Array>;

/**
 * The shell around the state of one stream: reads requests, applies them, writes what is due, ends cleanly whatever
 * happens (X11). All decisions are taken in stream-state.ts.
 */
export function serveStream<Request, Principal>(
  call: Call<Request>,
  variant: Variant,
  read: (request: Request) => Incoming,
  host: StreamHost<Principal>,
): void {
  const { options, clock, settings, timing } = host;
  const observe = options.observe ?? (() => undefined);
  const number = host.nextNumber();
  const peer = call.getPeer();
  const cleanups: (() => void)[] = [];
  const backlog: Request[] = [];
  let phase: 'authenticating' | 'waiting' | 'opening' | 'open' | 'ended' = 'authenticating';
  let session: Session | undefined;
  let principal: { readonly ok: Principal } | undefined;
  let state = openStream(variant, `${number.toString(36)}.`);
  let cancelWake = () => {};
  let unwritten = 0;
  let cancelSlow = () => {};

  const guard = createGuard((error) => {
    observe({ kind: 'failed', peer, error });
    end(status.INTERNAL, 'internal error');
  });

  function release(code: status, message: string): boolean {
    if (phase === 'ended') return false;
    phase = 'ended';
    cancelWake();
    cancelSlow();
    for (const cleanup of cleanups.reverse()) cleanup();
    if (host.streams.delete(number)) observe({ kind: 'closed', stream: number, code, message });
    return true;
  }

  function end(code: status, message: string): void {
    if (!release(code, message)) return;
    if (code === status.OK) call.end();
    else call.emit('error', Object.assign(new Error(message), { code, details: message }));
  }

  function refuse(code: status, message: string): void {
    observe({ kind: 'refused', peer, code, message });
    end(code, message);
  }

  function write(bytes: Buffer): void {
    unwritten += 1;
    if (unwritten === 1) cancelSlow = clock.after(settings.slowReader, () => host.connections.destroy(peer));
    call.write(
      bytes,
      guard(() => {
        unwritten -= 1;
        cancelSlow();
        if (unwritten > 0) cancelSlow = clock.after(settings.slowReader, () => host.connections.destroy(peer));
      }),
    );
  }

  const flush = guard(() => {
    const snapshot = session?.snapshot();
    if (phase !== 'open' || snapshot === undefined) return;
    cancelWake();
    for (;;) {
      const { state: after, plan, wake } = nextResponse(state, snapshot, clock.now(), timing);
      state = after;
      if (plan === undefined) {
        if (Number.isFinite(wake)) cancelWake = clock.after(Math.max(1, wake - clock.now()), flush);
        return;
      }
      const bytes = encodeResponse(variant, plan, options.identifier);
      write(bytes);
      const { typeUrl, version, nonce, removed } = plan;
      const names = plan.resources.map((resource) => resource.name);
      const { generation } = snapshot;
      observe({
        kind: 'sent',
        stream: number,
        typeUrl,
        names,
        removed,
        version,
        generation,
        bytes: bytes.length,
        nonce,
      });
    }
  });

  function apply(incoming: Incoming): void {
    const violation = requestViolation(incoming, state);
    if (violation !== undefined) {
      refuse(violation.code, violation.message);
      return;
    }
    const { typeUrl } = incoming;
    const before = state.subscriptions.get(typeUrl);
    const now = clock.now();
    const { state: after, stale } = incoming.apply(state, now);
    state = after;
    const landed = after.subscriptions.get(typeUrl);
    if (before?.inFlight !== undefined && landed?.inFlight === undefined) {
      const { nonce, version, since } = before.inFlight;
      const rejection = landed?.rejection === before.rejection ? undefined : landed?.rejection;
      if (rejection === undefined)
        observe({ kind: 'acked', stream: number, typeUrl, version, nonce, took: now - since });
      else observe({ kind: 'nacked', stream: number, typeUrl, ...rejection });
    }
    if (!stale) flush();
  }

  async function begin(incoming: Incoming, who: Principal): Promise<void> {
    const { node } = incoming;
    const violation = nodeViolation(node);
    if (violation !== undefined || node === undefined)
      return refuse(violation?.code ?? status.INVALID_ARGUMENT, violation?.message ?? 'no node');
    phase = 'opening';
    const opened = await options.open({ principal: who, node, peer });
    if ('refused' in opened) return refuse(opened.refused.code, opened.refused.message);
    // The client may have gone while the answer was on its way.
    if (hasEnded()) return opened.ok.close();
    cleanups.push(opened.ok.close);
    if (opened.ok.snapshot() === undefined)
      return refuse(status.UNAVAILABLE, 'no configuration yet: the control plane is starting (X9)');
    session = opened.ok;
    phase = 'open';
    const openedAt = clock.now();
    host.streams.set(number, {
      principal: who,
      node,
      peer,
      end,
      status: () => ({ id: number, principal: who, node, peer, variant, openedAt, types: typeStatuses(state) }),
    });
    observe({ kind: 'opened', stream: number, principal: who, node, peer, variant });
    cleanups.push(session.watch(() => host.queue.add(flush)));
    apply(incoming);
    for (const request of backlog.splice(0)) if (!hasEnded()) apply(read(request));
  }

  function hasEnded(): boolean {
    return phase === 'ended';
  }

  const receive = guard((request: Request) => {
    if (phase === 'open') return apply(read(request));
    if (phase === 'opening') backlog.push(request);
    if (phase !== 'waiting' || principal === undefined) return undefined;
    disarm();
    return begin(read(request), principal.ok);
  });

  const disarm = clock.after(
    settings.firstRequest,
    guard(() => refuse(status.DEADLINE_EXCEEDED, 'no request came on this stream')),
  );
  cleanups.push(disarm);
  call.on(
    'cancelled',
    guard(() => release(status.CANCELLED, 'the client has gone')),
  );
  call.on(
    'error',
    guard((error: Error) => release(status.UNKNOWN, error.message)),
  );
  guard(async () => {
    const verdict = await options.authenticate(credentialsOf(call));
    if (hasEnded()) return;
    if ('refused' in verdict) return refuse(verdict.refused.code, verdict.refused.message);
    host.connections.confirm(peer);
    principal = verdict;
    phase = 'waiting';
    call.on('data', receive);
    call.on(
      'end',
      guard(() => end(status.OK, 'the client has closed the stream')),
    );
  })();
}

/** What a call brings: for streams, and for handlers of other services on the same server. */
export function credentialsOf(call: {
  readonly metadata: Metadata;
  getPeer(): string;
  getAuthContext(): { sslPeerCertificate?: { readonly raw: Uint8Array } | undefined };
}): CallCredentials {
  const headers = new Map<string, readonly string[]>();
  for (const name of Object.keys(call.metadata.getMap()))
    headers.set(
      name,
      call.metadata.get(name).map((value) => value.toString()),
    );
  return { headers, peer: call.getPeer(), certificate: call.getAuthContext().sslPeerCertificate?.raw };
}
