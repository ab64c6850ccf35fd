import type { Inbound } from '../model/ir-inbound.ts';
import type { Proxy } from '../model/proxy.ts';
import { rememberWith } from '../model/remember.ts';
import { connectionLayer, isHttp } from '../model/service.ts';
import { ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../proto/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import type { Resource } from '../xds/resource.ts';
import { authorizerResource } from './authorizer-filter.ts';
import { envoyResource, toCluster, toRoutes, toSecret } from './envoy-resource.ts';
import { toExtension } from './extension-config.ts';
import { inboundCluster } from './inbound-cluster.ts';
import { inboundListener, speaksMeshTls } from './inbound-listener.ts';
import { inboundRouteConfiguration } from './inbound-route-configuration.ts';
import { tokenResources } from './jwt-filter.ts';
import { authorizerName, bundleSecretName, clusterName, identitySecretName, inboundName, tokensName } from './names.ts';

/**
 * What stands before the ports of one application: for each a listener and a cluster and, for HTTP, the route configuration that
 * carries what policies say (E21); for all of them together the filters that ask an authorizer and verify tokens.
 */
export function translateInbound(inbound: readonly Inbound[], proxy: Proxy): readonly Resource[] {
  const ownHost = `${proxy.service}.${proxy.namespace}`;
  const filters = inbound.some(({ protocol }) => isHttp(protocol))
    ? [authorizerResource(inbound), ...tokenResources(inbound)]
    : [];
  return [...inbound.flatMap((port) => portResources(port, ownHost)), ...filters];
}

/** Those that the listener itself calls: what requests ask is a matter of the filter that comes apart from it. */
function askedAboutConnections({ protocol, authorization, ofBytes }: Inbound) {
  const { custom } = isHttp(protocol) ? { custom: ofBytes?.custom } : authorization;
  return custom === undefined ? [] : [toCluster(clusterName(custom.authorizer.ref))];
}

const portResources = rememberWith((inbound: Inbound, ownHost: string): readonly Resource[] => {
  const name = inboundName(inbound.port);
  const http = isHttp(inbound.protocol);
  const secrets = speaksMeshTls(inbound) ? [toSecret(identitySecretName), toSecret(bundleSecretName)] : [];
  const leadsTo = [
    ...(http ? [toRoutes(name), toExtension(authorizerName), toExtension(tokensName)] : []),
    ...(connectionLayer(inbound.protocol) === undefined ? [] : [toCluster(name), ...askedAboutConnections(inbound)]),
  ];
  const routes = http
    ? [envoyResource(RouteConfigurationSchema, name, inboundRouteConfiguration(inbound), [toCluster(name)])]
    : [];
  return [
    envoyResource(ClusterSchema, name, inboundCluster(inbound)),
    envoyResource(ListenerSchema, name, inboundListener(inbound, ownHost), [...leadsTo, ...secrets]),
    ...routes,
  ];
});
