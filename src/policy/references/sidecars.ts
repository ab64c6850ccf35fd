import type { SidecarObject } from '../../model/policy.ts';
import { selects } from '../../model/selector.ts';
import { checkCircles } from './circles.ts';
import { ofKind, placeOf, type ReferenceScope, relatedTo, reportAt } from './reference-scope.ts';
import { portsUsed } from './service-workloads.ts';
import { checkSharedSockets } from './shared-sockets.ts';
import { type SidecarClients, sidecarClients } from './sidecar-clients.ts';
import { checkSidecarImports } from './sidecar-imports.ts';
import { checkSidecarRoutes } from './sidecar-routes.ts';

/** What Sidecars name, and whether two of them meet: WEFT0112 to 0114, 0136, 0140, 0166, 0172, 0174, 0183, 0184 and 0185. */
export function checkSidecars(scope: ReferenceScope): void {
  if (!scope.policies.some(({ kind }) => kind === 'Sidecar')) return;
  checkTwins(scope);
  const all = sidecarClients(scope);
  for (const clients of all) {
    checkIngress(scope, clients);
    checkSharedSockets(scope, clients);
  }
  if (!scope.services) return;
  checkSidecarImports(scope, all);
  checkSidecarRoutes(scope, all);
  checkCircles(scope, all);
}

/** P7: one Sidecar for each selector of a namespace, and one without. Two selectors that meet on a workload are told as a warning. */
function checkTwins(scope: ReferenceScope): void {
  const byNamespace = new Map<string, SidecarObject[]>();
  for (const sidecar of ofKind(scope, 'Sidecar')) {
    const others = byNamespace.get(sidecar.namespace) ?? [];
    for (const other of others) reportTwins(scope, other, sidecar);
    byNamespace.set(sidecar.namespace, [...others, sidecar]);
  }
}

function reportTwins(scope: ReferenceScope, first: SidecarObject, second: SidecarObject): void {
  const [one, other] = [first.spec.workloadSelector, second.spec.workloadSelector];
  const field = other === undefined ? 'metadata.name' : 'spec.workloadSelector';
  const at = one === undefined ? 'metadata.name' : 'spec.workloadSelector';
  const tell = (what: string, severity: 'error' | 'warning', hint: string) =>
    reportAt(
      scope,
      'WEFT0183',
      second,
      field,
      `two Sidecars apply to ${what}`,
      `${hint}; other: ${placeOf(first, at)}`,
      {
        severity,
        related: relatedTo(first, at, 'the other'),
      },
    );
  if (selectorText(first) === selectorText(second)) {
    const labels = Object.entries(other ?? {}).map(([key, value]) => `${key}: ${value}`);
    const whom = labels.length === 0 ? 'all workloads' : `workloads with ${labels.join(', ')}`;
    tell(`${whom} in ${second.namespace}`, 'error', 'keep one');
    return;
  }
  if (one === undefined || other === undefined) return;
  const both = (scope.workloads ?? []).find(
    ({ namespace, labels }) => namespace === second.namespace && selects(one, labels) && selects(other, labels),
  );
  const [acting] = [first.name, second.name].sort();
  if (both) tell(both.id, 'warning', `${acting} acts there, the first by name; keep one`);
}

function selectorText({ spec }: SidecarObject): string {
  return JSON.stringify(spec.workloadSelector && Object.entries(spec.workloadSelector).sort());
}

/** Ports that a workload did not join with (WEFT0113), and those whose Service says another protocol (WEFT0184). */
function checkIngress(scope: ReferenceScope, { sidecar, workloads = [] }: SidecarClients): void {
  const services = ofKind(scope, 'Service');
  sidecar.spec.ingress.forEach(({ port, protocol }, index) => {
    const field = `spec.ingress[${index}].port`;
    const without = workloads.find((each) => each.source === 'proxy' && !each.ports.some((own) => own.port === port));
    if (without) {
      const message = `workload ${without.id} did not join with port ${port}: no service leads there`;
      const hint = `start it with weft run --port ${port}; its ports: ${portsText(without.ports.map((own) => own.port))}`;
      reportAt(scope, 'WEFT0113', sidecar, field, message, hint, { severity: 'warning' });
    }
    if (protocol === undefined) return;
    for (const workload of workloads) {
      const use = portsUsed(services, workload).find((each) => each.port === port && each.protocol !== protocol);
      if (!use?.by) continue;
      const { service, field: at } = use.by;
      const message = `workload port ${port} is ${protocol} for its Sidecar, ${use.protocol} for ${service.name}`;
      const hint = `the Sidecar's holds at the workload, the Service's at its callers; other: ${placeOf(service, at)}`;
      const related = relatedTo(service, at, use.protocol);
      reportAt(scope, 'WEFT0184', sidecar, field, message, hint, { severity: 'warning', related });
      return;
    }
  });
}

function portsText(ports: readonly number[]): string {
  return ports.join(', ') || 'none';
}
