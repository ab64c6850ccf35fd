import type { OutboundPort, OutboundService, View } from '../model/ir.ts';
import { proxyDomains } from '../model/proxy-domains.ts';
import { VirtualHostSchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import type { Resource, ResourceReference } from '../xds/resource.ts';
import { encodedResource, envoyResource, toCluster } from './envoy-resource.ts';
import { proxyHostName, proxyName, servicePortName, unknownHostsName } from './names.ts';
import { proxyRouteConfiguration, wholeProxyRouteConfiguration } from './outbound-route-configuration.ts';
import { portVirtualHost, unknownVirtualHost } from './outbound-virtual-host.ts';
import { portReferences } from './port-references.ts';
import { remember, rememberWith } from './remember.ts';

/** The virtual hosts of one service, and the domains that each of its ports got. */
interface ServiceHosts {
  readonly wanted: string;
  readonly domains: readonly (readonly string[])[];
  readonly resources: readonly Resource[];
}

/**
 * Behind HTTP_PROXY: a virtual host for every port of every service by its names, and one for the hosts that nobody knows (E22, E23, R11,
 * D18). Each is encoded once for all views that it stands in. With `before`, an earlier view, only services that differ are looked at.
 */
export function proxyHosts(view: View, before?: View): readonly Resource[] {
  return [...hostsOf(view, before).flatMap(({ resources }) => resources), unknownHost(view.unknownHosts)];
}

const knownHosts = new WeakMap<View, readonly ServiceHosts[]>();

function hostsOf(view: View, before?: View): readonly ServiceHosts[] {
  const known = knownHosts.get(view);
  if (known !== undefined) return known;
  const hosts = (before && changedHosts(view, before)) ?? allHosts(view);
  knownHosts.set(view, hosts);
  return hosts;
}

/** The virtual hosts that differ between two views of which only services do. */
export function proxyHostsSince(
  before: View,
  now: View,
): { readonly set: readonly Resource[]; readonly remove: readonly ResourceReference[] } {
  const old = hostsOf(before);
  const hosts = hostsOf(now, before);
  const differing = hosts.filter((each, index) => each !== old[index]);
  const gone = old.filter((each, index) => each !== hosts[index]);
  const set = differing.flatMap(({ resources }) => resources);
  const names = new Set(set.map(({ name }) => name));
  const remove = gone.flatMap(({ resources }) => resources).filter(({ name }) => !names.has(name));
  return { set, remove };
}

/**
 * Resolve gives each name to one service; should two claim one all the same, the first by service key keeps it, because a repeated domain
 * would make Envoy refuse the virtual host.
 */
function allHosts(view: View): readonly ServiceHosts[] {
  const taken = new Set<string>();
  return view.services.map((service) => {
    const domains = service.ports.map((port) => {
      const own = proxyDomains(service, port).filter((domain) => !taken.has(domain));
      for (const domain of own) taken.add(domain);
      return own;
    });
    return serviceHosts(service, domains);
  });
}

/** The same, where every service wants the names that it wanted before: then each has what it had. */
function changedHosts(view: View, before: View): readonly ServiceHosts[] | undefined {
  const known = hostsOf(before);
  if (known.length !== view.services.length) return undefined;
  const hosts = [...known];
  for (const [index, service] of view.services.entries()) {
    const had = known[index];
    if (service === before.services[index]) continue;
    if (had === undefined || had.wanted !== wantedBy(service)) return undefined;
    hosts[index] = serviceHosts(service, had.domains);
  }
  return hosts;
}

function serviceHosts(service: OutboundService, domains: readonly (readonly string[])[]): ServiceHosts {
  const resources = service.ports.flatMap((port, index) => {
    const own = domains[index] ?? [];
    return own.length === 0 ? [] : [hostResource(port, own.join('\n'))];
  });
  return { wanted: wantedBy(service), domains, resources };
}

const wantedBy = remember((service: OutboundService) =>
  service.ports.map((port) => proxyDomains(service, port).join('\n')).join('\n\n'),
);

/** Makes the virtual hosts of a service, ahead of the views that they stand in. */
export function translateHosts(service: OutboundService): void {
  for (const port of service.ports) {
    const domains = proxyDomains(service, port);
    if (domains.length > 0) hostResource(port, domains.join('\n'));
  }
}

const hostResource = rememberWith((port: OutboundPort, domains: string): Resource => {
  const name = proxyHostName(servicePortName(port.destination.ref));
  return envoyResource(VirtualHostSchema, name, portVirtualHost(port, domains.split('\n'), name), portReferences(port));
});

const unknownHost = remember((unknownHosts: View['unknownHosts']): Resource => {
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
