import type { AuthorizationPolicyObject } from '../../model/policy.ts';
import type { AuthorizationPolicySpec } from '../../model/security-policy.ts';
import { type LowerContext, securityVersions, supportedKind } from '../kind-definition.ts';
import type { Infer, TextRule } from '../shape.ts';
import { anyText, choice, list, object, refused, row, someOf, text } from '../shape-builders.ts';
import { checkOperation, checkSource, checkWhen } from './authorization-forms.ts';
import {
  checkCondition,
  checkPaths,
  checkPrincipals,
  checkServiceAccounts,
  conditionKeys,
  refusesMore,
} from './authorization-values.ts';
import { beside, matchLabels, present } from './common.ts';
import { oneTarget, targets } from './target-ref.ts';

const some = (rule?: TextRule) => someOf(text(rule));

const accounts = someOf(text('no-star', { maxLength: 320 }), { max: 16 });

const source = object(
  {
    principals: some(),
    notPrincipals: some(),
    namespaces: some(),
    notNamespaces: some(),
    serviceAccounts: accounts,
    notServiceAccounts: accounts,
    trustDomains: some('trust-domain-pattern'),
    notTrustDomains: some('trust-domain-pattern'),
    ipBlocks: some('ip-or-cidr'),
    notIpBlocks: some('ip-or-cidr'),
    remoteIpBlocks: some('ip-or-cidr'),
    notRemoteIpBlocks: some('ip-or-cidr'),
    requestPrincipals: row(refused('T1', list(text()), { hint: refusesMore }), 'T1', 'issuer and subject of the token'),
    notRequestPrincipals: row(
      refused('T1', list(text()), { hint: refusesMore }),
      'T1',
      'issuer and subject of the token',
    ),
  },
  { nonEmpty: true },
);

const operation = object(
  {
    hosts: some(),
    notHosts: some(),
    methods: some(),
    notMethods: some(),
    paths: some(),
    notPaths: some(),
    ports: some('port-text'),
    notPorts: some('port-text'),
  },
  { nonEmpty: true },
);

const condition = object({ key: text(), values: some(), notValues: some() }, { required: ['key'] });

const rule = object({
  from: row(someOf(object({ source }, { required: ['source'] }), { max: 512 }), 'T0', 'principals of RBAC'),
  to: row(
    someOf(object({ operation }, { required: ['operation'] })),
    'T0',
    'permissions of RBAC; ports decided per chain',
  ),
  when: row(someOf(condition), 'T0', `principals and permissions of RBAC, by ${conditionKeys.join(', ')}`),
});

/** Without an action a policy is ALLOW (D17), which is no less than what another action says. */
const insteadOfAction = {
  AUDIT: 'remove the policy, which decides nothing; without the action it would be ALLOW',
  CUSTOM:
    'write action: DENY without provider, which refuses what would have been asked; without the action it would be ALLOW',
};
const everyWorkload = 'remove the policy; without this it would act on every workload of its namespace';

const shape = object(
  {
    selector: row(matchLabels, 'T0', 'which workloads'),
    action: row(
      choice(['ALLOW', 'DENY'], { refused: { AUDIT: 'T1', CUSTOM: 'T1' }, hints: insteadOfAction }),
      'T0',
      'RBAC action',
      'D17',
    ),
    rules: list(rule, { max: 512 }),
    provider: row(refused('T1', object({ name: anyText }), { hint: insteadOfAction.CUSTOM }), 'T1', 'ext_authz'),
    targetRef: row(refused('T2', targets.targetRef, { hint: everyWorkload }), 'T2', 'a gateway of the Gateway API'),
    targetRefs: row(refused('T2', targets.targetRefs, { hint: everyWorkload }), 'T2', 'gateways of the Gateway API'),
  },
  { exclusive: [oneTarget] },
);

