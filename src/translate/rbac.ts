import type { Authorization, AuthorizationRuleDecision, Inbound } from '../model/ir-inbound.ts';
import type { ListenerTerms } from '../model/ir-mesh.ts';
import { type RBAC, RBAC_Action, RBACSchema } from '../proto/gen/envoy/config/rbac/v3/rbac_pb.ts';
import type { Matcher } from '../proto/gen/xds/type/matcher/v3/matcher_pb.ts';
import { message } from '../proto/message.ts';
import { rbacPermission } from './rbac-permission.ts';
import { rbacPrincipal } from './rbac-principal.ts';
import { ruleTree } from './rbac-tree.ts';

type Rule = Pick<AuthorizationRuleDecision, 'id' | 'caller' | 'operation'>;

/** The filters of authorization, in order (P39). */
export const authorizationSteps = ['custom', 'audit', 'deny', 'allow'] as const;
export type AuthorizationStep = (typeof authorizationSteps)[number];

/**
 * What one of them does: `rules` act, `shadowRules` are noted in the metadata of the request or connection, under their prefix. A matcher
 * says the same of many rules.
 */
export interface StepRules {
  readonly rules?: RBAC;
  readonly matcher?: Matcher;
  readonly shadowRules?: RBAC;
  readonly shadowMatcher?: Matcher;
}

export type RulesByStep = Readonly<Partial<Record<AuthorizationStep, StepRules>>>;

/**
 * What each step does about connections; a step without rules has none. CUSTOM notes whom the authorizer is asked about, AUDIT which of its
 * rules matched, dry-run policies what they alone would decide (P46).
 */
export function connectionRules(authorization: Authorization): RulesByStep {
  // Never a tree: without TLS it has no answer for them (decision 62), and a connection is judged once.
  return rulesOf(authorization, authorization.deny, () => undefined);
}

/**
 * The same for requests. Under STRICT a caller without an identity is refused, too: an open plaintext connection keeps the chain of
 * the mode before, and only what comes with the routes reaches it (E21).
 */
export function requestRules({ authorization, mtls, terms }: RequestPort): RulesByStep {
  const { deny } = authorization;
  const tree: Tree = (action, rules) => ruleTree(action, rules, terms.pathNormalization.value);
  return rulesOf(authorization, mtls.value === 'STRICT' ? [...deny, identityRequired] : deny, tree);
}

type RequestPort = Pick<Inbound, 'authorization' | 'mtls'> & {
  readonly terms: Pick<ListenerTerms, 'pathNormalization'>;
};
type Tree = (action: RBAC_Action.ALLOW | RBAC_Action.DENY, rules: readonly Rule[]) => Matcher | undefined;

const identityRequired: Rule = {
  id: 'mtls[STRICT]',
  caller: { kind: 'not', of: { kind: 'principal', match: { kind: 'present' } } },
  operation: { kind: 'always' },
};

const { ALLOW, DENY, LOG } = RBAC_Action;

function rulesOf({ custom, audit = [], allow, dryRun }: Authorization, deny: readonly Rule[], tree: Tree): RulesByStep {
  const wouldDeny = dryRun?.deny ?? [];
  return {
    ...(custom && { custom: { shadowRules: rbac(DENY, custom.rules) } }),
    // The rule that writes into a log leaves no word of itself; the other one leaves its id.
    ...(audit.length > 0 && { audit: { rules: rbac(LOG, audit), shadowRules: rbac(ALLOW, audit) } }),
    ...(deny.length + wouldDeny.length > 0 && {
      deny: {
        ...(deny.length > 0 && acting(DENY, deny, tree)),
        ...(wouldDeny.length > 0 && { shadowRules: rbac(DENY, wouldDeny) }),
      },
    }),
    ...((allow ?? dryRun?.allow) && {
      allow: {
        ...(allow && acting(ALLOW, allow, tree)),
        ...(dryRun?.allow && wouldAct(ALLOW, dryRun.allow, tree)),
      },
    }),
  };
}

function acting(action: typeof ALLOW | typeof DENY, rules: readonly Rule[], tree: Tree): StepRules {
  const matcher = tree(action, rules);
  return matcher ? { matcher } : { rules: rbac(action, rules) };
}

/** Of ALLOW alone: where nothing matches a tree of DENY, it notes a rule `none` that is none. */
function wouldAct(action: typeof ALLOW, rules: readonly Rule[], tree: Tree): StepRules {
  const shadowMatcher = tree(action, rules);
  return shadowMatcher ? { shadowMatcher } : { shadowRules: rbac(action, rules) };
}

/** Before the names of what the rules of a step leave in metadata and statistics. */
export const rulesPrefix: Readonly<Record<AuthorizationStep, string>> = {
  custom: 'weft_custom_',
  audit: 'weft_audit_',
  deny: 'weft_deny_',
  allow: 'weft_allow_',
};

/** The same for rules that are only noted. Those of dry-run are Istio's. */
export const shadowPrefix: Readonly<Record<AuthorizationStep, string>> = {
  custom: 'weft_custom_',
  audit: 'weft_audit_',
  deny: 'istio_dry_run_deny_',
  allow: 'istio_dry_run_allow_',
};

/** Policies carry the ids of their rules, so that a denial names its rule (P46, E34). */
function rbac(action: RBAC_Action, rules: readonly Rule[]): RBAC {
  const policies = rules.map(({ id, caller, operation }) => [
    id,
    { principals: [rbacPrincipal(caller)], permissions: [rbacPermission(operation)] },
  ]);
  return message(RBACSchema, { action, policies: Object.fromEntries(policies) });
}
