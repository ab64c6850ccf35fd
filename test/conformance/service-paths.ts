/** The services as the .proto files of Envoy name them, written here by hand: type → service, delta method, SotW method. */
export const services: readonly (readonly [typeName: string, service: string, resources: string])[] = [
  ['envoy.config.listener.v3.Listener', 'envoy.service.listener.v3.ListenerDiscoveryService', 'Listeners'],
  ['envoy.config.route.v3.RouteConfiguration', 'envoy.service.route.v3.RouteDiscoveryService', 'Routes'],
  [
    'envoy.config.route.v3.ScopedRouteConfiguration',
    'envoy.service.route.v3.ScopedRoutesDiscoveryService',
    'ScopedRoutes',
  ],
  ['envoy.config.cluster.v3.Cluster', 'envoy.service.cluster.v3.ClusterDiscoveryService', 'Clusters'],
  ['envoy.config.endpoint.v3.ClusterLoadAssignment', 'envoy.service.endpoint.v3.EndpointDiscoveryService', 'Endpoints'],
  ['envoy.extensions.transport_sockets.tls.v3.Secret', 'envoy.service.secret.v3.SecretDiscoveryService', 'Secrets'],
  ['envoy.service.runtime.v3.Runtime', 'envoy.service.runtime.v3.RuntimeDiscoveryService', 'Runtime'],
  [
    'envoy.config.core.v3.TypedExtensionConfig',
    'envoy.service.extension.v3.ExtensionConfigDiscoveryService',
    'ExtensionConfigs',
  ],
];

/** The delta-only service of virtual hosts. */
export const virtualHostPath = '/envoy.service.route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts';
export const virtualHostType = 'type.googleapis.com/envoy.config.route.v3.VirtualHost';

/** `/package.Service/Method` of the service that serves one type alone. */
export function servicePath(typeUrl: string, variant: 'delta' | 'sotw'): string {
  if (typeUrl === virtualHostType && variant === 'delta') return virtualHostPath;
  const found = services.find(([typeName]) => typeUrl === `type.googleapis.com/${typeName}`);
  if (found === undefined) throw new Error(`no service serves ${typeUrl} in ${variant}`);
  const [, service, resources] = found;
  return `/${service}/${variant === 'delta' ? 'Delta' : 'Stream'}${resources}`;
}
