import type { OutboundPort, OutboundService, View } from '../model/ir.ts';
import { proxyDomains } from '../model/proxy-domains.ts';
import { remember } from '../model/remember.ts';
import { VirtualHostSchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import type { Resource } from '../xds/resource.ts';
import { encodedResource, envoyResource, toCluster } from './envoy-resource.ts';
import { proxyHostName, proxyName, servicePortName, unknownHostsName } from './names.ts';
import { proxyRouteConfiguration, wholeProxyRouteConfiguration } from './outbound-route-configuration.ts';
import { portVirtualHost, unknownVirtualHost } from './outbound-virtual-host.ts';
import { portReferences } from './port-references.ts';

/**
 * Behind HTTP_PROXY: a virtual host for every port of every service by its names, and one for the hosts that nobody knows (E22, E23, R11,
 * D18). Each is encoded once for all views that it stands in.
 */
function proxyHosts(view: View): readonly Resource[] {
  return [...view.services.flatMap(serviceHosts), unknownHost(view.unknownHosts)];
}

/**
 * The virtual hosts of one service. No other service has its names (P4), and its ports have different domains: a repeated one would make
 * Envoy refuse the virtual host.
 */
export const serviceHosts = remember((service: OutboundService): readonly Resource[] => {
  const taken = new Set<string>();
  return service.ports.flatMap((port) => {
    const domains = proxyDomains(service, port).filter((domain) => !taken.has(domain));
    for (const domain of domains) taken.add(domain);
    return domains.length === 0 ? [] : [hostResource(port, domains)];
  });
});

function hostResource(port: OutboundPort, domains: readonly string[]): Resource {
  const name = proxyHostName(servicePortName(port.destination.ref));
  return envoyResource(VirtualHostSchema, name, portVirtualHost(port, domains, name), portReferences(port));
}

/** The one for the hosts that nobody knows. */
export const unknownHost = remember((unknownHosts: View['unknownHosts']): Resource => {
  const leadsTo = unknownHosts.value === 'pass' ? [toCluster(unknownHostsName)] : [];
  return envoyResource(VirtualHostSchema, proxyHostName(unknownHostsName), unknownVirtualHost(unknownHosts), leadsTo);
});

/** The route configuration behind HTTP_PROXY, whose virtual hosts come by themselves. */
export const proxyRoutes = remember(
  (view: View): Resource => envoyResource(RouteConfigurationSchema, proxyName, proxyRouteConfiguration(view)),
);

/** The same with all virtual hosts in it. */
export const wholeProxyRoutes = remember((view: View): Resource => {
  const hosts = proxyHosts(view);
  const bytes = wholeProxyRouteConfiguration(
    view,
    hosts.map(({ value }) => value),
  );
  const leadsTo = hosts.flatMap(({ references }) => references);
  return encodedResource(RouteConfigurationSchema, proxyName, bytes, leadsTo);
});
