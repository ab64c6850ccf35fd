import type { AuthorizationPolicyObject, SidecarObject } from '../../model/policy.ts';
import type { Service } from '../../model/service.ts';
import type { Workload } from '../../model/workload.ts';
import { plainHost, resolveHost } from '../hosts.ts';
import { importsOf } from '../imports.ts';
import { chooseSidecar } from '../sidecar-choice.ts';
import { providerOf } from './authorizers.ts';
import { having } from './having.ts';
import { ofKind, placeOf, type ReferenceScope, relatedTo, reportAt } from './reference-scope.ts';
import { groupBy } from './scope-index.ts';
import { visibleTo } from './sidecar-clients.ts';
import { workloadsInReach } from './workload-selection.ts';

/**
 * WEFT0114, as a warning: a workload's Sidecar does not import the authorizer that its policies name, so nobody can be asked there and
 * what would be asked about is refused. Once for each policy and Sidecar.
 */
export function checkAuthorizerImports(scope: ReferenceScope): void {
  const byName = [...ofKind(scope, 'Sidecar')].sort((a, b) => (a.name < b.name ? -1 : 1));
  const sidecars = groupBy(byName, ({ namespace }) => namespace);
  if (!scope.workloads || sidecars.size === 0) return;
  const visible = visibleTo(scope);
  for (const policy of ofKind(scope, 'AuthorizationPolicy')) {
    const services = authorizersOf(scope, policy);
    if (services.length === 0) continue;
    const told = new Set<SidecarObject>();
    for (const workload of having(workloadsInReach(scope, policy), policy.spec.selector ?? {})) {
      const sidecar = sidecarOf(scope, sidecars, workload);
      if (sidecar?.spec.egress === undefined || told.has(sidecar)) continue;
      told.add(sidecar);
      const seen = visible(workload.namespace);
      const imported = new Set(
        sidecar.spec.egress.flatMap(({ hosts }) =>
          importsOf(hosts, seen, workload.namespace, scope.settings.dnsSuffix).map(({ service }) => service.key),
        ),
      );
      if (!services.some(({ key }) => imported.has(key))) reportMissing(scope, policy, sidecar, workload, services);
    }
  }
}

/** The services, of several namespaces perhaps, that the provider of a CUSTOM policy names; those that are not there are told elsewhere. */
function authorizersOf(scope: ReferenceScope, policy: AuthorizationPolicyObject): readonly Service[] {
  const provider = policy.spec.action === 'CUSTOM' ? providerOf(scope, policy) : undefined;
  if (provider === undefined) return [];
  const [host = '', named] = provider.service.split('/').reverse();
  const full = resolveHost(host, named ?? scope.settings.rootNamespace, scope.settings.dnsSuffix);
  return (scope.byHost.get(full) ?? []).filter(({ namespace }) => named === undefined || namespace === named);
}

function sidecarOf(
  scope: ReferenceScope,
  sidecars: ReadonlyMap<string, readonly SidecarObject[]>,
  { namespace, labels }: Workload,
): SidecarObject | undefined {
  const { rootNamespace } = scope.settings;
  return chooseSidecar(sidecars.get(namespace) ?? [], sidecars.get(rootNamespace) ?? [], labels);
}

function reportMissing(
  scope: ReferenceScope,
  policy: AuthorizationPolicyObject,
  sidecar: SidecarObject,
  workload: Workload,
  [service]: readonly Service[],
): void {
  if (service === undefined) return;
  const host = plainHost(service.host);
  const at = `spec.egress[${(sidecar.spec.egress ?? []).length - 1}].hosts`;
  const message = `${host} is not imported by the Sidecar of ${workload.id}: what would be asked about is refused`;
  const space = service.namespace === sidecar.namespace ? '.' : service.namespace;
  const hint = `add "${space}/${host}" at ${placeOf(sidecar, at)}`;
  const related = relatedTo(sidecar, at, 'imported hosts');
  reportAt(scope, 'WEFT0114', policy, 'spec.provider.name', message, hint, { severity: 'warning', related });
}
