import type { WorkloadAnswer } from '../model/authorization-answer.ts';
import type { Authorizer } from '../model/authorizer.ts';
import type { Destination, DestinationRef } from '../model/ir-destination.ts';
import type { Mesh } from '../model/mesh.ts';
import type { DecidedBy } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import { type AuthorizationDecision, decideAuthorization } from '../resolve/authorization-decision.ts';
import { resolveEndpoints } from '../resolve/endpoints.ts';
import { meshDefaults } from '../resolve/mesh-defaults.ts';
import { scopeOf } from '../resolve/scope.ts';
import { resolveView } from '../resolve/view.ts';
import { serviceText, withoutAnswer } from './asked-authorizer.ts';
import { destinationOf } from './call-decisions.ts';
import { type CallTarget, callTargets } from './call-targets.ts';
import { placeOf } from './route-answer.ts';

/** A question that a workload's own sidecar asks, and nobody hears. */
export interface Unheard {
  /** `judge.shop has no endpoint` */
  readonly words: string;
  readonly by?: DecidedBy;
  readonly fix: string;
  /** There is no answer at all, not even a refusal. */
  readonly isSilent: boolean;
}

/**
 * Why nobody hears what a workload's sidecar asks by itself: of a running mesh, as no endpoint is there; or as the sidecars of the asked let in
 * nothing of it (P39): asking is a call as any other. Undefined where something may be heard.
 */
export function whyUnheard(
  mesh: Mesh,
  asking: Proxy,
  ref: DestinationRef,
  proxyOf: (id: string) => Proxy | undefined,
  isLive: boolean,
): Unheard | undefined {
  const view = resolveView(mesh, scopeOf(mesh, asking));
  const name = serviceText(ref);
  const nobody = isLive ? whyNobody(mesh, asking, destinationOf(view, ref), name, ref.port) : undefined;
  if (nobody !== undefined) return nobody;
  const refusals = callTargets(mesh, view, ref, proxyOf).map((target) => refusalOf(target, asking));
  const [first] = refusals;
  if (first === undefined || refusals.some((refusal) => refusal === undefined)) return undefined;
  const { service, namespace, id } = asking;
  return { ...first, words: `${name} refuses ${service}.${namespace}: ${first.words}`, fix: `let ${id} call ${name}` };
}

function whyNobody(
  mesh: Mesh,
  asking: Proxy,
  destination: Destination | undefined,
  name: string,
  port: number,
): Unheard | undefined {
  const fix = `start a workload of ${name}; weft get workloads shows who joined, and with which ports`;
  if (destination === undefined)
    return { words: `${asking.id} knows no service ${name} with port ${port}`, fix, isSilent: true };
  if (destination.discovery !== 'registry') return undefined;
  const { endpoints } = resolveEndpoints(mesh, destination);
  if (endpoints.some(({ healthy }) => healthy)) return undefined;
  const words = `${name} has no ${endpoints.length === 0 ? '' : 'healthy '}endpoint at port ${port}`;
  return { words, fix, isSilent: true };
}

/**
 * What becomes of a call that an authorizer is to be asked about and hears nothing of. A refusal over HTTP is taken for the authorizer's
 * answer; what is no answer is judged by `failOpen` and `statusOnError`. Undefined where the authorizer may be heard.
 */
export function unheardCall(
  mesh: Mesh,
  asking: Proxy | undefined,
  authorizer: Authorizer,
  proxyOf: (id: string) => Proxy | undefined,
  isLive: boolean,
): Pick<WorkloadAnswer, 'outcome' | 'status' | 'unanswered'> | undefined {
  const why = asking && whyUnheard(mesh, asking, authorizer.ref, proxyOf, isLive);
  if (why === undefined) return undefined;
  const provider = meshDefaults(mesh).authorizers.find(({ value }) => value.name === authorizer.name);
  const by = why.by ?? provider?.by;
  const unanswered = { text: why.words, fix: why.fix, ...(by && { by: placeOf(by) }) };
  if (authorizer.http !== undefined && !why.isSilent) return { outcome: 'refused', status: 403, unanswered };
  return { ...withoutAnswer(authorizer), unanswered };
}

type Refusal = Omit<Unheard, 'fix'>;

/** Of whatever is asked; undefined: something may be let in. */
function refusalOf({ inbound, meshTls }: CallTarget, { identity }: Proxy): Refusal | undefined {
  if (inbound === undefined) return undefined;
  const principal = meshTls ? identity.replace(/^spiffe:\/\//, '') : null;
  const decided = decideAuthorization(inbound, { principal });
  if (decided.outcome !== 'refused') return undefined;
  if (decided.why === 'strict')
    return { words: 'STRICT lets in nobody without an identity', by: inbound.mtls.by, isSilent: true };
  return { ...ofRules(decided, inbound.authorization.closedBy), isSilent: false };
}

function ofRules(
  { why, by, nearest }: AuthorizationDecision,
  closedBy: DecidedBy | undefined,
): Omit<Refusal, 'isSilent'> {
  if (why === 'deny') return { words: `${by?.id} matches`, ...(by && { by: by.by }) };
  const place = nearest?.rule.by ?? closedBy;
  return { words: 'no ALLOW rule lets it in', ...(place && { by: place }) };
}
