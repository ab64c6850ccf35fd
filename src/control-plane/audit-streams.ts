import { status } from '@grpc/grpc-js';
import type { AuditSink } from '../model/audit-event.ts';
import { Identity } from '../proto/gen/weft/v1/identity_pb.ts';
import type { JoinCredential } from '../registry/join-claims.ts';
import type { Call, CallHandler } from '../xds/call.ts';
import type { StreamEvent } from '../xds/server-options.ts';
import type { CheckCredential } from './credential-check.ts';
import { isOfConnection } from './handshake-lines.ts';

/** Writes down who became a member, who left, and who was turned away before or at that. */
export function createStreamAudit(audit: AuditSink): (event: StreamEvent<JoinCredential>) => void {
  const open = new Map<number, { readonly who: string; readonly from: string; readonly about: string }>();
  return (event) => {
    switch (event.kind) {
      case 'opened': {
        const { stream, principal, node, peer } = event;
        const of = { who: whoOf(principal), from: peer, about: node.id };
        open.set(stream, of);
        audit.record({ what: 'join', ...of, result: 'done' });
        return;
      }
      case 'closed': {
        const of = open.get(event.stream);
        open.delete(event.stream);
        if (of === undefined) return;
        const words = event.code === status.OK ? undefined : event.message;
        audit.record({ what: 'leave', ...of, ...(words !== undefined && { words }), result: 'done' });
        return;
      }
      case 'refused': {
        const { peer, node, message } = event;
        // Whoever only knocks has said nothing yet; such lines are counted in the log.
        if (isOfConnection(message)) return;
        const about = node === undefined ? {} : { about: node.slice(0, 128) };
        audit.record({ what: 'join', who: '', from: peer, ...about, words: message, result: 'refused' });
        return;
      }
      default:
        return;
    }
  };
}

const issuing = `/${Identity.typeName}/`;

/** Writes down the calls beside the streams that are refused, whichever method they ask for; those that issue write their own lines. */
export function withCallsAudited(
  audit: AuditSink,
  check: CheckCredential,
  handlers: readonly (readonly [path: string, handler: CallHandler])[],
): ReadonlyMap<string, CallHandler> {
  const watched = (call: Call): Call => ({
    path: call.path,
    peer: call.peer,
    get headers() {
      return call.headers;
    },
    get certificate() {
      return call.certificate;
    },
    listen: (listener) => call.listen(listener),
    pause: () => call.pause(),
    resume: () => call.resume(),
    confirm: () => call.confirm(),
    write: (frame, written) => call.write(frame, written),
    end(code, message) {
      if (isRefusal(code, message)) {
        const shown = check(call);
        const who = 'ok' in shown ? whoOf(shown.ok) : '';
        audit.record({ what: 'call', who, from: call.peer, about: call.path, words: message, result: 'refused' });
      }
      call.end(code, message);
    },
  });
  return new Map(
    handlers.map(([path, handler]) => [path, path.startsWith(issuing) ? handler : (call) => handler(watched(call))]),
  );
}

/** What is unavailable or a bug is no refusal; those of Weft begin with their code. */
function isRefusal(code: status, message: string): boolean {
  return code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED || message.startsWith('WEFT0203');
}

/** The credential in words: a certificate names its proxy, a token is named by its id. */
function whoOf({ tokenId, nodeId }: JoinCredential): string {
  return nodeId === undefined ? `token ${tokenId}` : `certificate of ${nodeId} (token ${tokenId})`;
}
