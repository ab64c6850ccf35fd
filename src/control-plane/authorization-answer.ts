import type {
  AnswerRule,
  AuthorizationAnswer,
  AuthorizationQuestion,
  WorkloadAnswer,
} from '../model/authorization-answer.ts';
import type { DestinationRef } from '../model/ir-destination.ts';
import type { AuthorizationRuleDecision, Inbound } from '../model/ir-inbound.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import { isHttp } from '../model/service.ts';
import { type AuthorizationDecision, decideAuthorization } from '../resolve/authorization-decision.ts';
import { type ClaimValue, holds, type SeenCall } from '../resolve/holds.ts';
import { type CallDecision, decideCall } from '../resolve/route-decision.ts';
import { scopeOf } from '../resolve/scope.ts';
import { seenBytes, seenCall } from '../resolve/seen-call.ts';
import { seenToken } from '../resolve/seen-token.ts';
import { resolveView } from '../resolve/view.ts';
import { allowedCallers } from '../translate/allowed-callers.ts';
import { unansweredCall } from './asked-authorizer.ts';
import { type AuthorizationCaller, strangerNotes } from './authorization-caller.ts';
import { type CallTarget, callTargets } from './call-targets.ts';
import { conditionText } from './describe-words.ts';
import { failureText } from './failing-condition.ts';
import type { FailingQuestions } from './failing-questions.ts';
import { keysText } from './fetched-keys.ts';
import { sentOn } from './rewritten-request.ts';
import { placeOf, unknownAnswer } from './route-answer.ts';
import { unfetchedKeys } from './unfetched-keys.ts';
import { unheardCall } from './unheard-caller.ts';

/**
 * What `weft authz` tells of a call: it is led where the caller's sidecar leads it, and judged by what stands before each workload there.
 * `proxyOf`: as callTargets says.
 */
export function answerAuthorization(
  mesh: Mesh,
  caller: AuthorizationCaller,
  question: AuthorizationQuestion,
  proxyOf: (id: string) => Proxy | undefined,
  live?: LiveSidecars,
): AuthorizationAnswer {
  const scope = scopeOf(mesh, caller);
  const view = resolveView(mesh, scope);
  const decision = decideCall(mesh, scope, question);
  const { host, port } = question;
  const { name, namespace, principal } = caller;
  const nowhere = (...notes: readonly string[]): AuthorizationAnswer => ({
    from: { name, namespace, ...(principal === undefined ? {} : { principal }) },
    to: { host, ...(port === undefined ? {} : { port }) },
    outcome: 'nowhere',
    notes,
    answers: [],
  });
  if (decision.kind === 'refused') return nowhere(`${decision.refused}: ${decision.why}`);
  if (decision.kind === 'unknown') {
    const { outcome, by, status, notes } = unknownAnswer(mesh, view, decision, question, namespace);
    return { ...nowhere(...notes), outcome, ...(by && { by }), ...(status && { status }) };
  }
  const { service, port: called } = decision.called;
  const to = {
    host,
    service: service.name === service.host ? service.host : `${service.name}.${service.namespace}`,
    port: called.port,
    protocol: called.protocol,
  };
  const destinations = destinationsOf(decision);
  if (typeof destinations === 'string') return { ...nowhere(destinations), to };
  const notes = new Set(strangerNotes(mesh, caller));
  const judged = destinations.flatMap((destination) =>
    callTargets(mesh, view, destination.ref, proxyOf).map((target) => {
      const judged = judge(target, seenBy(target, caller, question, decision, destination, notes));
      const asking = proxyOf(target.workload);
      if (target.inbound === undefined || asking === undefined) return judged;
      if (judged.why === 'custom') return withAuthorizer(judged, mesh, asking, target.inbound, proxyOf, live);
      return live === undefined ? judged : withoutKeys(judged, mesh, asking, target.inbound, question, proxyOf);
    }),
  );
  const answers = grouped(judged).map((answer) => withSpan(answer, live?.lostFor));
  if (answers.length === 0) notes.add('no workload is known behind it: nobody is there to refuse or to allow');
  const [first, ...others] = new Set(answers.map(({ outcome }) => outcome));
  const outcome = first === undefined ? 'nowhere' : others.length === 0 ? first : 'differs';
  const request = decision.kind === 'request' ? decision.seen : undefined;
  return {
    ...nowhere(),
    to,
    ...(request && { request: { method: request.method, authority: request.authority, path: request.path } }),
    outcome,
    notes: [...notes],
    answers,
  };
}

