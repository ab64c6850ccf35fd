import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import type { RouteAnswer, RouteQuestion } from '../model/route-answer.ts';
import { answerAuthorization } from './authorization-answer.ts';
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
): RouteAnswer {
  if (question.from === undefined || answer.outcome !== 'forward') return answer;
  const authorization = answerAuthorization(mesh, caller, question, proxyOf);
  return authorization.outcome === 'nowhere' ? answer : { ...answer, authorization };
}
