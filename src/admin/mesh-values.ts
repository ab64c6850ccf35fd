import { localPortKey, type Mesh } from '../model/mesh.ts';
import { meshConfigOf, rootNamespaceOf } from '../model/mesh-config.ts';
import type { Labels, Policy, Protocol } from '../model/policy.ts';
import { refText } from '../model/provenance.ts';
import { selects } from '../model/selector.ts';
import type { Service } from '../model/service.ts';
import { endpointText } from '../model/socket-path.ts';
import type { ProxyStatus, WorkloadTrouble } from '../model/status.ts';
import type { Health, HealthTrouble, Workload } from '../model/workload.ts';

export interface ServiceItem {
  readonly name: string;
  readonly namespace: string;
  readonly host: string;
  readonly origin: Service['origin'];
  readonly external: boolean;
  readonly resolution: Service['resolution'];
  readonly addresses: readonly string[];
  readonly ports: Service['ports'];
  readonly workloads: { readonly total: number; readonly healthy: number };
  /** Whether callers use mesh TLS: to all endpoints, to some, to none; `-` where no endpoint is known. */
  readonly mtls: 'all' | 'some' | 'none' | '-';
  /** The objects that act on it, as `VirtualService/shop/reviews`. */
  readonly policies: readonly string[];
  /** ISO time since which the oldest of its proxies is connected. */
  readonly since?: string;
  /** `policies/reviews.yaml:1`; absent for implied services. */
  readonly from?: string;
}

/** Services as the API shows them, in the mesh's order. */
export function serviceItems(mesh: Mesh, proxies: readonly ProxyStatus[]): readonly ServiceItem[] {
  const since = new Map(proxies.map((proxy) => [`${proxy.name}.${proxy.namespace}`, proxy.connectedSince]));
  return mesh.services.map((service) => {
    const endpoints = [...(mesh.endpoints.get(service.key)?.values() ?? [])].flat();
    const health = new Map(endpoints.map((endpoint) => [endpoint.workload, endpoint.health]));
    const meshed = endpoints.filter((endpoint) => endpoint.identity !== undefined).length;
    const oldest = [...health.keys()].flatMap((id) => since.get(id) ?? []).sort()[0];
    const { name, namespace, host, origin, external, resolution, addresses, ports, by } = service;
    return {
      name,
      namespace,
      host,
      origin,
      external,
      resolution,
      addresses,
      ports,
      workloads: { total: health.size, healthy: [...health.values()].filter((state) => state === 'healthy').length },
      mtls: endpoints.length === 0 ? '-' : meshed === 0 ? 'none' : meshed === endpoints.length ? 'all' : 'some',
      policies: policiesOf(mesh, service, [...health.keys()]),
      ...(oldest === undefined ? {} : { since: oldest }),
      ...(by === undefined ? {} : { from: `${by.at.file}:${by.at.line}` }),
    };
  });
}

function policiesOf(mesh: Mesh, service: Service, workloadIds: readonly string[]): readonly string[] {
  const workloads = workloadIds.flatMap((id) => mesh.workloads.get(id) ?? []);
  return mesh.policies.objects.filter((policy) => actsOn(mesh, policy, service, workloads)).map(refText);
}

/** Whether a policy acts on a service, or on one of the workloads behind it. */
export function actsOn(
  mesh: Mesh,
  policy: Policy,
  service: Service,
  workloads: readonly Pick<Workload, 'labels'>[],
): boolean {
  const covers = (selector: Labels | undefined) =>
    (policy.namespace === service.namespace || policy.namespace === rootNamespaceOf(mesh.policies, mesh.settings)) &&
    (selector === undefined || workloads.some((workload) => selects(selector, workload.labels)));
  const names = (host: string) =>
    host === service.host ||
    (!host.includes('.') && policy.namespace === service.namespace && host === service.name) ||
    (host.startsWith('*.') && service.host.endsWith(host.slice(1)));
  switch (policy.kind) {
    case 'VirtualService':
      return policy.spec.hosts.some((host) => names(host));
    case 'DestinationRule':
    case 'HealthCheck':
      return names(policy.spec.host);
    case 'PeerAuthentication':
    case 'AuthorizationPolicy':
    case 'RequestAuthentication':
      return !service.external && covers(policy.spec.selector);
    case 'Service':
    case 'ServiceEntry':
    case 'WorkloadEntry':
    case 'WorkloadGroup':
    case 'MeshConfig':
    // A Sidecar is about who calls, not about what is called.
    case 'Sidecar':
      return false;
    default:
      return policy satisfies never;
  }
}

