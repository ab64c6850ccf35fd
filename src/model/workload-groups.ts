import type { PolicySet, WorkloadGroupObject } from './policy.ts';

/** The WorkloadGroups of a namespace by their names. */
export type GroupsOf = (namespace: string) => ReadonlyMap<string, WorkloadGroupObject>;

const noGroups: ReadonlyMap<string, WorkloadGroupObject> = new Map();
const memory = new WeakMap<PolicySet, ReadonlyMap<string, ReadonlyMap<string, WorkloadGroupObject>>>();

/** The groups of these policies. */
export function groupsOf(policies: PolicySet | undefined): GroupsOf {
  if (policies === undefined) return () => noGroups;
  const byNamespace = memory.get(policies) ?? indexed(policies);
  memory.set(policies, byNamespace);
  return (namespace) => byNamespace.get(namespace) ?? noGroups;
}

function indexed(policies: PolicySet): ReadonlyMap<string, ReadonlyMap<string, WorkloadGroupObject>> {
  const groups = new Map<string, Map<string, WorkloadGroupObject>>();
  for (const object of policies.objects) {
    if (object.kind !== 'WorkloadGroup') continue;
    const named = groups.get(object.namespace) ?? new Map<string, WorkloadGroupObject>();
    groups.set(object.namespace, named.set(object.name, object));
  }
  return groups;
}
