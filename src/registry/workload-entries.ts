import { compareText } from '../model/compare-text.ts';
import type { SpiffeId } from '../model/identity.ts';
import { spiffeId } from '../model/identity.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { PolicySet, WorkloadEntryObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Readable } from '../model/readable.ts';
import type { WorkloadEntrySpec } from '../model/registry-objects.ts';
import type { Workload, WorkloadPort } from '../model/workload.ts';
import { keepIdentity, keepMap } from './keep-identity.ts';

/**
 * The workloads of WorkloadEntry files, by id `<name>.<namespace>`, in the order of ids. They have an identity only if a mesh proxy
 * stands before them: `serviceAccount` is set or the label `security.istio.io/tlsMode` is `istio` (P35).
 */
export function workloadsOfEntries(
  policies: PolicySet,
  settings: MeshSettings,
  previous?: ReadonlyMap<string, Workload>,
): ReadonlyMap<string, Workload> {
  const workloads = policies.objects
    .filter((object) => object.kind === 'WorkloadEntry')
    .map((object) => workloadOfEntry(object, settings))
    .sort((a, b) => compareText(a.id, b.id));
  return keepMap(
    previous,
    new Map(workloads.map((workload) => [workload.id, keepWorkload(previous?.get(workload.id), workload)])),
  );
}

/** The registry source of WorkloadEntry files, level with the policies that are served. */
export function entryWorkloads(
  policies: Readable<PolicySet>,
  settings: MeshSettings,
): Readable<ReadonlyMap<string, Workload>> {
  let from: PolicySet | undefined;
  let current: ReadonlyMap<string, Workload> = new Map();
  const get = () => {
    const now = policies.get();
    if (now !== from) {
      current = workloadsOfEntries(now, settings, current);
      from = now;
    }
    return current;
  };
  get();
  return {
    get,
    watch(onChange) {
      let last = get();
      return policies.watch(() => {
        const now = get();
        if (now === last) return;
        last = now;
        onChange(now);
      });
    },
  };
}

/** Named ports of an entry; callers connect to the application itself, so both numbers are one. */
export function portsOfEntry(entry: WorkloadEntrySpec): readonly WorkloadPort[] {
  return Object.entries(entry.ports)
    .map(([name, port]) => ({ name, port, endpointPort: port }))
    .sort((a, b) => compareText(a.name, b.name));
}

/** Who answers at an entry's address, if a mesh proxy does (P35); without an account it is Kubernetes' `default`. */
export function entryIdentity(
  entry: WorkloadEntrySpec,
  namespace: string,
  settings: MeshSettings,
): SpiffeId | undefined {
  if (entry.serviceAccount === undefined && entry.labels['security.istio.io/tlsMode'] !== 'istio') return undefined;
  return spiffeId({
    trustDomain: settings.trustDomain,
    namespace,
    serviceAccount: entry.serviceAccount ?? 'default',
  });
}

function workloadOfEntry(object: WorkloadEntryObject, settings: MeshSettings): Workload {
  const { spec, namespace, name } = object;
  const entry = { ...spec, labels: { ...spec.labels, ...object.labels } };
  const identity = entryIdentity(entry, namespace, settings);
  return {
    id: `${name}.${namespace}`,
    name,
    namespace,
    // Both kinds of labels count; those of the metadata win (section 2).
    labels: entry.labels,
    ...(spec.serviceAccount === undefined ? {} : { serviceAccount: spec.serviceAccount }),
    ...(identity === undefined ? {} : { identity }),
    address: spec.address,
    ports: portsOfEntry(spec),
    ...(spec.locality === undefined ? {} : { locality: spec.locality }),
    weight: spec.weight ?? 1,
    health: 'healthy',
    source: 'file',
    by: provenance(object, 'spec.address'),
  };
}

/** A workload is the same if only the commit that it is read from is another. */
function keepWorkload(previous: Workload | undefined, next: Workload): Workload {
  if (previous?.by === undefined || next.by === undefined) return keepIdentity(previous, next);
  return keepIdentity(previous, { ...next, by: { ...next.by, commit: previous.by.commit } }) === previous
    ? previous
    : next;
}
