import { compareText } from '../model/compare-text.ts';
import { undeclaredProtocol } from '../model/detect-protocol.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Labels, Policy, PolicySet, ServiceEntryObject, ServiceObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { ServicePortSpec, WorkloadEntrySpec } from '../model/registry-objects.ts';
import type { Service, ServiceKey } from '../model/service.ts';
import { serviceKeyOf } from '../model/service.ts';
import { makesRouteHosts, routeHosts } from './route-hosts.ts';

/** A service and where its endpoints come from; lives inside the registry, callers see the Service. */
export interface ServiceDefinition {
  readonly service: Service;
  readonly endpoints: EndpointSource;
  /** By service port number; a port without an entry is served on its own number. */
  readonly targetPorts: ReadonlyMap<number, number | string>;
}

export type EndpointSource =
  | { readonly kind: 'selector'; readonly selector: Labels }
  /** Joined workloads that name this service and that no v1/Service selects. */
  | { readonly kind: 'implied' }
  | { readonly kind: 'inline'; readonly entries: readonly WorkloadEntrySpec[]; readonly owner: string }
  /** The host itself, resolved by the proxy. */
  | { readonly kind: 'host' }
  | { readonly kind: 'none' };

/**
 * The services that policies define, sorted by key: one for each v1/Service and for each host of a ServiceEntry (section 2), and hosts of VirtualServices that nothing else defines.
 * Where two objects define one host of one namespace, a v1/Service goes before a ServiceEntry, and else the first in the order of
 * the PolicySet holds; the policy stage reports the clash.
 */
export function defineServices(policies: PolicySet, settings: MeshSettings): readonly ServiceDefinition[] {
  const byKey = new Map<ServiceKey, ServiceDefinition>();
  const add = (definition: ServiceDefinition) => {
    if (!byKey.has(definition.service.key)) byKey.set(definition.service.key, definition);
  };
  for (const object of policies.objects) if (object.kind === 'Service') add(definedOnce(object, settings));
  for (const object of policies.objects) {
    if (object.kind === 'ServiceEntry')
      for (const host of object.spec.hosts) add(defineEntryHost(object, host, settings));
  }
  for (const definition of routeHosts(policies, settings, byKey)) add(definition);
  return [...byKey.values()].sort((a, b) => compareText(a.service.key, b.service.key));
}

/** Whether an object has a part in which services there are. */
export function definesServices(object: Policy, settings: MeshSettings): boolean {
  return object.kind === 'Service' || object.kind === 'ServiceEntry' || makesRouteHosts(object, settings);
}

const known = new WeakMap<ServiceObject, { readonly settings: MeshSettings; readonly definition: ServiceDefinition }>();

/** Remembered on the object. */
function definedOnce(object: ServiceObject, settings: MeshSettings): ServiceDefinition {
  const before = known.get(object);
  if (before?.settings === settings) return before.definition;
  const definition = defineService(object, settings);
  known.set(object, { settings, definition });
  return definition;
}

/** `reviews.shop.svc.cluster.local` */
export function serviceHost(name: string, namespace: string, settings: MeshSettings): string {
  return `${name}.${namespace}.svc.${settings.dnsSuffix}`;
}

function defineService(object: ServiceObject, settings: MeshSettings): ServiceDefinition {
  const host = serviceHost(object.name, object.namespace, settings);
  const { selector, ports, addresses, exportTo } = object.spec;
  return {
    service: {
      key: serviceKeyOf(object.namespace, host),
      namespace: object.namespace,
      name: object.name,
      host,
      origin: 'service',
      external: false,
      resolution: 'registry',
      addresses,
      ports: ports.map((port) => portOf(port, settings)),
      exportTo: exportTo.length === 0 ? ['*'] : exportTo,
      subjectAltNames: [],
      by: definedBy(object),
    },
    // An empty selector selects nothing: such a Service has no endpoints (section 2).
    endpoints: Object.keys(selector).length === 0 ? { kind: 'none' } : { kind: 'selector', selector },
    targetPorts: targetPortsOf(ports),
  };
}

const resolutions = {
  NONE: 'request',
  STATIC: 'registry',
  DNS: 'dns',
  DNS_ROUND_ROBIN: 'dns-round-robin',
  DYNAMIC_DNS: 'request',
} as const;

function defineEntryHost(object: ServiceEntryObject, host: string, settings: MeshSettings): ServiceDefinition {
  const { spec } = object;
  return {
    service: {
      key: serviceKeyOf(object.namespace, host),
      namespace: object.namespace,
      name: host,
      host,
      origin: 'entry',
      external: spec.location === 'MESH_EXTERNAL',
      resolution: resolutions[spec.resolution],
      addresses: spec.addresses,
      // Nobody could say where bytes go that a request's host does not say.
      ports: spec.ports.map((port) => portOf(port, resolutions[spec.resolution] === 'request' ? {} : settings)),
      exportTo: spec.exportTo.length === 0 ? ['*'] : spec.exportTo,
      subjectAltNames: spec.subjectAltNames,
      by: definedBy(object),
    },
    endpoints: entryEndpoints(object, host),
    targetPorts: targetPortsOf(spec.ports),
  };
}

function entryEndpoints(object: ServiceEntryObject, host: string): EndpointSource {
  const { spec } = object;
  if (resolutions[spec.resolution] === 'request') return { kind: 'none' };
  if (spec.workloadSelector !== undefined) return { kind: 'selector', selector: spec.workloadSelector };
  if (spec.endpoints.length > 0) {
    return { kind: 'inline', entries: spec.endpoints, owner: `ServiceEntry/${object.namespace}/${object.name}` };
  }
  // DNS without endpoints resolves the hosts; a wildcard names no host that could be resolved.
  return spec.resolution !== 'STATIC' && !host.startsWith('*') ? { kind: 'host' } : { kind: 'none' };
}

function portOf(port: ServicePortSpec, settings: Pick<MeshSettings, 'protocolDetection'>): Service['ports'][number] {
  const { name, declared } = port;
  const protocol = declared ? port.protocol : undeclaredProtocol(settings);
  return { ...(name === undefined ? {} : { name }), number: port.port, protocol };
}

function targetPortsOf(ports: readonly ServicePortSpec[]): ReadonlyMap<number, number | string> {
  return new Map(ports.flatMap((port) => (port.targetPort === undefined ? [] : [[port.port, port.targetPort]])));
}

function definedBy(object: Policy) {
  return provenance(object, 'metadata.name');
}
