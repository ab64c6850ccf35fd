import type { AuthorizationPolicyObject, ServiceObject } from '../../model/policy.ts';
import { selects } from '../../model/selector.ts';
import type { Workload } from '../../model/workload.ts';
import { ofKind, type ReferenceScope, reportAt } from './reference-scope.ts';
import { groupBy, workloadsIn } from './scope-index.ts';
import { selected } from './service-workloads.ts';

/**
 * WEFT0155: nobody is refused at the workloads of a Service, as no policy that decides selects them. Told only where the mesh has such
 * policies at all: whoever has begun to say who may call whom wants to know what is left. Once for each Service.
 */
export function checkCovered(scope: ReferenceScope, service: ServiceObject): void {
  const own = workloadsIn(scope, service.namespace);
  const policies = deciding(ofKind(scope, 'AuthorizationPolicy'));
  if (own === undefined || policies.size === 0) return;
  const acting = [...new Set([service.namespace, scope.settings.rootNamespace])].flatMap(
    (namespace) => policies.get(namespace) ?? [],
  );
  const isOpen = ({ identity, labels }: Workload) =>
    identity !== undefined && !acting.some(({ spec }) => selects(spec.selector, labels));
  const [first, ...others] = selected(service, own).filter(isOpen);
  if (first === undefined) return;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const message = `${first.id}${more} is covered by no authorization policy: whoever reaches it is let in`;
  const hint = `add a default-deny policy: an AuthorizationPolicy with spec: {} in namespace ${service.namespace}, and one that allows its callers`;
  reportAt(scope, 'WEFT0155', service, 'spec.selector', message, hint);
}

const known = new WeakMap<readonly AuthorizationPolicyObject[], ByNamespace>();
type ByNamespace = ReadonlyMap<string, readonly AuthorizationPolicyObject[]>;

/** Those that decide, by namespace. Remembered on the list: it is asked for each Service. */
function deciding(policies: readonly AuthorizationPolicyObject[]): ByNamespace {
  const before = known.get(policies);
  if (before) return before;
  const made = groupBy(policies.filter(decides), ({ namespace }) => namespace);
  known.set(policies, made);
  return made;
}

/** AUDIT notes, and a policy in dry-run would decide. */
function decides({ spec: { action, dryRun } }: AuthorizationPolicyObject): boolean {
  return action !== 'AUDIT' && dryRun !== true;
}
