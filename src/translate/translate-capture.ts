import type { OutboundPort, View } from '../model/ir.ts';
import type { ListenerTerms } from '../model/ir-mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import { isHttp } from '../model/service.ts';
import { ListenerSchema } from '../proto/gen/envoy/config/listener/v3/listener_pb.ts';
import type { Resource } from '../xds/resource.ts';
import { connectionClusters } from './connection-chains.ts';
import { envoyResource, toCluster, toRoutes } from './envoy-resource.ts';
import { clusterName, proxyName, servicePortName } from './names.ts';
import { portListener, proxyListener } from './outbound-listener.ts';
import { remember, rememberWith } from './remember.ts';

/** The listeners by which an application reaches its sidecar: `proxy`, `ports`, or both (section 7 of experience.md). */
export function translateCapture(view: View, capture: Proxy['capture']): readonly Resource[] {
  const { bind, ports } = capture;
  const local = ports ? localPorts(view) : [];
  const { proxyResource, portResource } = resourcesOf(view.terms);
  return [
    ...(capture.proxy === undefined ? [] : [proxyResource(capture)]),
    ...local.map((port) => portResource(port, bind)),
  ];
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
    const leadsTo = isHttp(port.protocol) ? [toRoutes(name)] : connectionClusters(port).map(toCluster);
    return envoyResource(ListenerSchema, name, portListener(port, bind, localPort, terms), leadsTo);
  }),
}));
