import type { OutboundPort, OutboundService, View } from '../model/ir.ts';
import { isHttp } from '../model/service.ts';
import { type VirtualHost, VirtualHostSchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';
import { servicePortName, unknownHostsName } from './names.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { remember } from './remember.ts';
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

/** The virtual host of a service port for the given domains. */
export function portVirtualHost(port: OutboundPort, domains: readonly string[]): VirtualHost {
  return message(VirtualHostSchema, {
    name: servicePortName(port.destination.ref),
    domains: [...domains],
    routes: portRoutes(port),
  });
}

/**
 * The domains of a service port behind HTTP_PROXY (E22): each name with the port and, on the port that a URL without one means, the
 * bare names. That is 80, else the service's only HTTP port.
 */
export function proxyDomains(service: OutboundService, port: OutboundPort): readonly string[] {
  const http = service.ports.filter((candidate) => isHttp(candidate.protocol));
  const meant = http.find((candidate) => candidate.port === 80) ?? (http.length === 1 ? http[0] : undefined);
  const full = service.names.map((name) => `${name}:${port.port}`);
  return port === meant ? [...full, ...service.names] : full;
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
      name: unknownHostsName,
      domains: ['*'],
      routes: [
        tunnelTo(unknownHostsName, name),
        { name, match: everything, action: { case: 'route', value: forward } },
      ],
      ...provenance,
    });
  }
  return message(VirtualHostSchema, {
    name: unknownHostsName,
    domains: ['*'],
    routes: [
      { name, match: { pathSpecifier: { case: 'connectMatcher', value: {} } }, action: refuse(403) },
      { name, match: everything, action: refuse(502) },
    ],
    ...provenance,
  });
}
