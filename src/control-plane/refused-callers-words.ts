import { compareText } from '../model/compare-text.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { AuthorizationPolicyObject } from '../model/policy.ts';
import { provenance, refOf } from '../model/policy-provenance.ts';
import type { RecentCaller } from '../model/registry-knowledge.ts';
import { severityOf } from '../policy/diagnostic-codes.ts';

/** How many are named; the rest are counted. */
const mostNamed = 5;

/** WEFT0151 of a policy. `rule`: the position of the DENY rule that refuses them; absent: no ALLOW rule lets them in. */
export function refusedCallersFinding(
  policy: AuthorizationPolicyObject,
  rule: number | undefined,
  callers: readonly RecentCaller[],
): Diagnostic {
  const sorted = [...callers].sort((a, b) => b.requests - a.requests || compareText(a.name, b.name));
  const shown = sorted.slice(0, mostNamed);
  const named = shown.map(({ name, service, namespace, requests }) => {
    return `${name} to ${service}.${namespace} (${requests.toLocaleString('en-US')})`;
  });
  const more = sorted.length > mostNamed ? `, ${sorted.length - mostNamed} more` : '';
  const principals = [...new Set(shown.flatMap(({ principal }) => principal ?? []))];
  const mend = rule === undefined ? letIn(policy, principals) : leaveOut(policy, rule, principals);
  const { at, field } = provenance(policy, rule === undefined ? 'spec.rules' : `spec.rules[${rule}]`);
  return {
    code: 'WEFT0151',
    severity: severityOf('WEFT0151'),
    message: `${policy.spec.action} policy would refuse callers of the last hour: ${named.join(', ')}${more}`,
    hint: `${mend}, or see what it would do first: annotation istio.io/dry-run: "true"`,
    at,
    object: refOf(policy),
    field,
  };
}

/** Where an ALLOW policy names callers, else a rule that would. */
function letIn({ spec }: AuthorizationPolicyObject, principals: readonly string[]): string {
  if (principals.length === 0) return 'who calls in plaintext has no identity to add: let it join the mesh';
  const names = principals.join(', ');
  if (spec.rules.length === 0) return `let them in by another policy: from: [{source: {principals: [${names}]}}]`;
  for (const [index, { from }] of spec.rules.entries()) {
    const source = from.findIndex((one) => one.principals.length > 0);
    if (source !== -1) return `add ${names} to spec.rules[${index}].from[${source}].source.principals`;
  }
  return `add a rule to spec.rules: from: [{source: {principals: [${names}]}}]`;
}

/** Where a DENY rule names callers, else how it does not mean them. */
function leaveOut({ spec }: AuthorizationPolicyObject, rule: number, principals: readonly string[]): string {
  if (principals.length === 0) return 'who calls in plaintext has no identity to except: let it join the mesh';
  const names = principals.join(', ');
  const from = spec.rules[rule]?.from ?? [];
  const source = from.findIndex((one) => principals.every((name) => one.principals.includes(name)));
  if (source !== -1) return `take ${names} out of spec.rules[${rule}].from[${source}].source.principals`;
  if (from.length === 0) return `except them in spec.rules[${rule}]: from: [{source: {notPrincipals: [${names}]}}]`;
  return `except ${names} by notPrincipals in each source of spec.rules[${rule}].from`;
}
