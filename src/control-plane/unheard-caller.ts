import type { WorkloadAnswer } from '../model/authorization-answer.ts';
import type { Authorizer } from '../model/authorizer.ts';
import type { Mesh } from '../model/mesh.ts';
import type { DecidedBy } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import { type AuthorizationDecision, decideAuthorization } from '../resolve/authorization-decision.ts';
import { scopeOf } from '../resolve/scope.ts';
import { resolveView } from '../resolve/view.ts';
import { type CallTarget, callTargets } from './call-targets.ts';
import { placeOf } from './route-answer.ts';

/**
 * What becomes of a call that an authorizer is to be asked about, where the authorizer's own sidecars let in nothing of who asks (P39): asking is a
 * call as any other. Undefined where some question may be heard. A refusal over HTTP is taken for the authorizer's answer; what is no answer
 * is judged by `failOpen` and `statusOnError`.
 */
export function unheard(
  mesh: Mesh,
  asking: Proxy | undefined,
  authorizer: Authorizer,
  proxyOf: (id: string) => Proxy | undefined,
): Pick<WorkloadAnswer, 'outcome' | 'status' | 'unheard'> | undefined {
  if (asking === undefined) return undefined;
  const targets = callTargets(mesh, resolveView(mesh, scopeOf(mesh, asking)), authorizer.ref, proxyOf);
  const refusals = targets.map((target) => refusalOf(target, asking));
  const [first] = refusals;
  if (first === undefined || refusals.some((refusal) => refusal === undefined)) return undefined;
  const { ref } = authorizer;
  const { words, by, closed } = first;
  const unheard = {
    text: `${ref.name}.${ref.namespace} refuses ${asking.service}.${asking.namespace}: ${words}`,
    ...(by && { by: placeOf(by) }),
  };
  const answers = authorizer.http !== undefined && !closed;
  if (!answers && authorizer.failOpen) return { outcome: 'allowed', unheard };
  return { outcome: 'refused', status: answers ? 403 : authorizer.statusOnError, unheard };
}

interface Refusal {
  readonly words: string;
  readonly by?: DecidedBy;
  /** The connection is closed, so there is no answer. */
  readonly closed: boolean;
}

/** Of whatever is asked; undefined: something may be let in. */
function refusalOf({ inbound, meshTls }: CallTarget, { identity }: Proxy): Refusal | undefined {
  if (inbound === undefined) return undefined;
  const principal = meshTls ? identity.replace(/^spiffe:\/\//, '') : null;
  const decided = decideAuthorization(inbound, { principal });
  if (decided.outcome !== 'refused') return undefined;
  if (decided.why === 'strict')
    return { words: 'STRICT lets in nobody without an identity', by: inbound.mtls.by, closed: true };
  return { ...ofRules(decided, inbound.authorization.closedBy), closed: false };
}

function ofRules(
  { why, by, nearest }: AuthorizationDecision,
  closedBy: DecidedBy | undefined,
): Omit<Refusal, 'closed'> {
  if (why === 'deny') return { words: `${by?.id} matches`, ...(by && { by: by.by }) };
  const place = nearest?.rule.by ?? closedBy;
  return { words: 'no ALLOW rule lets it in', ...(place && { by: place }) };
}
