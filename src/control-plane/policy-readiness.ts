import type { Readiness } from '../admin/admin-source.ts';
import { rejectionWords } from '../admin/envelope.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Readable } from '../model/readable.ts';
import type { PolicySource } from './policy-source.ts';

/** Whether something is served; until then, what is missing, and which commit is in the way. */
export function readiness(policies: Pick<PolicySource, 'state'>, mesh: Readable<Mesh | undefined>): Readiness {
  if (mesh.get()) return { ready: true, waitingFor: [] };
  const { failure, head } = policies.state.get();
  if (failure) return { ready: false, waitingFor: [`policies: ${failure.message}`] };
  if (head === undefined) return { ready: false, waitingFor: ['policies'] };
  // Anybody may ask for this: who wrote the commit, and what it is called, is not told.
  const rejected = { commit: head.commit, errors: head.errors };
  return { ready: false, waitingFor: [`policies: ${rejectionWords(rejected)}`], rejected };
}
