import { isLabel } from '../../model/identity.ts';
import { nearestName } from '../../model/nearest-name.ts';
import type { LowerContext } from '../kind-definition.ts';
import { textRules } from '../text-rules.ts';

/** P43: `<trust domain>/ns/<namespace>/sa/<service account>`, or a form of P42 with a star at one end. */
export function checkPrincipals(values: readonly string[] | undefined, field: string, context: LowerContext): void {
  (values ?? []).forEach((value, index) => {
    const starred = value === '*' || value.startsWith('*') !== value.endsWith('*');
    const bare = value.replace(/^spiffe:\/\//, '');
    if (bare === value && (starred || /^[^/*]+\/ns\/[^/*]+\/sa\/[^/*]+$/.test(value))) return;
    const account = /^(?:(?:ns\/)?([a-z0-9-]+)\/(?:sa\/)?)?([a-z0-9-]+)$/.exec(bare);
    const corrected =
      /^[^/*]+\/ns\/[^/*]+\/sa\/[^/*]+$/.test(bare) || (bare !== value && (bare.startsWith('*') || bare.endsWith('*')))
        ? bare
        : `cluster.local/ns/${account?.[1] ?? context.namespace}/sa/${account?.[2] ?? '<account>'}`;
    const message = `principal ${JSON.stringify(value)} is not {td}/ns/{ns}/sa/{sa}`;
    context.report('WEFT0158', `${field}[${index}]`, message, `write ${JSON.stringify(corrected)}`);
  });
}

/** P42: `sa` (of the policy's namespace) or `ns/sa`. */
export function checkServiceAccounts(
  values: readonly string[] | undefined,
  field: string,
  context: LowerContext,
): void {
  (values ?? []).forEach((value, index) => {
    const parts = value.split('/');
    if (parts.length <= 2 && parts.every(isLabel)) return;
    if (parts.length <= 2 && parts.every((part) => part !== '' && textRules.name(part) === undefined)) {
      // Kubernetes has such accounts; here an account becomes a part of a SPIFFE ID, whose parts are labels.
      context.refuse(`${field}[${index}]`, 'T2', value, {
        hint: 'give the callers an account without dots, and name that',
      });
      return;
    }
    const message = `expected an account or namespace/account, got ${JSON.stringify(value)}`;
    context.report(
      'WEFT0002',
      `${field}[${index}]`,
      message,
      'write account or namespace/account, without stars and trust domain',
    );
  });
}

/** What to do about a condition that cannot be checked, so that nobody gets in who did not. */
export const refusesMore =
  'in an ALLOW policy remove the whole rule, in a DENY policy this alone: both refuse more than the rule did, not less';

/** P42: what a path with braces may be. */
export function checkPaths(values: readonly string[] | undefined, field: string, context: LowerContext): void {
  (values ?? []).forEach((value, index) => {
    const problem = templateProblem(value);
    if (problem !== undefined) context.report('WEFT0002', `${field}[${index}]`, problem.message, problem.hint);
  });
}

/** Why a path is no template, though it has braces. */
export function templateProblem(path: string): { readonly message: string; readonly hint: string } | undefined {
  if (!/[{}]/.test(path)) return undefined;
  const parts = path.split('/');
  const isOperator = (part: string) => part === '{*}' || part === '{**}';
  const strange = parts.find((part) => /[{}]/.test(part) && !isOperator(part));
  if (strange !== undefined) {
    const message = `expected braces as {*} or {**} alone between slashes, got ${JSON.stringify(strange)}`;
    return { message, hint: 'write the path without braces' };
  }
  const starred = parts.find((part) => part.includes('*') && !isOperator(part));
  if (starred !== undefined) {
    const message = `expected no star beside braces, got ${JSON.stringify(starred)}`;
    return { message, hint: 'write {*} for one segment, {**} at the end for any number' };
  }
  const rest = parts.slice(parts.indexOf('{**}') + 1);
  if (!parts.includes('{**}') || !rest.some(isOperator)) return undefined;
  const message = `expected {**} as the last operator, got ${JSON.stringify(path)}`;
  return { message, hint: 'only names may follow {**}' };
}

type Kind = 'request-principal' | 'ip' | 'port' | 'principal' | 'account' | 'trust-domain' | 'text';
/** The keys of section 3.4, and what their values are. */
const keys: Readonly<Record<string, Kind>> = {
  'source.ip': 'ip',
  'source.namespace': 'text',
  'source.serviceAccount': 'account',
  'source.trustDomain': 'trust-domain',
  'source.principal': 'principal',
  'remote.ip': 'ip',
  'destination.ip': 'ip',
  'destination.port': 'port',
  'connection.sni': 'text',
  'request.auth.principal': 'request-principal',
  'request.auth.audiences': 'text',
  'request.auth.presenter': 'text',
};
/** What `when[].key` may be, as messages and the support page list it. */
export const conditionKeys: readonly string[] = [
  ...Object.keys(keys),
  'request.auth.claims[name]',
  'request.headers[name]',
];

/** P44: who is meant needs an issuer and a subject, but for stars. */
export function checkRequestPrincipals(
  values: readonly string[] | undefined,
  field: string,
  context: LowerContext,
): void {
  (values ?? []).forEach((value, index) => {
    if (value.includes('/') || value.startsWith('*') || value.endsWith('*')) return;
    const message = `no request has ${JSON.stringify(value)}: a request principal is {issuer}/{subject}`;
    context.report(
      'WEFT0165',
      `${field}[${index}]`,
      message,
      `write ${JSON.stringify(`${value}/*`)} for all of an issuer`,
    );
  });
}

const rules = { ip: 'ip-or-cidr', port: 'port-text', 'trust-domain': 'trust-domain-pattern' } as const;

interface Condition {
  readonly key: string;
  readonly values?: readonly string[] | undefined;
  readonly notValues?: readonly string[] | undefined;
}

/** One entry of `when[]`: a key of section 3.4 with values of its kind. */
export function checkCondition(condition: Condition, path: string, context: LowerContext): void {
  const { key } = condition;
  if (!condition.values && !condition.notValues) {
    context.report('WEFT0002', path, 'expected "values" or "notValues", which is required', 'add values: [VALUE]');
  }
  if (key.startsWith('experimental.envoy.filters.')) {
    context.refuse(`${path}.key`, 'T2', key, { hint: refusesMore });
    return;
  }
  if (/^request\.auth\.claims(?:\[[^[\]]+\])+$/.test(key)) return;
  if (/^request\.headers\[[^[\]]+\]$/.test(key)) {
    const expected = textRules['header-name'](key.slice('request.headers['.length, -1));
    if (expected)
      context.report(
        'WEFT0002',
        `${path}.key`,
        `expected ${expected} in brackets, got ${JSON.stringify(key)}`,
        'write request.headers[x-user], with the name of a header',
      );
    return;
  }
  const kind = Object.hasOwn(keys, key) ? keys[key] : undefined;
  if (!kind) {
    const near = nearestName(key, conditionKeys);
    const hint = near ? `did you mean ${JSON.stringify(near)}?` : `known: ${conditionKeys.join(', ')}`;
    context.report('WEFT0002', `${path}.key`, `expected a key that rules know, got ${JSON.stringify(key)}`, hint);
    return;
  }
  for (const side of ['values', 'notValues'] as const) checkValues(condition[side], kind, `${path}.${side}`, context);
}

function checkValues(values: readonly string[] | undefined, kind: Kind, field: string, context: LowerContext): void {
  if (kind === 'principal') checkPrincipals(values, field, context);
  else if (kind === 'account') checkServiceAccounts(values, field, context);
  else if (kind === 'request-principal') checkRequestPrincipals(values, field, context);
  else if (kind !== 'text') {
    const expectation = textRules[rules[kind]];
    (values ?? []).forEach((value, index) => {
      const expected = expectation(value);
      if (!expected) return;
      context.report(
        'WEFT0002',
        `${field}[${index}]`,
        `expected ${expected}, got ${JSON.stringify(value)}`,
        `write ${expected}`,
      );
    });
  }
}
