import type { ProbeDecision } from '../model/ir-probe.ts';
import type { Mesh } from '../model/mesh.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Decided } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import type { ReadinessProbe } from '../model/workload-group.ts';
import { groupsOf } from '../model/workload-groups.ts';

interface Known {
  readonly of: ReadinessProbe;
  readonly probe: Decided<ProbeDecision>;
}

const memory = new WeakMap<Proxy, Known>();

/**
 * What the Envoy of a proxy tests of its application: the probe of its WorkloadGroup, where no `weft run` stands beside it. Commands are
 * nothing for an Envoy; whoever would need one was not let in. The same object while the probe is.
 */
export function resolveProbe({ policies, workloads }: Mesh, proxy: Proxy): Decided<ProbeDecision> | undefined {
  const name = workloads.get(proxy.id)?.group?.name;
  if (proxy.helped || name === undefined) return undefined;
  const group = groupsOf(policies)(proxy.namespace).get(name);
  const of = group?.spec.probe;
  if (group === undefined || of === undefined || of.check.kind === 'exec') return undefined;
  const known = memory.get(proxy);
  if (known?.of === of) return known.probe;
  const { initialDelay: _never, check, ...rest } = of;
  const { applicationAddress } = proxy;
  const probe = { value: { ...rest, check, applicationAddress }, by: provenance(group, 'spec.probe') };
  memory.set(proxy, { of, probe });
  return probe;
}
