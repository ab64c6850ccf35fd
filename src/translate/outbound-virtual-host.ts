import type { OutboundPort, View } from '../model/ir.ts';
import { remember } from '../model/remember.ts';
import { type VirtualHost, VirtualHostSchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';
import { routesForNamed } from './named-hosts.ts';
import { proxyHostName, servicePortName, unknownHostsName } from './names.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { outboundRoute } from './route.ts';
import { tunnelRoute, tunnelTo } from './tunnel-route.ts';

/**
 * What a service port does with requests: its tunnel first (R11), then, on HTTP ports, its routes in order of match (P11). Without
 * domains: they depend on the listener.
 */
const portRoutes = remember((port: OutboundPort) => [
  tunnelRoute(port),
  ...port.routes.map((route) => outboundRoute(route, port.port)),
]);

/** The virtual host of a service port for the given domains; `name`: what it is called, without one as the port. */
export function portVirtualHost(
  port: OutboundPort,
  domains: readonly string[],
  name = servicePortName(port.destination.ref),
): VirtualHost {
  return message(VirtualHostSchema, {
    name,
    domains: [...domains],
    routes: portRoutes(port),
  });
}

/** The same for all domains, where only requests that name hosts of the service, or of a destination, may go to whom they name. */
export function namedVirtualHost(port: OutboundPort, names: readonly string[]): VirtualHost {
  return message(VirtualHostSchema, {
    name: servicePortName(port.destination.ref),
    domains: ['*'],
    routes: routesForNamed(port, names),
  });
}

/** Everybody else (D18): passed on to where the request itself says, or refused with 502, tunnels with 403 (E23). */
export function unknownVirtualHost(unknownHosts: View['unknownHosts']): VirtualHost {
  const refuse = (status: number) => ({ case: 'directResponse' as const, value: { status } });
  const everything = { pathSpecifier: { case: 'prefix' as const, value: '/' } };
  const name = 'default/unknown';
  const metadata = provenanceMetadata({ unknownHosts });
  const provenance = metadata === undefined ? {} : { metadata };
  if (unknownHosts.value === 'pass') {
    const forward = { clusterSpecifier: { case: 'cluster' as const, value: unknownHostsName }, timeout: durationOf(0) };
    return message(VirtualHostSchema, {
      name: proxyHostName(unknownHostsName),
      domains: ['*'],
      routes: [
        tunnelTo(unknownHostsName, name),
        { name, match: everything, action: { case: 'route', value: forward } },
      ],
      ...provenance,
    });
  }
  return message(VirtualHostSchema, {
    name: proxyHostName(unknownHostsName),
    domains: ['*'],
    routes: [
      { name, match: { pathSpecifier: { case: 'connectMatcher', value: {} } }, action: refuse(403) },
      { name, match: everything, action: refuse(502) },
    ],
    ...provenance,
  });
}
