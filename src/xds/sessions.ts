import { status } from '@grpc/grpc-js';
import { answering } from './answers.ts';
import { either } from './check.ts';
import { session } from './option-kinds.ts';
import type { OpenAnswer, OpenSession, Refused, Session, XdsServerOptions } from './server-options.ts';
import type { SnapshotStore } from './snapshot-store.ts';

/** X9: where something is set, but not for this node, only a further call of `set` will help it, so it is told which. */
function sharedOr(snapshots: SnapshotStore, node: string): { readonly ok: Session } | Refused {
  if (snapshots.has(node) || snapshots.empty) return { ok: snapshots.session(node) };
  const id = JSON.stringify(node);
  const message = `no configuration for node ${id}: others have theirs; set(resources, ${id}) of the server gives it one, set(resources) all`;
  return { refused: { code: status.UNAVAILABLE, message } };
}

/**
 * What streams are served: the snapshots of `set` and `update`, unless `open` answers with a session of its own. Whoever says both for one
 * node is told once that only the session counts.
 */
export function sessionsOf<Principal>(
  open: XdsServerOptions<Principal>['open'],
  snapshots: SnapshotStore,
): OpenSession<Principal> {
  if (open === undefined) return ({ node }) => sharedOr(snapshots, node.id);
  const ask = answering('open', open, either('snapshots', session));
  let warned = false;
  const settled = (answer: OpenAnswer, node: string) => {
    if ('refused' in answer) return answer;
    if (answer.ok === 'snapshots') return sharedOr(snapshots, node);
    if (!warned && snapshots.has(node)) {
      warned = true;
      const words = `what set says does not reach node ${JSON.stringify(node)}: open answered with a session of its own`;
      const detail = "open answers { ok: 'snapshots' } for nodes that are to be served what set and update say";
      process.emitWarning(words, { code: 'WEFT_XDS_SET_BESIDE_OPEN', detail });
    }
    return { ok: answer.ok };
  };
  return (stream) => {
    const answer = ask(stream);
    return answer instanceof Promise
      ? answer.then((later) => settled(later, stream.node.id))
      : settled(answer, stream.node.id);
  };
}
