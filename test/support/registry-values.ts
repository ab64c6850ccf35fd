import { spiffeId } from '../../src/model/identity.ts';
import type { MeshSettings } from '../../src/model/mesh.ts';
import type { Policy, PolicySet } from '../../src/model/policy.ts';
import type { ServiceEntrySpec, ServiceSpec, WorkloadEntrySpec } from '../../src/model/registry-objects.ts';
import type { Workload } from '../../src/model/workload.ts';

export const settings: MeshSettings = {
  trustDomain: 'demo.mesh',
  dnsSuffix: 'cluster.local',
  rootNamespace: 'istio-system',
};

export function policySet(...objects: readonly Policy[]): PolicySet {
  return { commit: objects[0]?.commit ?? 'c0', objects };
}

function object<Kind extends string, Spec>(kind: Kind, name: string, spec: Spec, namespace: string, commit: string) {
  const at = { file: `policies/${name}.yaml`, line: 1, column: 1, endLine: 2, endColumn: 1 };
  return { kind, namespace, name, labels: {}, annotations: {}, spec, at, commit, positions: new Map() };
}

export function service(name: string, spec: Partial<ServiceSpec> = {}, namespace = 'shop', commit = 'c0') {
  const ports = [{ name: 'http', port: 80, protocol: 'http', declared: true } as const];
  return object(
    'Service',
    name,
    { selector: { app: name }, ports, addresses: [], exportTo: [], ...spec },
    namespace,
    commit,
  );
}

export function serviceEntry(name: string, spec: Partial<ServiceEntrySpec>, namespace = 'shop', commit = 'c0') {
  const whole: ServiceEntrySpec = {
    hosts: [`${name}.example`],
    addresses: [],
    ports: [{ name: 'https', port: 443, protocol: 'https', declared: true }],
    location: 'MESH_EXTERNAL',
    resolution: 'NONE',
    endpoints: [],
    exportTo: [],
    subjectAltNames: [],
    ...spec,
  };
  return object('ServiceEntry', name, whole, namespace, commit);
}

export function workloadEntry(name: string, spec: Partial<WorkloadEntrySpec>, namespace = 'shop', commit = 'c0') {
  return object('WorkloadEntry', name, { address: '10.0.0.9', ports: {}, labels: {}, ...spec }, namespace, commit);
}

/** A joined workload of a service, at an inbound port of its own. */
export function workload(name: string, serviceName: string, inbound: number, over: Partial<Workload> = {}): Workload {
  const namespace = over.namespace ?? 'shop';
  return {
    id: `${name}.${namespace}`,
    name,
    namespace,
    labels: { app: serviceName },
    granted: { app: serviceName },
    service: serviceName,
    serviceAccount: serviceName,
    identity: spiffeId({ trustDomain: settings.trustDomain, namespace, serviceAccount: serviceName }),
    address: '127.0.0.1',
    ports: [{ name: 'http', port: 9080, endpointPort: inbound, protocol: 'http' }],
    weight: 1,
    health: 'healthy',
    source: 'proxy',
    ...over,
  };
}

export function byId(...workloads: readonly Workload[]): ReadonlyMap<string, Workload> {
  return new Map(workloads.map((item) => [item.id, item]));
}
