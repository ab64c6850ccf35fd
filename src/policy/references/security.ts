import type { AuthorizationPolicyObject, PeerAuthenticationObject } from '../../model/policy.ts';
import type { AuthorizationAction, AuthorizationRule } from '../../model/security-policy.ts';
import { selects } from '../../model/selector.ts';
import type { Workload } from '../../model/workload.ts';
import { checkCallers } from './authorization-callers.ts';
import { having } from './having.ts';
import { type PeerMode, peerMode } from './peer-mode.ts';
import { ofKind, placeOf, type ReferenceScope, relatedTo, reportAt } from './reference-scope.ts';
import { workloadsIn } from './scope-index.ts';
import { checkTcpRules } from './tcp-authorization.ts';
import { workloadsInReach } from './workload-selection.ts';

/** WEFT0127, WEFT0152, WEFT0153, WEFT0154 and WEFT0164. */
export function checkAuthorization(scope: ReferenceScope, policy: AuthorizationPolicyObject): void {
  if (!scope.workloads) {
    checkTcpRules(scope, policy, undefined);
    return;
  }
  // Rules act in the mesh proxy, so only workloads that have one are looked at.
  const chosen = having(workloadsInReach(scope, policy), policy.spec.selector ?? {});
  const workloads = chosen.filter(({ identity }) => identity !== undefined);
  if (policy.spec.selector && workloads.length === 0) reportBare(scope, policy, chosen);
  checkCallers(scope, policy);
  checkPlaintext(scope, policy, workloads);
  checkTcpRules(scope, policy, workloads);
}

/** WEFT0127: all that a selector chooses has no proxy of the mesh, so that nothing judges who calls it (P35). */
function reportBare(scope: ReferenceScope, policy: AuthorizationPolicyObject, chosen: readonly Workload[]): void {
  const [first] = chosen;
  if (first === undefined) return;
  const others = chosen.length === 1 ? '' : ` and ${chosen.length - 1} more`;
  const message = `selector matches ${first.id}${others}, before which no proxy of the mesh stands: nobody is allowed or refused there`;
  const hint = 'run them with weft run, or state serviceAccount in their WorkloadEntry, if they have one';
  reportAt(scope, 'WEFT0127', policy, 'spec.selector', message, hint);
}

/** WEFT0182 (P33): the same namespace and the same selector twice; different selectors that meet on a workload are a warning. */
export function checkPeerScopes(scope: ReferenceScope): void {
  const policies = ofKind(scope, 'PeerAuthentication');
  const keyOf = ({ namespace, spec }: PeerAuthenticationObject) =>
    JSON.stringify([namespace, Object.entries(spec.selector ?? {}).sort()]);
  const before = new Map<string, PeerAuthenticationObject[]>();
  for (const policy of policies) {
    const others = before.get(policy.namespace) ?? [];
    before.set(policy.namespace, [...others, policy]);
    for (const other of others) {
      const twin = keyOf(other) === keyOf(policy);
      const both = [other, policy].every(({ spec }) => spec.selector);
      const reached = both ? having(workloadsIn(scope, policy.namespace) ?? [], policy.spec.selector ?? {}) : [];
      const workload = reached.find(({ labels }) => selects(other.spec.selector, labels));
      if (!twin && !workload) continue;
      const what = twin ? (policy.spec.selector ? 'one selector' : `namespace ${policy.namespace}`) : workload?.id;
      const at = 'spec.selector';
      const related = relatedTo(other, at, 'the other');
      const hint = `other: ${placeOf(other, at)}; ${twin ? 'keep the stricter one' : 'the strictest holds'}`;
      reportAt(scope, 'WEFT0182', policy, 'spec.selector', `two PeerAuthentications set ${what}`, hint, {
        related,
        severity: twin ? 'error' : 'warning',
      });
    }
  }
}

/** WEFT0154 (P43), once for each policy: where its rules first use an identity. */
function checkPlaintext(
  scope: ReferenceScope,
  policy: AuthorizationPolicyObject,
  workloads: readonly Workload[],
): void {
  const index = policy.spec.rules.findIndex((each) => identityField(each) !== undefined);
  const rule = policy.spec.rules[index];
  const field = rule && identityField(rule);
  if (rule === undefined || field === undefined) return;
  for (const workload of workloads) {
    const open = plaintextMode(scope, workload);
    if (open === undefined) continue;
    const { passes, hint } = inPlaintext(policy.spec.action, matchesWithout(rule, field));
    const message = asksForName(rule, field)
      ? `rule asks for the server name of TLS but ${workload.id} accepts plaintext, which has none${passes}`
      : `rule uses caller identity but ${workload.id} accepts plaintext${passes}`;
    const related = open.by && relatedTo(open.by.object, open.by.field, 'who says so');
    reportAt(scope, 'WEFT0154', policy, `spec.rules[${index}].${field}`, message, hint, {
      ...(related && { related }),
    });
    return;
  }
}

/** P43: what becomes of a call in plaintext, by whether it matches what the rule says of its caller. */
function inPlaintext(
  action: AuthorizationAction,
  matches: boolean,
): { readonly passes: string; readonly hint: string } {
  const isOpen = action === 'ALLOW' ? matches : action === 'DENY' && !matches;
  if (isOpen)
    return {
      passes: action === 'DENY' ? ', which this DENY lets pass' : ', which this ALLOW lets in',
      hint: 'set STRICT: who calls in plaintext has no identity, and is not refused',
    };
  if (action === 'ALLOW' || action === 'DENY') return { passes: '', hint: 'set STRICT, or expect refusals' };
  const what = action === 'CUSTOM' ? 'asked about' : 'noted';
  return { passes: '', hint: `set STRICT: calls in plaintext are ${matches ? what : `not ${what}`}` };
}

/** What is said of the caller there is met by a call that has none of it: there are negations alone. */
function matchesWithout(rule: AuthorizationRule, field: string): boolean {
  const source = rule.from.find((_, index) => field === `from[${index}]`);
  const condition = rule.when.find((_, index) => field === `when[${index}]`);
  const asked = source
    ? [source.principals, source.namespaces, source.serviceAccounts, source.trustDomains]
    : [condition?.values ?? []];
  return asked.every((values) => values.length === 0);
}

/** Not an identity, but as absent where nobody speaks TLS. */
const serverNameKey = 'connection.sni';

function asksForName(rule: AuthorizationRule, field: string): boolean {
  return rule.when.some(({ key }, index) => key === serverNameKey && field === `when[${index}]`);
}

function identityField(rule: AuthorizationRule): string | undefined {
  const source = rule.from.findIndex((one) =>
    [
      one.principals,
      one.notPrincipals,
      one.namespaces,
      one.notNamespaces,
      one.serviceAccounts,
      one.notServiceAccounts,
      one.trustDomains,
      one.notTrustDomains,
    ].some((values) => values.length > 0),
  );
  if (source !== -1) return `from[${source}]`;
  const keys = ['source.principal', 'source.namespace', 'source.serviceAccount', 'source.trustDomain', serverNameKey];
  const condition = rule.when.findIndex(({ key }) => keys.includes(key));
  return condition === -1 ? undefined : `when[${condition}]`;
}

/** P31: the mode of the first port of the workload that is not STRICT. */
function plaintextMode(scope: ReferenceScope, workload: Workload): PeerMode | undefined {
  const ports = workload.ports.length === 0 ? [undefined] : workload.ports.map(({ port }) => port);
  return ports.map((port) => peerMode(scope, workload, port)).find(({ mode }) => mode !== 'STRICT');
}
