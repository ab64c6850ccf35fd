import type { OutboundPort, OutboundService, View } from '../model/ir.ts';
import { proxyDomains } from '../model/proxy-domains.ts';
import { type VirtualHost, VirtualHostSchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import { message } from '../proto/message.ts';
import { proxyName, servicePortName } from './names.ts';
import { portVirtualHost, unknownVirtualHost } from './outbound-virtual-host.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { longestBody } from './respond-action.ts';

/** Behind HTTP_PROXY: every port of every service by its names, then the hosts that nobody knows (E22, E23, R11, D18). */
export function proxyRouteConfiguration(view: View): RouteConfiguration {
  const taken = new Set<string>();
  const hosts = view.services.flatMap((service) => service.ports.map((port) => namedHost(service, port, taken)));
  const metadata = provenanceMetadata({ imports: view.imports });
  return message(RouteConfigurationSchema, {
    name: proxyName,
    virtualHosts: [...hosts.filter((host) => host !== undefined), unknownVirtualHost(view.unknownHosts)],
    validateClusters: false,
    maxDirectResponseBodySizeBytes: longestBody,
    ...(metadata === undefined ? {} : { metadata }),
  });
}

/** Behind a service port's own local port: whatever host the request names (section 7 of experience.md). */
export function portRouteConfiguration(port: OutboundPort): RouteConfiguration {
  return message(RouteConfigurationSchema, {
    name: servicePortName(port.destination.ref),
    virtualHosts: [...ownAddress(port), portVirtualHost(port, ['*'])],
    validateClusters: false,
    maxDirectResponseBodySizeBytes: longestBody,
  });
}

/**
 * Where the request's host is called, one that names this local port itself would come back here, again and again: it is told so (421).
 */
function ownAddress({ destination, localPort }: OutboundPort): VirtualHost[] {
  if (destination.discovery !== 'request' || localPort === undefined) return [];
  const text = `this port leads to whom requests name: the header host says ${destination.ref.host}, not the port itself\n`;
  const route = {
    name: 'default/own-address',
    match: { pathSpecifier: { case: 'prefix' as const, value: '/' } },
    action: { case: 'directResponse' as const, value: { status: 421, body: inline(text) } },
  };
  return [message(VirtualHostSchema, { name: 'own-address', domains: [`*:${localPort}`], routes: [route] })];
}

function inline(text: string) {
  return { specifier: { case: 'inlineString' as const, value: text } };
}

/**
 * Resolve gives each name to one service; should two claim one all the same, the first by service key keeps it, because a
 * repeated domain would make Envoy refuse the whole configuration.
 */
function namedHost(service: OutboundService, port: OutboundPort, taken: Set<string>): VirtualHost | undefined {
  const domains = proxyDomains(service, port).filter((domain) => !taken.has(domain));
  for (const domain of domains) taken.add(domain);
  return domains.length === 0 ? undefined : portVirtualHost(port, domains);
}
