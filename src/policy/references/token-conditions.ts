import type { AuthorizationPolicyObject } from '../../model/policy.ts';
import type { AuthorizationRule } from '../../model/security-policy.ts';
import { having } from './having.ts';
import { verifiesTokens } from './jwks.ts';
import { ofKind, type ReferenceScope, reportAt } from './reference-scope.ts';
import { workloadsInReach } from './workload-selection.ts';

/** A condition on a token: what it is called, its field below the rule, and whether it holds for whoever has none. */
interface Asked {
  readonly name: string;
  readonly field: string;
  readonly isNegation: boolean;
}

/** WEFT0161 (P44): a rule asks for what a token says, and nobody verifies tokens at a workload that the policy selects. Once for each rule. */
export function checkTokenConditions(scope: ReferenceScope, policy: AuthorizationPolicyObject): void {
  const asking = policy.spec.rules.map(askedOf);
  if (asking.every((asked) => asked === undefined)) return;
  const where = unverified(scope, policy);
  if (where === undefined) return;
  asking.forEach((asked, index) => {
    if (asked === undefined) return;
    const { name, field, isNegation } = asked;
    const message = `${name} needs a RequestAuthentication on ${where}`;
    const hint = `add one, or the rule ${isNegation ? 'takes every request for one without a token' : 'never matches'}`;
    reportAt(scope, 'WEFT0161', policy, `spec.rules[${index}].${field}`, message, hint);
  });
}

/** A workload at which tokens are not looked at, the first; without a registry, whether there can be one at which they are. */
function unverified(scope: ReferenceScope, policy: AuthorizationPolicyObject): string | undefined {
  const { rootNamespace } = scope.settings;
  if (scope.workloads) {
    const chosen = having(workloadsInReach(scope, policy), policy.spec.selector ?? {});
    return chosen.find((workload) => workload.identity !== undefined && !verifiesTokens(scope, workload))?.id;
  }
  const isForAll = policy.namespace === rootNamespace;
  const reaching = ofKind(scope, 'RequestAuthentication').some(
    ({ namespace, spec }) =>
      spec.rules.length > 0 && (isForAll || namespace === policy.namespace || namespace === rootNamespace),
  );
  return reaching ? undefined : `the workloads of ${isForAll ? 'any namespace' : `namespace ${policy.namespace}`}`;
}

function askedOf({ from, when }: AuthorizationRule): Asked | undefined {
  for (const [index, source] of from.entries()) {
    const name = (['requestPrincipals', 'notRequestPrincipals'] as const).find((each) => source[each].length > 0);
    if (name) return { name, field: `from[${index}].source.${name}`, isNegation: name === 'notRequestPrincipals' };
  }
  const index = when.findIndex(({ key }) => key.startsWith('request.auth.'));
  const condition = when[index];
  return condition && { name: condition.key, field: `when[${index}].key`, isNegation: condition.values.length === 0 };
}