/** The root namespace and who says so: MeshConfig (`policies/meshconfig.yaml:3`), the settings (`weft.yaml:4`), or nobody (`default:D16`). */
export function rootNamespaceItem({ policies, settings }: Pick<Mesh, 'policies' | 'settings'>): {
  readonly value: string;
  readonly by: string;
} {
  const at = meshConfigOf(policies)?.positions.get('rootNamespace');
  const by = at === undefined ? (settings.rootNamespaceFrom ?? 'default:D16') : `${at.file}:${at.line}`;
  return { value: rootNamespaceOf(policies, settings), by };
}

export type WorkloadItem = Omit<Workload, 'by' | 'trouble'> & {
  readonly from?: string;
  readonly trouble?: WorkloadTrouble;
};

export function workloadItems(mesh: Mesh): readonly WorkloadItem[] {
  return [...mesh.workloads.values()].map(({ by, trouble, ...workload }) => ({
    ...workload,
    ...(trouble === undefined ? {} : { trouble: troubleOf(trouble) }),
    ...(by === undefined ? {} : { from: `${by.at.file}:${by.at.line}` }),
  }));
}

/** Times are ISO here. */
export function troubleOf({ reason, since }: HealthTrouble): WorkloadTrouble {
  return { reason, since: new Date(since).toISOString() };
}

export interface PolicyItem {
  readonly kind: Policy['kind'];
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly spec: Policy['spec'];
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly commit: string;
  /** Field path to the place of its value: `spec.http[0].timeout` → line and column. */
  readonly positions: Readonly<Record<string, { readonly line: number; readonly column: number }>>;
}

/** Accepted objects with their places, in the mesh's order. */
export function policyItems(mesh: Mesh): readonly PolicyItem[] {
  return mesh.policies.objects.map((object) => ({
    kind: object.kind,
    namespace: object.namespace,
    name: object.name,
    labels: object.labels,
    spec: object.spec,
    file: object.at.file,
    line: object.at.line,
    column: object.at.column,
    commit: object.commit,
    positions: Object.fromEntries([...object.positions].map(([path, { line, column }]) => [path, { line, column }])),
  }));
}

export interface PortItem {
  readonly name: string;
  readonly namespace: string;
  readonly host: string;
  readonly port: number;
  readonly portName?: string;
  readonly protocol: Protocol;
  readonly localPort: number;
}

/** Service ports that have a local port at the sidecars (section 7 of experience.md). */
export function portItems(mesh: Mesh): readonly PortItem[] {
  return mesh.services.flatMap((service) =>
    service.ports.flatMap((port) => {
      const localPort = mesh.localPorts.get(localPortKey(service.key, port.number));
      if (localPort === undefined) return [];
      const { name, namespace, host } = service;
      const named = port.name === undefined ? {} : { portName: port.name };
      return [{ name, namespace, host, port: port.number, ...named, protocol: port.protocol, localPort }];
    }),
  );
}

export interface EndpointShard {
  readonly service: string;
  readonly port: number;
  readonly endpoints: readonly {
    readonly workload: string;
    readonly source: Workload['source'] | 'entry';
    readonly address: string;
    readonly health: Health;
    readonly weight: number;
    readonly identity?: string;
  }[];
}

/** Endpoints by service and port, each with the source that told of it. */
export function endpointShards(mesh: Mesh): readonly EndpointShard[] {
  return mesh.services.flatMap((service) =>
    [...(mesh.endpoints.get(service.key) ?? [])].map(([port, endpoints]) => ({
      service: service.key,
      port,
      endpoints: endpoints.map(({ workload, address, port: target, health, weight, identity }) => ({
        workload,
        source: mesh.workloads.get(workload)?.source ?? ('entry' as const),
        address: endpointText(address, target),
        health,
        weight,
        ...(identity === undefined ? {} : { identity }),
      })),
    })),
  );
}

/** Which service ports each workload backs. */
export function instances(mesh: Mesh): Readonly<Record<string, readonly { service: string; port: number }[]>> {
  const byWorkload = new Map<string, { service: string; port: number }[]>();
  for (const shard of endpointShards(mesh)) {
    for (const { workload } of shard.endpoints) {
      const backed = byWorkload.get(workload) ?? [];
      byWorkload.set(workload, [...backed, { service: shard.service, port: shard.port }]);
    }
  }
  return Object.fromEntries([...byWorkload].sort(([a], [b]) => (a < b ? -1 : 1)));
}
