import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import type { RouteAnswer, RouteQuestion } from '../model/route-answer.ts';
import { answerAuthorization, type LiveSidecars } from './authorization-answer.ts';
import type { AuthorizationCaller } from './authorization-caller.ts';

/**
 * The answer, and what the sidecars of the called say to this caller (P39): a rule that takes a call is no promise that it is let in. Of a
 * caller that nobody named nothing is said, as it stands for many, and nothing of calls that come to no workload. `proxyOf`: as callTargets
 * says.
 */
export function withAuthorization(
  answer: RouteAnswer,
  mesh: Mesh,
  caller: AuthorizationCaller,
  question: RouteQuestion,
  proxyOf: (id: string) => Proxy | undefined,
  live?: LiveSidecars,
): RouteAnswer {
  if (question.from === undefined || answer.outcome !== 'forward') return answer;
  const authorization = answerAuthorization(mesh, caller, question, proxyOf, live);
  if (authorization.outcome === 'nowhere') return answer;
  // A token is not read here, and its claims may be what lets the call in.
  const bearer = question.headers.some(([name]) => name.toLowerCase() === 'authorization');
  if (bearer && authorization.outcome !== 'allowed') return { ...answer, notes: [...answer.notes, tokenNote] };
  return { ...answer, authorization };
}

const tokenNote = 'the token is not read here: weft authz --claims says whether one who has its claims is let in';
