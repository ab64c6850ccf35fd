import { nearestName } from '../../model/nearest-name.ts';
import type { AuthorizationPolicyObject } from '../../model/policy.ts';
import type { AuthorizationRule } from '../../model/security-policy.ts';
import { namespaceHint } from './known-namespaces.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';
import { accountsOf } from './scope-index.ts';

/** Who is named as a caller, below the field of a rule. */
interface Named {
  readonly as: 'principal' | 'namespace' | 'account' | 'trust-domain';
  readonly value: string;
  readonly field: string;
}

/**
 * WEFT0152, of sources and of `when`: exact principals, and service accounts, whose account no workload has; principals of a trust domain
 * that is not this mesh's, and such trust domains; namespaces with nobody.
 */
export function checkCallers(scope: ReferenceScope, policy: AuthorizationPolicyObject): void {
  const accounts = accountsOf(scope.workloads ?? []);
  for (const [index, rule] of policy.spec.rules.entries()) {
    for (const { as, value, field } of namedIn(rule)) {
      if (value.includes('*')) continue;
      const said = problemOf(scope, accounts, policy.namespace, as, value);
      if (said) reportAt(scope, 'WEFT0152', policy, `spec.rules[${index}].${field}`, said.message, said.hint);
    }
  }
}

function problemOf(
  scope: ReferenceScope,
  accounts: ReadonlySet<string>,
  namespace: string,
  as: Named['as'],
  value: string,
): Said | undefined {
  switch (as) {
    case 'namespace':
      return namespaceProblem(scope, value);
    case 'principal':
      return principalProblem(scope, accounts, value);
    case 'account':
      return accountProblem(accounts, value, value.includes('/') ? value : `${namespace}/${value}`);
    case 'trust-domain':
      return trustDomainProblem(scope, value);
    default:
      return as satisfies never;
  }
}

function namedIn({ from, when }: AuthorizationRule): readonly Named[] {
  const inSources = from.flatMap((source, index) =>
    sourceFields.flatMap(([name, as]) =>
      source[name].map((value, at): Named => ({ as, value, field: `from[${index}].source.${name}[${at}]` })),
    ),
  );
  const inConditions = when.flatMap((condition, index) => {
    const as = conditionKeys.get(condition.key);
    if (as === undefined) return [];
    return (['values', 'notValues'] as const).flatMap((side) =>
      condition[side].map((value, at): Named => ({ as, value, field: `when[${index}].${side}[${at}]` })),
    );
  });
  return [...inSources, ...inConditions];
}

const sourceFields = [
  ['principals', 'principal'],
  ['notPrincipals', 'principal'],
  ['namespaces', 'namespace'],
  ['notNamespaces', 'namespace'],
  ['serviceAccounts', 'account'],
  ['notServiceAccounts', 'account'],
  ['trustDomains', 'trust-domain'],
  ['notTrustDomains', 'trust-domain'],
] as const;

const conditionKeys: ReadonlyMap<string, Named['as']> = new Map([
  ['source.principal', 'principal'],
  ['source.namespace', 'namespace'],
  ['source.serviceAccount', 'account'],
  ['source.trustDomain', 'trust-domain'],
]);

interface Said {
  readonly message: string;
  readonly hint: string;
}

function namespaceProblem(scope: ReferenceScope, value: string): Said | undefined {
  const hint = namespaceHint(scope, value);
  return hint === undefined ? undefined : { message: `namespace ${JSON.stringify(value)} has no workload`, hint };
}

/** P43: as written, also `cluster.local`, which in a principal would be the mesh's own. */
function trustDomainProblem({ trustDomains }: ReferenceScope, value: string): Said | undefined {
  if (trustDomains.includes(value)) return undefined;
  const near = value === 'cluster.local' ? trustDomains[0] : nearestName(value, trustDomains);
  const hint = near
    ? `did you mean ${JSON.stringify(near)}?`
    : 'name it in trustDomainAliases of MeshConfig, if callers have it';
  return { message: `trust domain ${JSON.stringify(value)} is neither the mesh's nor an alias`, hint };
}

function principalProblem(
  { trustDomains }: ReferenceScope,
  accounts: ReadonlySet<string>,
  value: string,
): Said | undefined {
  const [domain = '', , namespace = '', , account = ''] = value.split('/');
  const known = ['cluster.local', ...trustDomains];
  if (known.includes(domain)) return accountProblem(accounts, value, `${namespace}/${account}`);
  const near = nearestName(domain, known);
  const hint = near
    ? `did you mean ${JSON.stringify(value.replace(domain, near))}?`
    : 'name it in trustDomainAliases of MeshConfig, if callers have it';
  const message = `principal ${JSON.stringify(value)}: the trust domain is neither the mesh's nor an alias`;
  return { message, hint };
}

function accountProblem(accounts: ReadonlySet<string>, value: string, account: string): Said | undefined {
  if (accounts.has(account)) return undefined;
  const near = nearestName(account, accounts);
  const hint = near
    ? `did you mean ${JSON.stringify(withAccount(value, near, account))}?`
    : 'correct it, or wait until the workload joins';
  return { message: `principal ${JSON.stringify(value)}: no workload has this account`, hint };
}

/** The value with the account `near` instead of `account`, in the form in which it was written. */
function withAccount(value: string, near: string, account: string): string {
  const [namespace = '', name = ''] = near.split('/');
  const parts = value.split('/');
  if (parts.length > 2) return [parts[0], 'ns', namespace, 'sa', name].join('/');
  return parts.length === 1 && account.startsWith(`${namespace}/`) ? name : near;
}
