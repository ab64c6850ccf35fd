import type { Authorizer } from '../model/authorizer.ts';
import type { Authorization, AuthorizationRuleDecision } from '../model/ir-inbound.ts';
import type { AuthorizationPolicyObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { AuthorizationAction } from '../model/security-policy.ts';
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
 * matches; what CUSTOM rules match is refused where nobody can be asked about it. Rules that cannot match at this port are left out; the policies they stand in still count (P40). Policies in dry-run are judged
 * alone, and nobody is refused because of them (P46).
 */
export function resolveAuthorization(
  settings: MeshDefaults,
  policies: readonly AuthorizationPolicyObject[],
  port: number,
  http: boolean,
  authorizer?: Authorizer,
): Authorization {
  const rulesOf = (some: readonly AuthorizationPolicyObject[], action: AuthorizationAction) =>
    some.filter(({ spec }) => spec.action === action).flatMap((policy) => policyRules(settings, policy, port, http));
  const decided = (some: readonly AuthorizationPolicyObject[]) => ({
    deny: rulesOf(some, 'DENY'),
    allow: some.some(({ spec }) => spec.action === 'ALLOW') ? rulesOf(some, 'ALLOW') : undefined,
  });
  const acting = policies.filter(({ spec }) => spec.dryRun !== true);
  const dry = policies.filter(({ spec }) => spec.dryRun === true);
  const audit = rulesOf(acting, 'AUDIT');
  const custom = rulesOf(acting, 'CUSTOM');
  const { deny, allow } = decided(acting);
  const closing = allow?.length === 0 ? acting.find(({ spec }) => spec.action === 'ALLOW') : undefined;
  const [first] = custom;
  // An authorizer that speaks HTTP has no words for a connection (P39).
  const asks = first !== undefined && authorizer !== undefined && (http || authorizer.http === undefined);
  return {
    ...(asks && { custom: { provider: authorizer.name, authorizer, by: first.by, rules: custom } }),
    ...(audit.length > 0 && { audit }),
    deny: asks ? deny : [...deny, ...custom],
    allow,
    ...(closing && { closedBy: provenance(closing, 'spec.rules') }),
    ...(dry.length > 0 && { dryRun: decided(dry) }),
  };
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
