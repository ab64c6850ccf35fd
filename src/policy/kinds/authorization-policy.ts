import type { AuthorizationPolicyObject } from '../../model/policy.ts';
import type { AuthorizationPolicySpec } from '../../model/security-policy.ts';
import { fieldPath } from '../field-path.ts';
import { type LowerContext, securityVersions, supportedKind } from '../kind-definition.ts';
import { dryRunAnnotation } from '../read-metadata.ts';
import type { Infer, TextRule } from '../shape.ts';
import { choice, list, object, refused, row, someOf, text } from '../shape-builders.ts';
import { checkOperation, checkSource, checkWhen } from './authorization-forms.ts';
import { checkToldAddresses } from './authorization-told.ts';
import {
  checkCondition,
  checkPaths,
  checkPrincipals,
  checkRequestPrincipals,
  checkServiceAccounts,
  conditionKeys,
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
    requestPrincipals: row(some(), 'T1', 'issuer and subject of the token, as jwt_authn leaves them'),
    notRequestPrincipals: row(some(), 'T1', 'the same'),
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

const everyWorkload = 'remove the policy; without this it would act on every workload of its namespace';

const shape = object(
  {
    selector: row(matchLabels, 'T0', 'which workloads'),
    action: row(choice(['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']), 'T0', 'RBAC action', 'D17'),
    rules: list(rule, { max: 512 }),
    provider: row(object({ name: text() }, { required: ['name'] }), 'T1', 'ext_authz'),
    targetRef: row(refused('T2', targets.targetRef, { hint: everyWorkload }), 'T2', 'a gateway of the Gateway API'),
    targetRefs: row(refused('T2', targets.targetRefs, { hint: everyWorkload }), 'T2', 'gateways of the Gateway API'),
  },
  { exclusive: [oneTarget] },
);

/** AuthorizationPolicy (P38 to P46). */
export const authorizationPolicy = supportedKind<typeof shape, AuthorizationPolicyObject>({
  kind: 'AuthorizationPolicy',
  apiVersions: securityVersions,
  security: true,
  spec: shape,
  lower(spec, context) {
    const action = spec.action ?? 'ALLOW';
    const rules = spec.rules ?? [];
    const labels = spec.selector?.matchLabels ?? {};
    if (action !== 'ALLOW' && rules.length === 0) {
      context.report(
        'WEFT0157',
        spec.rules ? 'spec.rules' : 'spec.action',
        `${action} without rules never matches`,
        '"rules: [{}]" means every request',
        action === 'AUDIT' ? { severity: 'warning' } : {},
      );
    }
    checkProvider(action, spec.provider?.name, context);
    return present<AuthorizationPolicySpec>({
      selector: Object.keys(labels).length > 0 ? labels : undefined,
      action,
      provider: spec.provider?.name,
      dryRun: isDryRun(action, context) ? true : undefined,
      rules: rules.map((written, index) => {
        if (action === 'CUSTOM') checkAsked(written, `spec.rules[${index}]`, context);
        if (action !== 'AUDIT') checkToldAddresses(written, `spec.rules[${index}]`, context);
        return lowerRule(written, `spec.rules[${index}]`, context);
      }),
    });
  },
});

/** WEFT0159 (P39): an authorizer is asked before anything else is looked at. */
function checkAsked(written: Infer<typeof rule>, path: string, context: LowerContext): void {
  const refuse = (field: string, name: string) =>
    context.report(
      'WEFT0159',
      field,
      `${name} cannot be used with CUSTOM`,
      'it runs before identity and tokens are known',
    );
  for (const [index, { source: from }] of (written.from ?? []).entries())
    for (const name of ofCallers) if (from[name]) refuse(`${path}.from[${index}].source.${name}`, name);
  for (const [index, { key }] of (written.when ?? []).entries())
    if (/^(?:request\.auth\.|source\.(?!ip$))/.test(key)) refuse(`${path}.when[${index}].key`, key);
}

const ofCallers = [
  'principals',
  'notPrincipals',
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
  'trustDomains',
  'notTrustDomains',
  'requestPrincipals',
  'notRequestPrincipals',
] as const;

function checkProvider(
  action: AuthorizationPolicySpec['action'],
  provider: string | undefined,
  context: LowerContext,
): void {
  if (action === 'CUSTOM' && provider === undefined) {
    const message = 'expected "provider" beside action: CUSTOM, which is required';
    context.report(
      'WEFT0002',
      'spec.action',
      message,
      'add provider: {name: NAME}, an extension provider of MeshConfig',
    );
  } else if (action !== 'CUSTOM' && provider !== undefined) {
    const hint = 'remove it, or write action: CUSTOM';
    context.report(
      'WEFT0137',
      'spec.provider',
      `provider and ${action} exclude each other`,
      hint,
      beside(context, 'spec', 'action'),
    );
  }
}

/** P46. What decides nothing anyway, or asks others, has no dry-run. */
function isDryRun(action: AuthorizationPolicySpec['action'], context: LowerContext): boolean {
  const written = context.annotations[dryRunAnnotation];
  if (written === undefined || written === 'false') return false;
  const field = fieldPath('metadata.annotations', dryRunAnnotation);
  if (written !== 'true') {
    const message = `expected "true" or "false", got ${JSON.stringify(written)}`;
    context.report('WEFT0002', field, message, 'write "true" or "false"; without the annotation the policy decides');
  } else if (action === 'AUDIT' || action === 'CUSTOM') {
    const message = `${dryRunAnnotation} and ${action} exclude each other`;
    const hint =
      action === 'AUDIT' ? 'remove it: AUDIT decides nothing' : 'remove the policy: without it nobody is asked';
    context.report('WEFT0137', field, message, hint, beside(context, 'spec', 'action'));
  }
  return true;
}

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
  checkRequestPrincipals(written.requestPrincipals, `${field}.requestPrincipals`, context);
  checkRequestPrincipals(written.notRequestPrincipals, `${field}.notRequestPrincipals`, context);
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
    requestPrincipals: written.requestPrincipals ?? [],
    notRequestPrincipals: written.notRequestPrincipals ?? [],
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