/** What a running mesh knows beside its decisions; absent: files alone, which do not know who is there. */
export interface LiveSidecars {
  readonly lostFor: LostFor;
  readonly failing: FailingQuestions;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** For how many milliseconds the sidecar of a workload is disconnected, as far as that is known. */
export type LostFor = (workloadId: string) => number | undefined;

/** The longest of those who stand together. */
function withSpan(answer: WorkloadAnswer, lostFor: LostFor = () => undefined): WorkloadAnswer {
  if (answer.why !== 'disconnected') return answer;
  const spans = answer.workloads.flatMap((id) => lostFor(id) ?? []);
  return spans.length === 0 ? answer : { ...answer, disconnectedFor: Math.max(...spans) };
}

interface Led {
  readonly ref: DestinationRef;
  readonly authority?: string;
}

type Routed = Extract<CallDecision, { kind: 'request' | 'connection' }>;

/** Where a call is led; a text: why nowhere. */
function destinationsOf(decision: Routed): readonly Led[] | string {
  if (decision.kind === 'connection') return decision.route.destinations.map(({ destination: ref }) => ({ ref }));
  const { route } = decision;
  if (route === undefined) return '404: no rule of the caller takes the request; weft route says why';
  if (route.action.kind !== 'forward') return `${route.name} answers in the caller's sidecar: nobody is called`;
  const { rewrite } = route.action;
  return route.action.destinations.map(({ destination: ref, authority }) => {
    const told = authority?.value ?? rewrite?.value.authority;
    return { ref, ...(told === undefined ? {} : { authority: told }) };
  });
}

/** The call as the sidecar of the target sees it, or what that answers before it looks at rules. */
function seenBy(
  { meshTls, serverName, inbound, address: called }: CallTarget,
  { principal }: AuthorizationCaller,
  { address, claims, headers }: AuthorizationQuestion,
  decision: Routed,
  { authority }: Led,
  notes: Set<string>,
): SeenCall | Answered {
  const identified = meshTls && principal !== undefined;
  const connection = {
    principal: identified ? principal : null,
    serverName: identified ? (serverName ?? null) : null,
    ...(address === undefined ? {} : { sourceAddress: address }),
    ...(called === undefined ? {} : { destinationAddress: called }),
    claims: null,
  };
  if (decision.kind === 'connection' || inbound === undefined) return seenBytes(connection);
  // What JSON holds is what claims are.
  const shown = (claims as Readonly<Record<string, ClaimValue>> | undefined) ?? null;
  const token = seenToken(inbound.tokens, shown);
  if ('refused' in token) return { identified, ...token };
  if (shown !== null && token.claims === null)
    notes.add('no RequestAuthentication looks at tokens: no rule sees these claims (WEFT0161)');
  const { request, changed } = sentOn(decision, headers, authority);
  if (changed !== undefined) notes.add(changed);
  const seen = seenCall({ ...connection, ...token }, request, inbound.terms.pathNormalization.value);
  if ('refused' in seen) return { identified, ...seen };
  if (!request.pathUnknown) return seen;
  const { path: _path, ...rest } = seen;
  return rest;
}

/** The outcome where the authorizer that is asked hears nothing, or does not answer. */
function withAuthorizer(
  judged: Judged,
  mesh: Mesh,
  asking: Proxy,
  { authorization, protocol }: Inbound,
  proxyOf: (id: string) => Proxy | undefined,
  live: LiveSidecars | undefined,
): Judged {
  const { custom } = authorization;
  const unheard = custom && unheardCall(mesh, asking, custom.authorizer, proxyOf, live !== undefined);
  const unanswered = unheard ?? (live && unansweredCall(asking, live.failing.authorizer(asking), live.now));
  const isClosed = !isHttp(protocol) && unanswered?.outcome === 'refused';
  return { ...judged, ...unanswered, ...(isClosed && { status: 'closed' as const }) };
}

/** The outcome where nobody can give the sidecar the keys of the token that is shown. */
function withoutKeys(
  judged: Judged,
  mesh: Mesh,
  asking: Proxy,
  { tokens }: Inbound,
  { claims }: AuthorizationQuestion,
  proxyOf: (id: string) => Proxy | undefined,
): Judged {
  const taking = tokens?.rules.filter(({ rule }) => rule.issuer === claims?.iss) ?? [];
  if (taking.length === 0 || judged.why === 'answered' || judged.why === 'strict') return judged;
  const unfetched = unfetchedKeys(mesh, asking, proxyOf);
  const [first, ...others] = taking.map(({ rule: { keys } }) =>
    unfetched.find((each) => keys.kind === 'remote' && keys.uri === each.keys.uri),
  );
  if (first === undefined || others.includes(undefined)) return judged;
  const { workload, service, port, identified, mode } = judged;
  const because = `${keysText([first.keys])} cannot be fetched: ${first.why}`;
  return { workload, service, port, identified, ...(mode && { mode }), outcome: 'unknown', why: 'no-keys', because };
}

/** What Envoy answers by itself, whatever the rules. */
interface Answered {
  readonly refused: number;
  readonly why: string;
  readonly identified: boolean;
}

type Judged = Omit<WorkloadAnswer, 'workloads'> & { readonly workload: string };

function judge(
  { workload, service, port, inbound, disconnected, external }: CallTarget,
  call: SeenCall | Answered,
): Judged {
  const identified = 'refused' in call ? call.identified : typeof call.principal === 'string';
  const place = { workload, service, port, identified };
  if (disconnected) return { ...place, outcome: 'unknown', why: 'disconnected' };
  if (inbound === undefined) return { ...place, outcome: 'allowed', why: external ? 'external' : 'no-sidecar' };
  const mode = { value: inbound.mtls.value, by: placeOf(inbound.mtls.by) };
  if ('refused' in call)
    return inbound.mtls.value === 'STRICT' && !identified
      ? { ...place, mode, outcome: 'refused', why: 'strict', status: 'closed' }
      : { ...place, mode, outcome: 'refused', why: 'answered', status: call.refused, because: call.why };
  const bytes = call.method === undefined;
  const decided = decideAuthorization(inbound, call, bytes);
  const { outcome, why, by, nearest, depends, audited, dryRun } = decided;
  const closed = bytes || why === 'strict';
  return {
    ...place,
    mode,
    outcome,
    why,
    ...(outcome === 'refused' ? { status: closed ? 'closed' : 403 } : {}),
    ...(outcome === 'refused' && bytes && comesThrough(inbound, call) ? { atFirstByte: true } : {}),
    ...(by && { rule: ruleOf(by) }),
    ...(nearest && {
      nearest: { ...ruleOf(nearest.rule), fails: nearest.fails.map((fails) => failureText(fails, call)) },
    }),
    ...closedBy(decided, inbound),
    ...(depends && { depends: depends.map(ruleOf) }),
    ...providerOf(decided, inbound.authorization.custom?.authorizer.name),
    ...(audited.length > 0 && { audited: audited.map(ruleOf) }),
    ...(dryRun && {
      dryRun: { outcome: dryRun.outcome, why: dryRun.why, ...(dryRun.by && { rule: ruleOf(dryRun.by) }) },
    }),
  };
}

/** Whether a connection is there until its first byte is judged: the handshake lets it in (decision 10). */
function comesThrough({ mtls, authorization, ofBytes }: Inbound, call: SeenCall): boolean {
  if (mtls.value === 'STRICT' && call.principal === null) return false;
  const callers = allowedCallers(ofBytes ?? authorization);
  return callers?.some((match) => holds({ kind: 'principal', match }, call) === true) ?? true;
}

function closedBy(
  { why, nearest }: AuthorizationDecision,
  { authorization }: Inbound,
): Pick<WorkloadAnswer, 'closedBy'> {
  const { closedBy: by } = authorization;
  return why === 'no-allow-rule' && nearest === undefined && by !== undefined ? { closedBy: placeOf(by) } : {};
}

function providerOf(
  { outcome }: AuthorizationDecision,
  provider: string | undefined,
): Pick<WorkloadAnswer, 'provider'> {
  return outcome === 'asked' && provider !== undefined ? { provider } : {};
}

/** A rule as answers show it. */
export function ruleOf({ id, by, caller, operation }: AuthorizationRuleDecision): AnswerRule {
  const words = [conditionText(caller), conditionText(operation)].filter((text) => text !== '');
  return { id, by: placeOf(by), text: words.join(', ') || 'every call' };
}

/** Workloads for which all is alike stand together. */
function grouped(judged: readonly Judged[]): readonly WorkloadAnswer[] {
  const groups = new Map<string, Judged[]>();
  for (const each of judged) {
    const { workload: _workload, ...rest } = each;
    const key = JSON.stringify(rest);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return [...groups.values()].map(([first, ...others]) => {
    if (first === undefined) throw new RangeError('no group is empty');
    const { workload, ...rest } = first;
    return { workloads: [...new Set([workload, ...others.map((each) => each.workload)])], ...rest };
  });
}
