import { status } from '@grpc/grpc-js';
import type { Call } from './call.ts';
import { createExchange } from './exchange.ts';
import { createGuard } from './guard.ts';
import type { Incoming } from './incoming.ts';
import { readNode } from './read-node.ts';
import type { StreamKind } from './read-request.ts';
import { Violation } from './request-limits.ts';
import type { StreamHost } from './stream-host.ts';

/**
 * The life of one stream: who calls, which node that is, whether it is let in; then what is heard and said on it (exchange.ts). It ends
 * cleanly whatever happens (X11).
 */
export function serveStream<Principal>(call: Call, kind: StreamKind, host: StreamHost<Principal>): void {
  const { variant } = kind;
  const { observe, clock, settings, limits } = host;
  const number = host.nextNumber();
  const { peer } = call;
  const account = host.names.open(peer);
  const cleanups: (() => void)[] = [account.close];
  let phase: 'authenticating' | 'waiting' | 'introduced' | 'ended' = 'authenticating';
  let principal: { readonly ok: Principal } | undefined;
  let settled = () => {};
  let nodeId: string | undefined;

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
    exchange.stop();
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

  const finish = (): void => end(status.OK, 'the client has closed the stream');
  const hasEnded = (): boolean => phase === 'ended';
  const onSettled = (): void => settled();
  const exchange = createExchange(call, kind, host, { number, account, end, thrown, finish, onSettled });

  async function begin(incoming: Incoming, who: Principal): Promise<void> {
    const node = readNode(incoming.node, limits, (id) => {
      if (id !== '') nodeId = id;
    });
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
    const session = opened.ok;
    cleanups.push(session.close);
    const snapshot = session.snapshot();
    if (snapshot === undefined) return refuse(status.UNAVAILABLE, 'no configuration yet: the server is starting');
    host.streams.makeRoom(node.id, peer);
    // Only now has the connection shown that somebody known is at its other end (T9).
    call.confirm(kind.ownType !== undefined);
    host.streams.add(number, exchange.open({ principal: who, node, session, snapshot }));
    cleanups.push(session.watch(exchange.look));
    observe({ kind: 'opened', stream: number, principal: who, node, peer, variant });
    // Who is told may have closed it.
    if (!hasEnded()) exchange.inbox.open(incoming);
  }

  function receive(bytes: Uint8Array): void {
    if (phase !== 'waiting' || principal === undefined) {
      exchange.inbox.push(bytes, bytes.length);
      return;
    }
    const { ok } = principal;
    phase = 'introduced';
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
        if (phase === 'waiting') finish();
        else exchange.inbox.push('end', 0);
      }),
      gone: (reason) => release(status.CANCELLED, reason),
    });
  })();
}
