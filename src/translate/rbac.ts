import type { Authorization, AuthorizationRuleDecision, Inbound } from '../model/ir-inbound.ts';
import { type RBAC, RBAC_Action, RBACSchema } from '../proto/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { message } from '../proto/message.ts';
import { rbacPermission } from './rbac-permission.ts';
import { rbacPrincipal } from './rbac-principal.ts';

type Rule = Omit<AuthorizationRuleDecision, 'by'>;

/** What the first filter enforces on connections: refused if one of the rules matches; undefined when there are none (P39). */
export function denyRules({ deny }: Authorization): RBAC | undefined {
  return deny.length === 0 ? undefined : rbac(RBAC_Action.DENY, deny);
}

/**
 * The same for requests. Under STRICT a caller without an identity is refused, too: an open plaintext connection keeps the chain of
 * the mode before, and only what comes with the routes reaches it (E21).
 */
export function requestDenyRules({
  authorization: { deny },
  mtls,
}: Pick<Inbound, 'authorization' | 'mtls'>): RBAC | undefined {
  const rules = mtls.value === 'STRICT' ? [...deny, identityRequired] : deny;
  return rules.length === 0 ? undefined : rbac(RBAC_Action.DENY, rules);
}

const identityRequired: Rule = {
  id: 'mtls[STRICT]',
  caller: { kind: 'not', of: { kind: 'principal', match: { kind: 'present' } } },
  operation: { kind: 'always' },
};

/** What the second filter enforces: allowed only if one of the rules matches; undefined when no ALLOW policy acts (P39, P40). */
export function allowRules({ allow }: Authorization): RBAC | undefined {
  return allow === undefined ? undefined : rbac(RBAC_Action.ALLOW, allow);
}

/** Policies carry the ids of their rules, so that a denial names its rule (P46, E34). */
function rbac(action: RBAC_Action, rules: readonly Rule[]): RBAC {
  const policies = rules.map(({ id, caller, operation }) => [
    id,
    { principals: [rbacPrincipal(caller)], permissions: [rbacPermission(operation)] },
  ]);
  return message(RBACSchema, { action, policies: Object.fromEntries(policies) });
}
