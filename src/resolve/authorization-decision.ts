import { compareText } from '../model/compare-text.ts';
import type { Authorization, AuthorizationRuleDecision, Condition, Inbound } from '../model/ir-inbound.ts';
import { every, holds, type SeenCall, type Truth } from './holds.ts';

/** What becomes of a call at one inbound port (P39). */
export interface AuthorizationDecision {
  /** `asked`: as its authorizer says, for nothing else refuses it. `unknown`: it depends on what is not known of the call. */
  readonly outcome: 'allowed' | 'refused' | 'asked' | 'unknown';
  /**
   * What decides: STRICT, which lets in nobody without an identity; a DENY rule; an ALLOW rule; that none of these matches; or that no ALLOW
   * policy is there. `custom`: a rule of the authorizer matches. `depends`: of `unknown`.
   */
  readonly why: 'strict' | 'deny' | 'allow' | 'no-allow-rule' | 'no-allow-policy' | 'custom' | 'depends';
  /** The rule that decides, which Envoy names in response_code_details; of several that match, the first by id. */
  readonly by?: AuthorizationRuleDecision;
  /** Of `no-allow-rule`: the rule of which the fewest conditions fail, with these. */
  readonly nearest?: NearestRule;
  /** Of `unknown`: rules that what is not known would decide. */
  readonly depends?: readonly AuthorizationRuleDecision[];
  /** What AUDIT rules note of it. */
  readonly audited: readonly AuthorizationRuleDecision[];
  /** What policies in dry-run would decide; absent: there are none. */
  readonly dryRun?: Pick<AuthorizationDecision, 'outcome' | 'why' | 'by'>;
}

export interface NearestRule {
  readonly rule: AuthorizationRuleDecision;
  readonly fails: readonly Condition[];
}

/** The outcome at a port. `bytes`: what holds where the first bytes were no HTTP (P28). */
export function decideAuthorization(
  { mtls, authorization, ofBytes }: Pick<Inbound, 'mtls' | 'authorization' | 'ofBytes'>,
  asked: SeenCall,
  bytes = false,
): AuthorizationDecision {
  // Without mesh TLS nobody has an identity (P43).
  const call = mtls.value === 'DISABLE' ? { ...asked, principal: null } : asked;
  const rules = bytes && ofBytes !== undefined ? ofBytes : authorization;
  if (mtls.value === 'STRICT' && call.principal === null) return { outcome: 'refused', why: 'strict', audited: [] };
  const audited = matching(rules.audit ?? [], call);
  const decided = withCustom(rules, call, decideRules(rules, call));
  if (rules.dryRun === undefined) return { ...decided, audited };
  const { outcome, why, by } = decideRules(rules.dryRun, call);
  return { ...decided, audited, dryRun: { outcome, why, ...(by && { by }) } };
}

type Decided = Omit<AuthorizationDecision, 'audited' | 'dryRun'>;

/** P39: what an authorizer would allow the other rules may refuse all the same. */
function withCustom({ custom }: Authorization, call: SeenCall, decided: Decided): Decided {
  if (custom === undefined || decided.outcome !== 'allowed') return decided;
  const [by] = matching(custom.rules, call);
  if (by !== undefined) return { outcome: 'asked', why: 'custom', by };
  const depends = undecided(custom.rules, call);
  return depends.length === 0 ? decided : { outcome: 'unknown', why: 'depends', depends };
}

function decideRules({ deny, allow }: Pick<Authorization, 'deny' | 'allow'>, call: SeenCall): Decided {
  const [refusing] = matching(deny, call);
  if (refusing !== undefined) return { outcome: 'refused', why: 'deny', by: refusing };
  const mayAllow = allow?.map((rule) => ruleHolds(rule, call));
  if (allow !== undefined && mayAllow?.every((truth) => truth === false) === true) {
    const nearest = nearestRule(allow, call);
    return { outcome: 'refused', why: 'no-allow-rule', ...(nearest && { nearest }) };
  }
  const unsure = undecided(deny, call);
  const allowing = allow === undefined ? [] : matching(allow, call);
  if (unsure.length > 0) return { outcome: 'unknown', why: 'depends', depends: unsure };
  if (allow === undefined) return { outcome: 'allowed', why: 'no-allow-policy' };
  const [by] = allowing;
  if (by !== undefined) return { outcome: 'allowed', why: 'allow', by };
  return { outcome: 'unknown', why: 'depends', depends: undecided(allow, call) };
}

function ruleHolds({ caller, operation }: AuthorizationRuleDecision, call: SeenCall): Truth {
  return every([holds(caller, call), holds(operation, call)]);
}

/** Envoy keeps rules by id and names the first that matches. */
function matching(rules: readonly AuthorizationRuleDecision[], call: SeenCall): readonly AuthorizationRuleDecision[] {
  return rules.filter((rule) => ruleHolds(rule, call) === true).sort((a, b) => compareText(a.id, b.id));
}

function undecided(rules: readonly AuthorizationRuleDecision[], call: SeenCall): readonly AuthorizationRuleDecision[] {
  return rules.filter((rule) => ruleHolds(rule, call) === undefined);
}

/** A claim that does not say who somebody is. */
function isDetail(condition: Condition): boolean {
  return condition.kind === 'claim' && !['iss', 'sub'].includes(condition.path[0] ?? '');
}

/**
 * The rule that would allow the call with the least changed; of equals the one whose operation it is, then the one that names its caller,
 * then the one that says less of operations, then the first written. What is not known counts as much as what fails.
 */
function nearestRule(rules: readonly AuthorizationRuleDecision[], call: SeenCall): NearestRule | undefined {
  const open = (condition: Condition): readonly Condition[] => {
    if (condition.kind === 'all') return condition.of.flatMap(open);
    return holds(condition, call) === true ? [] : [condition];
  };
  const candidates = rules.map((rule) => {
    const [caller, operation] = [open(rule.caller), open(rule.operation)];
    const unmet = [...caller, ...operation];
    const fails = unmet.filter((condition) => holds(condition, call) === false);
    const strangers = caller.filter((condition) => !isDetail(condition)).length;
    const isAboutIt = rule.operation.kind !== 'always' && operation.length === 0;
    const others = isAboutIt ? 0 : 1;
    return { rule, others, strangers, operations: operation.length, unmet: unmet.length, fails };
  });
  const [nearest] = candidates.sort(
    (a, b) => a.unmet - b.unmet || a.others - b.others || a.strangers - b.strangers || a.operations - b.operations,
  );
  return nearest && { rule: nearest.rule, fails: nearest.fails };
}
