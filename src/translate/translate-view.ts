import type { OutboundPort, View } from '../model/ir.ts';
import type { Destination, EndpointSet } from '../model/ir-destination.ts';
import type { ForwardAction } from '../model/ir-route.ts';
import { isHttp, type ServiceKey } from '../model/service.ts';
import { ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import type { Resource, ResourceReference } from '../xds/resource.ts';
import { outboundCluster } from './cluster.ts';
import { connectionClusters } from './connection-chains.ts';
import { encodedResource, envoyResource, toCluster, toEndpoints, toSecret } from './envoy-resource.ts';
import { loadAssignment } from './load-assignment.ts';
import { clusterName, proxyName, servicePortName, unknownHostsName } from './names.ts';
import { portRouteConfiguration, proxyRouteConfiguration } from './outbound-route-configuration.ts';
import { remember } from './remember.ts';
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
  const ports = view.services.flatMap((service) => service.ports);
  const destinations = ports.flatMap((port) => port.destinations);
  const unknown = view.unknownHosts.value === 'pass' ? [unknownHosts(view.passing)] : [];
  const local = ports.filter((port) => isHttp(port.protocol) && port.localPort !== undefined);
  return {
    fixed: [
      ...destinations.map(clusterResource),
      ...unknown,
      proxyRoutes(view),
      ...local.map(portRoutes),
      ...distinct(destinations.flatMap(fileSecrets)),
    ],
    registered: destinations.filter((destination) => destination.discovery === 'registry'),
  };
});

/** Several destinations may have the same files. */
function distinct(resources: readonly Resource[]): readonly Resource[] {
  return [...new Map(resources.map((resource) => [resource.name, resource])).values()];
}

const noDestinations: readonly Destination[] = [];
const destinationsByService = remember((view: View) => {
  const byService = new Map<ServiceKey, Destination[]>();
  for (const destination of viewResources(view).registered) {
    const list = byService.get(destination.ref.service);
    if (list) list.push(destination);
    else byService.set(destination.ref.service, [destination]);
  }
  return byService;
});

/** The destinations of one service whose endpoints the view has from the registry. */
export function registeredDestinations(view: View, service: ServiceKey): readonly Destination[] {
  return destinationsByService(view).get(service) ?? noDestinations;
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

const proxyRoutes = (view: View): Resource => {
  const references = view.services.flatMap((service) => service.ports.flatMap(portReferences));
  const unknown = view.unknownHosts.value === 'pass' ? [toCluster(unknownHostsName)] : [];
  const bytes = proxyRouteConfiguration(view);
  return encodedResource(RouteConfigurationSchema, proxyName, bytes, [...references, ...unknown]);
};

const portRoutes = remember((port: OutboundPort): Resource => {
  const name = servicePortName(port.destination.ref);
  return envoyResource(RouteConfigurationSchema, name, portRouteConfiguration(port), portReferences(port));
});

/** Every cluster that the routes of a port name (X91). */
export const portReferences = remember((port: OutboundPort): readonly ResourceReference[] => {
  const forwards = port.routes.map(({ action }) => action).filter((action) => action.kind === 'forward');
  return [...connectionClusters(port), ...forwards.flatMap(namedBy).map(clusterName)].map(toCluster);
});

function namedBy({ destinations, mirrors }: ForwardAction) {
  return [...destinations.map(({ destination }) => destination), ...mirrors.map(({ value }) => value.destination)];
}
