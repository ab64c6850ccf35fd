import { status } from '@grpc/grpc-js';
import type { AuditSink } from '../model/audit-event.ts';
import type { JoinCredential } from '../registry/join-claims.ts';
import type { StreamEvent } from '../xds/server-options.ts';
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

/** The credential in words: a certificate names its proxy, a token is named by its id. */
function whoOf({ tokenId, nodeId }: JoinCredential): string {
  return nodeId === undefined ? `token ${tokenId}` : `certificate of ${nodeId} (token ${tokenId})`;
}
