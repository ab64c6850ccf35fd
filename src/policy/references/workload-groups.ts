import type { WorkloadGroupObject } from '../../model/policy.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';

/** WEFT0206: workloads that have joined a group and say of themselves what it says otherwise now. */
export function checkWorkloadGroup(scope: ReferenceScope, group: WorkloadGroupObject): void {
  const contradicting = (scope.workloads ?? []).filter(
    ({ namespace, group: joined }) =>
      namespace === group.namespace && joined?.name === group.name && joined.contradiction !== undefined,
  );
  const [first] = contradicting;
  if (first?.group?.contradiction === undefined) return;
  const more = contradicting.length === 1 ? '' : ` (and ${contradicting.length - 1} more)`;
  const message = `workload ${first.id}${more} says otherwise: ${first.group.contradiction}`;
  const hint = 'its next start is refused (WEFT0203): change the group, or what the workload says';
  reportAt(scope, 'WEFT0206', group, 'spec.template', message, hint);
}
