import type { Authorization, AuthorizationRuleDecision } from '../model/ir-inbound.ts';
import type { AuthorizationPolicyObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import { ruleConditions } from './authorization-rule.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Selected } from './mutual-tls.ts';
import type { PolicyIndex } from './policy-index.ts';
import { selecting } from './selecting.ts';

const none: readonly AuthorizationPolicyObject[] = [];

/** P38: the policies of the root namespace and of the workload's own whose selector fits; all act together. */
export function authorizationPolicies(
  index: PolicyIndex,
  settings: MeshDefaults,
  workload: Selected,
): readonly AuthorizationPolicyObject[] {
  const namespaces = [...new Set([settings.rootNamespace, workload.namespace])];
  return namespaces.flatMap((namespace) =>
    selecting(index.authorizationPolicies.get(namespace) ?? none, workload.labels, ({ spec }) => spec.selector),
  );
}

/**
 * P39 at one workload port: refused if a DENY rule matches, else allowed if no ALLOW policy selects the workload or one of their rules
 * matches. Rules that cannot match at this port are left out; the policies they stand in still count (P40).
 */
export function resolveAuthorization(
  settings: MeshDefaults,
  policies: readonly AuthorizationPolicyObject[],
  port: number,
  http: boolean,
): Authorization {
  const rulesOf = (action: 'ALLOW' | 'DENY') =>
    policies
      .filter(({ spec }) => spec.action === action)
      .flatMap((policy) => policyRules(settings, policy, port, http));
  const allowing = policies.some(({ spec }) => spec.action === 'ALLOW');
  return { deny: rulesOf('DENY'), allow: allowing ? rulesOf('ALLOW') : undefined };
}

function policyRules(
  settings: MeshDefaults,
  policy: AuthorizationPolicyObject,
  port: number,
  http: boolean,
): readonly AuthorizationRuleDecision[] {
  const { namespace, name } = policy;
  const { action, rules } = policy.spec;
  return rules.flatMap((rule, position) => {
    const { caller, operation } = ruleConditions({ settings, namespace, action, port, http }, rule);
    if (caller.kind === 'never' || operation.kind === 'never') return [];
    // P46: so that a denial names its rule.
    const id = `ns[${namespace}]-policy[${name}]-rule[${position}]`;
    return [{ id, by: provenance(policy, `spec.rules[${position}]`), caller, operation }];
  });
}
