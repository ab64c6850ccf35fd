import { isDeepStrictEqual } from 'node:util';
import type { OutboundPort, OutboundService, View } from '../model/ir.ts';
import type { Destination, EndpointSet } from '../model/ir-destination.ts';
import { remember, rememberWith } from '../model/remember.ts';
import { isHttp, type ServiceKey } from '../model/service.ts';
import { ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import type { Resource, ResourceReference } from '../xds/resource.ts';
import { outboundCluster } from './cluster.ts';
import { envoyResource, toEndpoints, toSecret } from './envoy-resource.ts';
import { loadAssignment } from './load-assignment.ts';
import { clusterName, servicePortName, unknownHostsName } from './names.ts';
import { portRouteConfiguration } from './outbound-route-configuration.ts';
import { portReferences } from './port-references.ts';
import { serviceHosts, unknownHost } from './proxy-hosts.ts';
import { fileSecrets, secretNamesOf } from './translate-secrets.ts';
import { unknownHostsCluster } from './unknown-hosts-cluster.ts';

/**
 * The outbound half: a cluster for each destination, its endpoints where the registry has them, and route configurations. Each part
 * is encoded once for each value it is made of (Destination, EndpointSet, OutboundPort, View).
 */
export function translateView(
  view: View,
  endpointSets: (destination: Destination) => EndpointSet,
): readonly Resource[] {
  const { fixed, registered } = viewResources(view);
  return [...fixed, ...registered.map((destination) => translateEndpoints(endpointSets(destination)))];
}

/** The endpoints of one destination. */
export const translateEndpoints = remember((set: EndpointSet): Resource => {
  const name = clusterName(set.ref);
  return envoyResource(ClusterLoadAssignmentSchema, name, loadAssignment(name, set));
});

const viewResources = remember((view: View) => {
  const unknown = view.unknownHosts.value === 'pass' ? [unknownHosts(view.passing)] : [];
  const files = view.services.flatMap(destinationsOf).flatMap(fileSecrets);
  return {
    fixed: [
      ...view.services.flatMap((service) => serviceResources(view, service)),
      ...unknown,
      unknownHost(view.unknownHosts),
      ...distinct(files),
    ],
    registered: view.services.flatMap(registeredOf),
  };
});

/** The clusters of a service, its virtual hosts, and the routes of its local ports. Made ahead of the views that they stand in, too. */
export function serviceResources({ unknownHosts }: Pick<View, 'unknownHosts'>, service: OutboundService) {
  return resourcesOfService(service, unknownHosts.value);
}

const resourcesOfService = rememberWith((service: OutboundService, unknown: string): readonly Resource[] => {
  const local = service.ports.filter((port) => isHttp(port.protocol) && port.localPort !== undefined);
  const routes = local.map((port) =>
    unknown === 'refuse' && asksRequests(port) ? namedRoutes(port, service.names) : portRoutes(port),
  );
  return [...destinationsOf(service).map(clusterResource), ...serviceHosts(service), ...routes];
});

/** Whether requests say themselves whom they mean, of any route of the port. */
function asksRequests({ destination, routes }: OutboundPort): boolean {
  const named = routes.map(({ action }) => action).some((action) => action.kind === 'forward' && action.requestNames);
  return named || destination.discovery === 'request';
}

function destinationsOf({ ports }: OutboundService): readonly Destination[] {
  return ports.flatMap((port) => port.destinations);
}

const registeredOf = remember((service: OutboundService): readonly Destination[] =>
  destinationsOf(service).filter((destination) => destination.discovery === 'registry'),
);

/** What differs between the resources of two views. */
export interface ViewChange {
  readonly set: readonly Resource[];
  readonly remove: readonly ResourceReference[];
  /** Of services that changed. */
  readonly registered: readonly Destination[];
}

/**
 * From one view of a scope to the next, or to that of another scope, at the cost of the services that changed; undefined where more than services did, or not one by
 * one.
 */
export function translateChange(before: View, now: View): ViewChange | undefined {
  const services = changedServices(before, now);
  if (services === undefined) return undefined;
  const all = [...services.gone, ...services.added];
  if (all.flatMap(destinationsOf).some((destination) => fileSecrets(destination).length > 0)) return undefined;
  const set = services.added.flatMap((service) => serviceResources(now, service));
  const registered = services.added.flatMap(registeredOf);
  const keyOf = ({ typeUrl, name }: ResourceReference) => `${typeUrl} ${name}`;
  const kept = new Set([...set, ...registered.map((one) => toEndpoints(clusterName(one.ref)))].map(keyOf));
  const old = [
    ...services.gone.flatMap((service) => serviceResources(before, service)),
    ...services.gone.flatMap(registeredOf).map((one) => toEndpoints(clusterName(one.ref))),
  ];
  const remove = old.flatMap(({ typeUrl, name }) => (kept.has(keyOf({ typeUrl, name })) ? [] : [{ typeUrl, name }]));
  return { set, remove, registered };
}

/** The services that differ between two views, if these have the same services in the same order and nothing else differs. */
export function changedServices(
  before: View,
  now: View,
): { readonly gone: readonly OutboundService[]; readonly added: readonly OutboundService[] } | undefined {
  const { services: old, key: _old, ...rest } = before;
  const { services, key: _new, ...others } = now;
  if (old.length !== services.length || !isDeepStrictEqual(rest, others)) return undefined;
  if (now.listeners !== undefined) return undefined;
  const gone = old.filter((service, index) => service !== services[index]);
  const added = services.filter((service, index) => service !== old[index]);
  return gone.every(({ service }, index) => service === added[index]?.service) ? { gone, added } : undefined;
}

/** Several destinations may have the same files. */
function distinct(resources: readonly Resource[]): readonly Resource[] {
  return [...new Map(resources.map((resource) => [resource.name, resource])).values()];
}

const noDestinations: readonly Destination[] = [];
const servicesByKey = remember((view: View) => new Map(view.services.map((service) => [service.service, service])));

/** The destinations of one service whose endpoints the view has from the registry. */
export function registeredDestinations(view: View, key: ServiceKey): readonly Destination[] {
  const service = servicesByKey(view).get(key);
  return service ? registeredOf(service) : noDestinations;
}

const clusterResource = remember((destination: Destination): Resource => {
  const name = clusterName(destination.ref);
  const secrets = secretNamesOf(destination).map(toSecret);
  const endpoints = destination.discovery === 'registry' ? [toEndpoints(name)] : [];
  const edsName = destination.discovery === 'registry' ? name : undefined;
  return envoyResource(ClusterSchema, name, outboundCluster(destination), [...endpoints, ...secrets], edsName);
});

const unknownHosts = remember((passing: View['passing']) =>
  envoyResource(ClusterSchema, unknownHostsName, unknownHostsCluster(passing)),
);

const portRoutes = remember((port: OutboundPort): Resource => routesResource(port, portRouteConfiguration(port)));

function namedRoutes(port: OutboundPort, names: readonly string[]): Resource {
  return routesResource(port, portRouteConfiguration(port, names));
}

function routesResource(port: OutboundPort, routes: RouteConfiguration): Resource {
  const name = servicePortName(port.destination.ref);
  return envoyResource(RouteConfigurationSchema, name, routes, portReferences(port));
}
