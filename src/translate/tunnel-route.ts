import type { OutboundPort } from '../model/ir.ts';
import { restConnections } from '../model/rest-connections.ts';
import {
  type Route,
  type RouteAction_HashPolicy,
  RouteSchema,
} from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { message } from '../proto/message.ts';
import { bytesMarkName, bytesMarkOfRoute, saysBytes } from './bytes-mark.ts';
import { clusterChoice } from './cluster-choice.ts';
import { durationOf } from './duration.ts';
import { routeHashPolicy } from './hash-policy.ts';
import { provenanceMetadata } from './provenance-metadata.ts';

/**
 * The route of a tunnel to a service port (E23, R11). It stands before the ordinary routes: some programs tunnel where others send
 * the absolute form. Outbound HTTP rules do not see inside, nor do rules by server name: the tunnel goes where connections go that
 * no server name leads elsewhere.
 */
export function tunnelRoute(port: OutboundPort): Route {
  const { name, by, destinations, hash } = restConnections(port);
  const weights = destinations.map(({ weight }) => weight);
  const metadata = provenanceMetadata({ route: { value: name, by }, weights, hash }, name);
  const policies = hash === undefined ? [] : [routeHashPolicy(hash.value)];
  return {
    ...tunnel(name, clusterChoice(destinations), policies),
    ...(saysBytes(port) ? { typedPerFilterConfig: { [bytesMarkName]: bytesMarkOfRoute } } : {}),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** The tunnel to one cluster. */
export function tunnelTo(cluster: string, name: string): Route {
  return tunnel(name, { case: 'cluster', value: cluster });
}

function tunnel(
  name: string,
  clusterSpecifier: ReturnType<typeof clusterChoice>,
  hashPolicy: RouteAction_HashPolicy[] = [],
): Route {
  return message(RouteSchema, {
    name,
    match: { pathSpecifier: { case: 'connectMatcher', value: {} } },
    action: {
      case: 'route',
      value: {
        clusterSpecifier,
        hashPolicy,
        timeout: durationOf(0),
        upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }],
      },
    },
  });
}