/** AuthorizationPolicy with ALLOW and DENY (P38 to P43). */
export const authorizationPolicy = supportedKind<typeof shape, AuthorizationPolicyObject>({
  kind: 'AuthorizationPolicy',
  apiVersions: securityVersions,
  security: true,
  spec: shape,
  lower(spec, context) {
    const action = spec.action ?? 'ALLOW';
    const rules = spec.rules ?? [];
    const labels = spec.selector?.matchLabels ?? {};
    if (action === 'DENY' && rules.length === 0) {
      context.report(
        'WEFT0157',
        spec.rules ? 'spec.rules' : 'spec.action',
        'DENY without rules never matches',
        '"rules: [{}]" means every request',
      );
    }
    return present<AuthorizationPolicySpec>({
      selector: Object.keys(labels).length > 0 ? labels : undefined,
      action,
      rules: rules.map((written, index) => lowerRule(written, `spec.rules[${index}]`, context)),
    });
  },
});

function lowerRule(
  written: Infer<typeof rule>,
  path: string,
  context: LowerContext,
): AuthorizationPolicySpec['rules'][number] {
  return {
    from: (written.from ?? []).map((entry, index) => lowerSource(entry.source, `${path}.from[${index}]`, context)),
    to: (written.to ?? []).map((entry, index) => lowerOperation(entry.operation, `${path}.to[${index}]`, context)),
    when: (written.when ?? []).map((entry, index) => {
      checkCondition(entry, `${path}.when[${index}]`, context);
      checkWhen(entry, `${path}.when[${index}]`, context);
      return { key: entry.key, values: entry.values ?? [], notValues: entry.notValues ?? [] };
    }),
  };
}

function lowerSource(
  written: Infer<typeof source>,
  path: string,
  context: LowerContext,
): AuthorizationPolicySpec['rules'][number]['from'][number] {
  const field = `${path}.source`;
  checkPrincipals(written.principals, `${field}.principals`, context);
  checkPrincipals(written.notPrincipals, `${field}.notPrincipals`, context);
  checkServiceAccounts(written.serviceAccounts, `${field}.serviceAccounts`, context);
  checkServiceAccounts(written.notServiceAccounts, `${field}.notServiceAccounts`, context);
  checkSource(written, field, context);
  const accounts = written.serviceAccounts
    ? 'serviceAccounts'
    : written.notServiceAccounts
      ? 'notServiceAccounts'
      : undefined;
  const others = (['principals', 'notPrincipals', 'namespaces', 'notNamespaces'] as const).find(
    (name) => written[name],
  );
  if (accounts && others) {
    const message = `${others} and ${accounts} exclude each other`;
    // Both must hold, and conditions of "when" hold beside the source.
    const key = others.toLowerCase().endsWith('principals') ? 'source.principal' : 'source.namespace';
    const side = others.startsWith('not') ? 'notValues' : 'values';
    const hint = `give the source a rule of its own, with ${others} in when as ${side} of ${key}: both hold then`;
    context.report('WEFT0137', `${field}.${accounts}`, message, hint, beside(context, field, others));
  }
  return {
    principals: written.principals ?? [],
    notPrincipals: written.notPrincipals ?? [],
    namespaces: written.namespaces ?? [],
    notNamespaces: written.notNamespaces ?? [],
    serviceAccounts: written.serviceAccounts ?? [],
    notServiceAccounts: written.notServiceAccounts ?? [],
    trustDomains: written.trustDomains ?? [],
    notTrustDomains: written.notTrustDomains ?? [],
    ipBlocks: written.ipBlocks ?? [],
    notIpBlocks: written.notIpBlocks ?? [],
    remoteIpBlocks: written.remoteIpBlocks ?? [],
    notRemoteIpBlocks: written.notRemoteIpBlocks ?? [],
    requestPrincipals: [],
    notRequestPrincipals: [],
  };
}

function lowerOperation(
  written: Infer<typeof operation>,
  path: string,
  context: LowerContext,
): AuthorizationPolicySpec['rules'][number]['to'][number] {
  checkPaths(written.paths, `${path}.operation.paths`, context);
  checkPaths(written.notPaths, `${path}.operation.notPaths`, context);
  checkOperation(written, `${path}.operation`, context);
  return {
    hosts: written.hosts ?? [],
    notHosts: written.notHosts ?? [],
    methods: written.methods ?? [],
    notMethods: written.notMethods ?? [],
    paths: written.paths ?? [],
    notPaths: written.notPaths ?? [],
    ports: (written.ports ?? []).map(Number),
    notPorts: (written.notPorts ?? []).map(Number),
  };
}
