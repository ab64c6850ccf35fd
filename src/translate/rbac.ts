import type { Authorization, AuthorizationRuleDecision } from '../model/ir.ts';
import { type RBAC, RBAC_Action, RBACSchema } from '../proto/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { message } from '../proto/message.ts';
import { rbacPermission } from './rbac-permission.ts';
import { rbacPrincipal } from './rbac-principal.ts';

/** What the first filter enforces: refused if one of the rules matches; undefined when there are none (P39). */
export function denyRules({ deny }: Authorization): RBAC | undefined {
  return deny.length === 0 ? undefined : rbac(RBAC_Action.DENY, deny);
}

/** What the second filter enforces: allowed only if one of the rules matches; undefined when no ALLOW policy acts (P39, P40). */
export function allowRules({ allow }: Authorization): RBAC | undefined {
  return allow === undefined ? undefined : rbac(RBAC_Action.ALLOW, allow);
}

/** Policies carry the ids of their rules, so that a denial names its rule (P46, E34). */
function rbac(action: RBAC_Action, rules: readonly AuthorizationRuleDecision[]): RBAC {
  const policies = rules.map(({ id, caller, operation }) => [
    id,
    { principals: [rbacPrincipal(caller)], permissions: [rbacPermission(operation)] },
  ]);
  return message(RBACSchema, { action, policies: Object.fromEntries(policies) });
}
