import { answering } from './answers.ts';
import { either } from './check.ts';
import { session } from './option-kinds.ts';
import type { OpenAnswer, OpenSession, XdsServerOptions } from './server-options.ts';
import type { SnapshotStore } from './snapshot-store.ts';

/**
 * What streams are served: the snapshots of `set` and `update`, unless `open` answers with a session of its own. Whoever says both for one
 * node is told once that only the session counts.
 */
export function sessionsOf<Principal>(
  open: XdsServerOptions<Principal>['open'],
  snapshots: SnapshotStore,
): OpenSession<Principal> {
  if (open === undefined) return ({ node }) => ({ ok: snapshots.session(node.id) });
  const ask = answering('open', open, either('snapshots', session));
  let warned = false;
  const settled = (answer: OpenAnswer, node: string) => {
    if ('refused' in answer) return answer;
    if (answer.ok === 'snapshots') return { ok: snapshots.session(node) };
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
