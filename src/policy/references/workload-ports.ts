import type { AuthorizationPolicyObject, PeerAuthenticationObject } from '../../model/policy.ts';
import { selects } from '../../model/selector.ts';
import type { Workload } from '../../model/workload.ts';
import { having } from './having.ts';
import { ofKind, type ReferenceScope, reportAt } from './reference-scope.ts';
import { objectsIn } from './scope-index.ts';
import { type PortUse, portsUsed } from './service-workloads.ts';
import { workloadsInReach } from './workload-selection.ts';

/** WEFT0113 as a warning: a port of portLevelMtls that no workload has of those that the policy is for (P29). */
export function checkPeerPorts(scope: ReferenceScope, policy: PeerAuthenticationObject): void {
  const written = Object.keys(policy.spec.portLevelMtls).map(
    (port) => [Number(port), `spec.portLevelMtls.${port}`] as const,
  );
  checkPorts(scope, policy, written);
}

/** The same of the ports that rules name: they do not act there, or on more than was meant. */
export function checkOperationPorts(scope: ReferenceScope, policy: AuthorizationPolicyObject): void {
  const written = policy.spec.rules.flatMap(({ to, when }, rule) => {
    const operations = to.flatMap((operation, index) =>
      (['ports', 'notPorts'] as const).flatMap((side) =>
        operation[side].map((port, at) => [port, `spec.rules[${rule}].to[${index}].operation.${side}[${at}]`] as const),
      ),
    );
    const conditions = when.flatMap(({ key, ...condition }, index) =>
      (['values', 'notValues'] as const).flatMap((side) =>
        key === 'destination.port'
          ? condition[side].map(
              (port, at) => [Number(port), `spec.rules[${rule}].when[${index}].${side}[${at}]`] as const,
            )
          : [],
      ),
    );
    return [...operations, ...conditions];
  });
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
  const uses: PortUse[] = [];
  for (const workload of having(workloadsInReach(scope, policy), policy.spec.selector ?? {})) {
    // Policies act in the proxy of the mesh.
    if (workload.identity === undefined) continue;
    const used = portsUsed(ofKind(scope, 'Service'), workload);
    uses.push(...used);
    const ports = portsOf(scope, workload, used);
    if (ports.length === 0) return;
    for (const port of ports) {
      known.add(port);
      missing.delete(port);
    }
    if (missing.size === 0) return;
  }
  if (known.size === 0) return;
  const sorted = [...known].sort((a, b) => a - b);
  for (const [port, field] of written) {
    if (!missing.has(port)) continue;
    const message = `no workload that this is for has port ${port}`;
    const hint =
      behind(uses, port, known) ??
      `ports of workloads, which are not those of Services: ${sorted.slice(0, 8).join(', ')}`;
    reportAt(scope, 'WEFT0113', policy, field, message, hint, { severity: 'warning' });
  }
}

/** Who names the port of a Service means the one behind it. */
function behind(uses: readonly PortUse[], port: number, known: ReadonlySet<number>): string | undefined {
  for (const { port: workloadPort, by } of uses) {
    if (by === undefined || !known.has(workloadPort)) continue;
    const { kind, name, spec } = by.service;
    const written = spec.ports.find((_, index) => by.field === `spec.ports[${index}]`);
    if (written?.port === port)
      return `port ${port} of ${kind} ${name} is port ${workloadPort} of its workloads: write ${workloadPort}`;
  }
  return undefined;
}

/** What a workload says itself, what leads to it, and what Sidecars of its namespace name. */
function portsOf(scope: ReferenceScope, workload: Workload, uses: readonly PortUse[]): readonly number[] {
  const own = workload.ports.map(({ port }) => port);
  const used = uses.map(({ port }) => port);
  const entries = objectsIn(scope, 'ServiceEntry', workload.namespace).flatMap(({ spec }) =>
    spec.workloadSelector && selects(spec.workloadSelector, workload.labels)
      ? spec.ports.map(({ port, targetPort }) => (typeof targetPort === 'number' ? targetPort : port))
      : [],
  );
  const ingress = objectsIn(scope, 'Sidecar', workload.namespace).flatMap(({ spec }) =>
    spec.ingress.map(({ port }) => port),
  );
  // A joined workload has those that it declares, whatever leads to it.
  const known = workload.source === 'proxy' ? own : [...own, ...used, ...entries];
  return known.length === 0 ? [] : [...known, ...ingress];
}
