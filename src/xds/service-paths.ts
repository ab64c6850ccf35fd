import type { StreamKind } from './read-request.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  runtimeType,
  scopedRouteType,
  secretType,
  virtualHostType,
} from './resource-types.ts';
import type { Variant } from './subscription.ts';

/** A service, what its methods are named after, and its type; none for the aggregated one. */
const services: readonly (readonly [service: string, resources: string, ownType: string | undefined])[] = [
  ['envoy.service.discovery.v3.AggregatedDiscoveryService', 'AggregatedResources', undefined],
  ['envoy.service.listener.v3.ListenerDiscoveryService', 'Listeners', listenerType],
  ['envoy.service.route.v3.RouteDiscoveryService', 'Routes', routeType],
  ['envoy.service.route.v3.ScopedRoutesDiscoveryService', 'ScopedRoutes', scopedRouteType],
  ['envoy.service.cluster.v3.ClusterDiscoveryService', 'Clusters', clusterType],
  ['envoy.service.endpoint.v3.EndpointDiscoveryService', 'Endpoints', endpointType],
  ['envoy.service.secret.v3.SecretDiscoveryService', 'Secrets', secretType],
  ['envoy.service.runtime.v3.RuntimeDiscoveryService', 'Runtime', runtimeType],
  ['envoy.service.extension.v3.ExtensionConfigDiscoveryService', 'ExtensionConfigs', extensionType],
];

/**
 * X1: every path that is served. The unary `Fetch…` methods are not, nor virtual hosts in SotW, which the protocol does not have: whoever
 * calls them hears UNIMPLEMENTED.
 */
export const servicePaths: ReadonlyMap<string, StreamKind> = new Map([
  ...services.flatMap(([service, resources, ownType]) => [
    [`/${service}/Stream${resources}`, streamKind('sotw', ownType)] as const,
    [`/${service}/Delta${resources}`, streamKind('delta', ownType)] as const,
  ]),
  [
    '/envoy.service.route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts',
    streamKind('delta', virtualHostType),
  ] as const,
]);

function streamKind(variant: Variant, ownType: string | undefined): StreamKind {
  return { variant, ownType };
}
