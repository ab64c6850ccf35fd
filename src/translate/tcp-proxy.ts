import type { ConnectionRoute, ConnectionTerms } from '../model/ir-connection.ts';
import type { ListenerTerms } from '../model/ir-mesh.ts';
import type { Filter } from '../proto/gen/envoy/config/listener/v3/listener_components_pb.ts';
import {
  type TcpProxy,
  TcpProxySchema,
} from '../proto/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { message } from '../proto/message.ts';
import { accessLogs } from './access-log.ts';
import { clusterChoice } from './cluster-choice.ts';
import { durationOf } from './duration.ts';
import { connectionHashPolicy } from './hash-policy.ts';
import { networkFilter } from './network-filter.ts';

/**
 * Bytes to a destination, or to one of several for each connection. Only a policy bounds the age of a connection: a default would cut
 * sessions in use (R1).
 */
export function outboundTcpProxy({ destinations, terms, hash }: ConnectionRoute, listener: ListenerTerms): TcpProxy {
  return message(TcpProxySchema, {
    statPrefix: 'out',
    clusterSpecifier: clusterChoice(destinations),
    accessLog: accessLogs('tcp', 'source', listener),
    ...(hash === undefined ? {} : { hashPolicy: [connectionHashPolicy] }),
    ...bounds(terms),
  });
}

/** Bytes to the application, for as long as `terms` allow. */
export function inboundTcpProxy(name: string, listener: ListenerTerms, terms: ConnectionTerms = {}): TcpProxy {
  return message(TcpProxySchema, {
    statPrefix: name,
    clusterSpecifier: { case: 'cluster', value: name },
    accessLog: accessLogs('tcp', 'destination', listener),
    ...bounds(terms),
  });
}

function bounds({ tcpIdleTimeout: idle, maxConnectionDuration: age }: ConnectionTerms) {
  return {
    ...(idle && { idleTimeout: durationOf(idle.value) }),
    ...(age && { maxDownstreamConnectionDuration: durationOf(age.value) }),
  };
}

/** The filter that ends a chain for bytes. */
export function tcpFilter(proxy: TcpProxy): Filter {
  return networkFilter('envoy.filters.network.tcp_proxy', TcpProxySchema, proxy);
}
