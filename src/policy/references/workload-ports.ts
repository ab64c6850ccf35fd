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
  const written = Object.keys(policy.spec.portLevelMtls).map(
    (port) => [Number(port), `spec.portLevelMtls.${port}`] as const,
  );
  checkPorts(scope, policy, written);
}

/** The same of `ports` of a rule: it does not act, or refuses what it was to allow. */
export function checkOperationPorts(scope: ReferenceScope, policy: AuthorizationPolicyObject): void {
  const written = policy.spec.rules.flatMap(({ to }, rule) =>
    to.flatMap(({ ports }, operation) =>
      ports.map((port, index) => [port, `spec.rules[${rule}].to[${operation}].operation.ports[${index}]`] as const),
    ),
  );
  checkPorts(scope, policy, written);
}

/** Nothing is said where of one of the workloads, or of nobody, no port is known. */
function checkPorts(
  scope: ReferenceScope,
  policy: PeerAuthenticationObject | AuthorizationPolicyObject,
  written: readonly (readonly [port: number, field: string])[],
): void {
  const missing = new Set(written.map(([port]) => port));
  if (missing.size === 0) return;
  const known = new Set<number>();
  for (const workload of having(workloadsInReach(scope, policy), policy.spec.selector ?? {})) {
    // Policies act in the proxy of the mesh.
    if (workload.identity === undefined) continue;
    const ports = portsOf(scope, workload);
    if (ports.length === 0) return;
    for (const port of ports) {
      known.add(port);
      missing.delete(port);
    }
    if (missing.size === 0) return;
  }
  if (known.size === 0) return;
  const sorted = [...known].sort((a, b) => a - b);
  for (const [port, field] of written) if (missing.has(port)) reportPort(scope, policy, field, port, sorted);
}

function reportPort(
  scope: ReferenceScope,
  policy: Policy,
  field: string,
  port: number,
  known: readonly number[],
): void {
  const message = `no workload that this is for has port ${port}`;
  const hint = `ports of workloads, which are not those of Services: ${known.slice(0, 8).join(', ')}`;
  reportAt(scope, 'WEFT0113', policy, field, message, hint, { severity: 'warning' });
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
