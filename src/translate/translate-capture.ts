import type { OutboundPort, OutboundService, View } from '../model/ir.ts';
import type { EgressListener } from '../model/ir-egress.ts';
import type { ListenerTerms } from '../model/ir-mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import { remember, rememberWith } from '../model/remember.ts';
import { connectionLayer, isHttp } from '../model/service.ts';
import { ListenerSchema } from '../proto/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import type { Resource, ResourceReference } from '../xds/resource.ts';
import { connectionClusters } from './connection-chains.ts';
import { egressListener, egressRouteConfiguration } from './egress-listener.ts';
import { envoyResource, toCluster, toRoutes } from './envoy-resource.ts';
import { clusterName, egressName, proxyName, servicePortName } from './names.ts';
import { portListener, proxyListener } from './outbound-listener.ts';
import { portReferences } from './port-references.ts';
import { proxyRoutes, wholeProxyRoutes } from './proxy-hosts.ts';
import { changedServices } from './translate-view.ts';

/**
 * The listeners by which an application reaches its sidecar: `proxy`, `ports`, or both (section 7 of experience.md), and those that a
 * Sidecar asks for. Envoy takes one listener for an address: the Sidecar's own goes before one of the capture.
 */
export function translateCapture(view: View, capture: Proxy['capture']): readonly Resource[] {
  const { bind, proxy, ports, wholeRoutes } = capture;
  const asked = view.listeners ?? [];
  const taken = new Set(
    asked.flatMap(({ at: { value: at } }) => (at.kind === 'port' && (at.address ?? bind) === bind ? [at.port] : [])),
  );
  const local = (ports ? localPorts(view) : []).filter(({ localPort = 0 }) => !taken.has(localPort));
  const { proxyResource, portResource, egressResources } = resourcesOf(view.terms);
  return [
    ...(proxy === undefined || taken.has(proxy)
      ? []
      : [proxyResource(capture), wholeRoutes ? wholeProxyRoutes(view) : proxyRoutes(view)]),
    ...local.map((port) => portResource(port, bind)),
    ...asked.flatMap((listener) => egressResources(listener, bind)),
  ];
}

/** From one view to the next, at the cost of the services that changed; undefined where that is not all. */
export function captureChange(
  before: View,
  now: View,
  { bind, proxy, ports, wholeRoutes }: Proxy['capture'],
): { readonly set: readonly Resource[]; readonly remove: readonly ResourceReference[] } | undefined {
  const changed = changedServices(before, now);
  if (changed === undefined) return undefined;
  const routes = proxy !== undefined && wholeRoutes ? [wholeProxyRoutes(now)] : [];
  if (!ports) return { set: routes, remove: [] };
  const listenersOf = (services: readonly OutboundService[]) =>
    services.flatMap((service) => translateListeners(now, service, { bind, ports }));
  const set = [...routes, ...listenersOf(changed.added)];
  const names = new Set(set.map(({ name }) => name));
  const remove = listenersOf(changed.gone).filter(({ name }) => !names.has(name));
  return { set, remove };
}

/** The listeners of one service's local ports. */
export function translateListeners(
  view: View,
  service: OutboundService,
  { bind, ports }: Pick<Proxy['capture'], 'bind' | 'ports'>,
): readonly Resource[] {
  const { portResource } = resourcesOf(view.terms);
  if (!ports) return [];
  return service.ports.flatMap((port) => (port.localPort === undefined ? [] : portResource(port, bind)));
}

const localPorts = remember((view: View): readonly OutboundPort[] =>
  view.services.flatMap((service) => service.ports.filter((port) => port.localPort !== undefined)),
);

/** Remembered on what all listeners have in common, too. */
const resourcesOf = remember((terms: ListenerTerms) => ({
  proxyResource: remember(
    ({ bind, proxy = 15001 }: Proxy['capture']): Resource =>
      envoyResource(ListenerSchema, proxyName, proxyListener(bind, proxy, terms), [toRoutes(proxyName)]),
  ),
  portResource: rememberWith((port: OutboundPort, bind: string): Resource => {
    const { localPort, destination } = port;
    if (localPort === undefined) throw new RangeError(`${clusterName(destination.ref)} has no local port`);
    const name = servicePortName(destination.ref);
    const leadsTo = [
      ...(isHttp(port.protocol) ? [toRoutes(name)] : []),
      ...(connectionLayer(port.protocol) === undefined ? [] : connectionClusters(port).map(toCluster)),
    ];
    return envoyResource(ListenerSchema, name, portListener(port, bind, localPort, terms), leadsTo);
  }),
  egressResources: rememberWith((asked: EgressListener, bind: string): readonly Resource[] => {
    const name = egressName(asked.at.value);
    const listener = egressListener(asked, bind, terms);
    const clusters = asked.targets.flatMap(({ port }) => portReferences(port));
    if (!isHttp(asked.protocol)) {
      const leadsTo = asked.targets.flatMap(({ port }) => connectionClusters(port)).map(toCluster);
      return [envoyResource(ListenerSchema, name, listener, leadsTo)];
    }
    return [
      envoyResource(ListenerSchema, name, listener, [toRoutes(name)]),
      envoyResource(RouteConfigurationSchema, name, egressRouteConfiguration(asked), clusters),
    ];
  }),
}));
