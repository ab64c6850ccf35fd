import type { WorkloadAnswer } from '../model/authorization-answer.ts';
import type { Authorizer } from '../model/authorizer.ts';
import type { DescriptionRow } from '../model/description.ts';
import type { DestinationRef } from '../model/ir-destination.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Policy } from '../model/policy.ts';
import { type Provenance, refText } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import { resolveInbound } from '../resolve/inbound.ts';
import { meshDefaults } from '../resolve/mesh-defaults.ts';
import { failuresText, rowOf, spanText } from './describe-words.ts';
import type { Unanswered } from './question-desk.ts';
import { placeOf } from './route-answer.ts';

/** Whom a workload asks because of CUSTOM policies; `by`: the line of the provider; `rules`: those that have it asked. */
export interface AskedAuthorizer {
  readonly authorizer: Authorizer;
  readonly by: Provenance;
  readonly rules: readonly Provenance[];
}

/** One at most, for all ports (WEFT0160). */
export function askedAuthorizer(mesh: Mesh, proxy: Proxy): readonly AskedAuthorizer[] {
  const customs = resolveInbound(mesh, proxy).flatMap(({ authorization, ofBytes }) =>
    [authorization, ofBytes].flatMap((each) => each?.custom ?? []),
  );
  const [first] = customs;
  const provider = meshDefaults(mesh).authorizers.find(({ value }) => value.name === first?.provider);
  if (first === undefined || provider === undefined || 'default' in provider.by) return [];
  const rules = customs.flatMap((custom) => custom.rules.map(({ by }) => by));
  return [{ authorizer: first.authorizer, by: provider.by, rules }];
}

/** `the authorizer judge at judge.shop:90` */
export function authorizerText({ name, ref }: Authorizer): string {
  return `the authorizer ${name} at ${serviceText(ref)}:${ref.port}`;
}

/** `judge.shop`, or a whole host. */
export function serviceText({ name, namespace, host }: DestinationRef): string {
  return name === host ? host : `${name}.${namespace}`;
}

/** What becomes of a call about which an authorizer does not answer. */
export function withoutAnswer({ failOpen, statusOnError }: Authorizer): Pick<WorkloadAnswer, 'outcome' | 'status'> {
  return failOpen ? { outcome: 'allowed' } : { outcome: 'refused', status: statusOnError };
}

/** What becomes of a call where the authorizer did not answer the newest questions; where it answered some of them it is asked still. */
export function unansweredCall(
  asking: Proxy,
  failing: Unanswered<AskedAuthorizer> | undefined,
  now: number,
): Pick<WorkloadAnswer, 'outcome' | 'status' | 'unanswered'> | undefined {
  const [asked] = failing?.among ?? [];
  if (failing === undefined || asked === undefined) return undefined;
  const { authorizer, by } = asked;
  const { ref } = authorizer;
  const text = `${serviceText(ref)} did not answer ${asking.id} at port ${ref.port}: ${failuresText(failing, questions, now)}`;
  const unanswered = { text, fix: fixOf(asking, authorizer), by: placeOf(by) };
  return { ...(failing.isMixed ? { outcome: 'asked' } : withoutAnswer(authorizer)), unanswered };
}

/** The same in a description of the workload, of the object whose rule has it asked, or of the one that names the provider. */
export function unansweredRows(
  asking: Proxy,
  failing: Unanswered<AskedAuthorizer> | undefined,
  now: number,
  of?: Policy,
): readonly DescriptionRow[] {
  const isOf = ({ object }: Provenance) => of === undefined || refText(object) === refText(of);
  const [asked] = failing?.among.filter(({ by, rules }) => [by, ...rules].some(isOf)) ?? [];
  if (failing === undefined || asked === undefined) return [];
  const { authorizer, by } = asked;
  const { status } = withoutAnswer(authorizer);
  const gets = status === undefined ? 'calls are let in (failOpen)' : `requests get ${status}, connections are closed`;
  const often = failing.isMixed ? 'does not always answer' : 'does not answer';
  const text = `${authorizerText(authorizer)} ${often} ${asking.id}: ${failuresText(failing, questions, now)}; ${gets}`;
  return [rowOf(text, by), rowOf(`fix: ${fixOf(asking, authorizer)}`)];
}

const questions = ['question', 'questions'] as const;

function fixOf(asking: Proxy, { ref, timeout, http }: Authorizer): string {
  const answer = http === undefined ? 'gRPC (envoy.service.auth.v3.Authorization)' : 'HTTP, and not with 5xx';
  const name = `${serviceText(ref)}:${ref.port}`;
  return `${name} must answer within ${spanText(timeout)} by ${answer}; weft check --from ${asking.id} --to ${name} says whether it may be called`;
}
