import { isIP } from 'node:net';
import type { EgressAddress, EgressListener } from '../model/ir-egress.ts';
import type { ListenerTerms } from '../model/ir-mesh.ts';
import { restConnections } from '../model/rest-connections.ts';
import { isHttp, layerOf } from '../model/service.ts';
import type { Address } from '../proto/gen/envoy/config/core/v3/address_pb.ts';
import type { Listener } from '../proto/gen/envoy/config/listener/v3/listener_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import { message } from '../proto/message.ts';
import { closeFilter } from './close-filter.ts';
import { byServerName, type ConnectionChains, connectionChains } from './connection-chains.ts';
import { outboundConnectionManager } from './http-connection-manager.ts';
import { egressName } from './names.ts';
import { httpFilter } from './network-filter.ts';
import { chainOf, outboundListener } from './outbound-listener.ts';
import { namedVirtualHost, portVirtualHost, unknownVirtualHost } from './outbound-virtual-host.ts';
import type { OwnAddress } from './own-address-filter.ts';
import { pipeAddress } from './pipe-address.ts';
import { longestBody } from './respond-action.ts';
import { socketAddress } from './socket-address.ts';

/** A listener that a Sidecar asks for; `bind` is where the proxy's other outbound listeners are. */
export function egressListener(listener: EgressListener, bind: string, terms: ListenerTerms): Listener {
  const name = egressName(listener.at.value);
  const [first, another] = listener.targets;
  const host = another === undefined ? first?.port.destination.ref.host : undefined;
  const chains = isHttp(listener.protocol)
    ? chainOf(
        httpFilter(outboundConnectionManager(name, host ?? 'localhost', terms, ownAddress(listener.at.value, bind))),
      )
    : bytesTo(listener, terms);
  return outboundListener(name, addressOf(listener.at.value, bind), chains, { egress: listener.at, ...terms });
}

function ownAddress(at: EgressAddress, bind: string): OwnAddress | undefined {
  return at.kind === 'socket' ? undefined : { address: at.address ?? bind, port: at.port };
}

function addressOf(at: EgressAddress, bind: string): Address {
  return at.kind === 'socket' ? pipeAddress(at.path) : socketAddress(at.address ?? bind, at.port);
}

/**
 * One service takes whatever comes, and its rules by server name act (P19); of several each is known by its names, and who says no such
 * name is not let in. Behind a listener that leads nowhere every connection is closed.
 */
function bytesTo({ single, protocol, targets }: EgressListener, terms: ListenerTerms): ConnectionChains {
  const [first] = targets;
  const byName = !single && layerOf(protocol) === 'tls';
  if (first !== undefined && !byName) return connectionChains(first.port, terms);
  const named = targets.flatMap(({ names, port }) => {
    const serverNames = names.filter((name) => isIP(name) === 0 && !name.startsWith('['));
    return serverNames.length === 0 ? [] : [{ ...restConnections(port), serverNames }];
  });
  return named.length === 0 ? chainOf(closeFilter) : byServerName(named, terms);
}

/**
 * Behind an HTTP listener: the services by their names, whatever port a request adds to them (P4); of the one that is named alone, all
 * requests, unless it calls whom they name. No other host is known there (P48).
 */
export function egressRouteConfiguration(listener: EgressListener): RouteConfiguration {
  const { at, single, targets } = listener;
  const [only] = targets;
  const virtualHosts =
    single && only
      ? [namedVirtualHost(only.port, only.names)]
      : [
          ...targets.filter(({ names }) => names.length > 0).map(({ names, port }) => portVirtualHost(port, names)),
          unknownVirtualHost({ value: 'refuse', by: { default: 'P48' } }),
        ];
  return message(RouteConfigurationSchema, {
    name: egressName(at.value),
    virtualHosts,
    validateClusters: false,
    ignorePortInHostMatching: true,
    maxDirectResponseBodySizeBytes: longestBody,
  });
}
