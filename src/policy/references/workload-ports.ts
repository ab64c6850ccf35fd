import type { AuthorizationPolicyObject, PeerAuthenticationObject, Policy } from '../../model/policy.ts';
import { selects } from '../../model/selector.ts';
import type { Workload } from '../../model/workload.ts';
import { having } from './having.ts';
import { ofKind, type ReferenceScope, reportAt } from './reference-scope.ts';
import { objectsIn } from './scope-index.ts';
import { portsUsed } from './service-workloads.ts';
import { workloadsInReach } from './workload-selection.ts';

/** WEFT0113 as a warning: a port of portLevelMtls that no workload has of those that the policy is for (P29). */
export function checkPeerPorts(scope: ReferenceScope, policy: PeerAuthenticationObject): void {
  const written = Object.keys(policy.spec.portLevelMtls);
  const known = written.length === 0 ? undefined : portsInReach(scope, policy, policy.spec.selector);
  if (known === undefined) return;
  for (const port of written) {
    if (!known.includes(Number(port))) reportPort(scope, policy, `spec.portLevelMtls.${port}`, port, known);
  }
}

/** The same of `ports` of a rule: it does not act, or refuses what it was to allow. */
export function checkOperationPorts(scope: ReferenceScope, policy: AuthorizationPolicyObject): void {
  const written = policy.spec.rules.flatMap(({ to }, rule) =>
    to.flatMap(({ ports }, operation) =>
      ports.map((port, index) => [port, `spec.rules[${rule}].to[${operation}].operation.ports[${index}]`] as const),
    ),
  );
  const known = written.length === 0 ? undefined : portsInReach(scope, policy, policy.spec.selector);
  if (known === undefined) return;
  for (const [port, field] of written) {
    if (!known.includes(port)) reportPort(scope, policy, field, `${port}`, known);
  }
}

function reportPort(
  scope: ReferenceScope,
  policy: Policy,
  field: string,
  port: string,
  known: readonly number[],
): void {
  const message = `no workload that this is for has port ${port}`;
  const hint = `ports of workloads, which are not those of Services: ${known.slice(0, 8).join(', ')}`;
  reportAt(scope, 'WEFT0113', policy, field, message, hint, { severity: 'warning' });
}

/** The ports of all workloads of the mesh that a policy is for; undefined where of one of them, or of nobody, none is known. */
function portsInReach(
  scope: ReferenceScope,
  policy: PeerAuthenticationObject | AuthorizationPolicyObject,
  selector: Workload['labels'] | undefined,
): readonly number[] | undefined {
  const workloads = having(workloadsInReach(scope, policy), selector ?? {}).filter(
    ({ identity }) => identity !== undefined,
  );
  const ports = workloads.map((workload) => portsOf(scope, workload));
  if (ports.length === 0 || ports.some((list) => list.length === 0)) return undefined;
  return [...new Set(ports.flat())].sort((a, b) => a - b);
}

/** What a workload says itself, what leads to it, and what Sidecars of its namespace name. */
function portsOf(scope: ReferenceScope, workload: Workload): readonly number[] {
  const own = workload.ports.map(({ port }) => port);
  const used = portsUsed(ofKind(scope, 'Service'), workload).map(({ port }) => port);
  const entries = objectsIn(scope, 'ServiceEntry', workload.namespace).flatMap(({ spec }) =>
    spec.workloadSelector && selects(spec.workloadSelector, workload.labels)
      ? spec.ports.map(({ port, targetPort }) => (typeof targetPort === 'number' ? targetPort : port))
      : [],
  );
  const ingress = objectsIn(scope, 'Sidecar', workload.namespace).flatMap(({ spec }) =>
    spec.ingress.map(({ port }) => port),
  );
  const known = [...own, ...used, ...entries];
  return known.length === 0 ? [] : [...known, ...ingress];
}
