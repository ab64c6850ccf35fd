import type { PolicySet, WorkloadGroupObject } from '../model/policy.ts';
import { createCell, type Readable } from '../model/readable.ts';
import { differingKeys, withEntries } from '../model/sorted-map.ts';
import type { Workload } from '../model/workload.ts';
import { groupsOf } from '../model/workload-groups.ts';
import { bindToGroup } from './group-binding.ts';
import type { HealthRecord } from './join-health.ts';
import { keepIdentity, keepMap } from './keep-identity.ts';

type Workloads = ReadonlyMap<string, Workload>;

/** What was made of a workload last: who joins or is probed costs no look at all others. */
const memory = new WeakMap<
  Workload,
  { readonly group: WorkloadGroupObject; readonly health: HealthRecord | undefined; readonly made: Workload }
>();
/** Of a bound workload, how it joined. */
const origins = new WeakMap<Workload, Workload>();

/** Joined workloads as their groups make them. `previous` keeps what did not change; where nobody has a group it is the very map. */
export function bindMembers(
  joined: Workloads,
  policies: PolicySet | undefined,
  health: ReadonlyMap<string, HealthRecord>,
  previous?: Workloads,
): Workloads {
  if (!anyGrouped(joined)) return joined;
  const groups = groupsOf(policies);
  let isBound = false;
  const bound = new Map<string, Workload>();
  for (const [id, workload] of joined) {
    const group = workload.group && groups(workload.namespace).get(workload.group.name);
    isBound ||= group !== undefined;
    bound.set(id, group === undefined ? workload : boundTo(workload, group, health.get(id), previous?.get(id)));
  }
  return isBound ? keepMap(previous, bound) : joined;
}

/** The same where only the joined ones are others: it costs what changed. */
function bindChanged(
  before: Workloads,
  joined: Workloads,
  policies: PolicySet | undefined,
  health: ReadonlyMap<string, HealthRecord>,
  previous: Workloads,
): Workloads {
  const ids = differingKeys(before, joined);
  const changed = new Map<string, Workload>();
  for (const id of ids) {
    const workload = joined.get(id);
    if (workload !== undefined) changed.set(id, workload);
  }
  const bound = bindMembers(changed, policies, health, previous);
  // Where nobody has a group the bound ones are the very map of the joined ones.
  if (bound === changed && previous === before) return joined;
  return withEntries(previous, new Map([...ids].map((id) => [id, bound.get(id)])));
}

/** Most meshes have no groups: then a join costs no more than a look. */
function anyGrouped(joined: Workloads): boolean {
  for (const { group } of joined.values()) if (group !== undefined) return true;
  return false;
}

function boundTo(
  workload: Workload,
  group: WorkloadGroupObject,
  health: HealthRecord | undefined,
  previous: Workload | undefined,
): Workload {
  const known = memory.get(workload);
  if (known?.group === group && known.health === health) return known.made;
  const made = keepIdentity(previous, bindToGroup(workload, group, health));
  memory.set(workload, { group, health, made });
  origins.set(made, workload);
  return made;
}

/** A joined workload, bound or not, as the groups of other policies would make it; its health is what it is. */
export function boundBy(policies: PolicySet, workload: Workload): Workload {
  const { health, trouble } = workload;
  const joined = origins.get(workload) ?? workload;
  const group = joined.group && groupsOf(policies)(joined.namespace).get(joined.group.name);
  const made = bindToGroup(joined, group, undefined);
  return made === workload ? workload : { ...made, health, ...(trouble === undefined ? {} : { trouble }) };
}

/** The registry source of joined workloads: follows who joins, what git says of their groups, and what probes find. */
export function groupedMembers(of: {
  readonly joined: Readable<Workloads>;
  readonly policies: Readable<PolicySet | undefined>;
  readonly health: Readable<ReadonlyMap<string, HealthRecord>>;
}): Readable<Workloads> & { readonly close: () => void } {
  const { joined, policies, health } = of;
  const asked = () => ({ joined: joined.get(), policies: policies.get(), health: health.get() });
  let last = asked();
  const cell = createCell<Workloads>(bindMembers(last.joined, last.policies, last.health));
  const settle = () => {
    const [before, now] = [last, asked()];
    last = now;
    const isOnlyJoined = now.policies === before.policies && now.health === before.health;
    cell.set(
      isOnlyJoined
        ? bindChanged(before.joined, now.joined, now.policies, now.health, cell.get())
        : bindMembers(now.joined, now.policies, now.health, cell.get()),
    );
  };
  const unwatch = [joined.watch(settle), policies.watch(settle), health.watch(settle)];
  return {
    get: cell.get,
    watch: cell.watch,
    close() {
      for (const stop of unwatch) stop();
    },
  };
}
