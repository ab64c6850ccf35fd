import type { OutboundPort } from '../model/ir.ts';
import type { ConnectionRoute } from '../model/ir-connection.ts';
import type { ListenerTerms } from '../model/ir-mesh.ts';
import { restConnections } from '../model/rest-connections.ts';
import { pack } from '../proto/codec.ts';
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
  ListenerFilterSchema,
} from '../proto/gen/envoy/config/listener/v3/listener_components_pb.ts';
import type { Listener } from '../proto/gen/envoy/config/listener/v3/listener_pb.ts';
import { HttpInspectorSchema } from '../proto/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts';
import { TlsInspectorSchema } from '../proto/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { message } from '../proto/message.ts';
import { bytesMarkFilter, saysBytes } from './bytes-mark.ts';
import { durationOf } from './duration.ts';
import { clusterName } from './names.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { outboundTcpProxy, tcpFilter } from './tcp-proxy.ts';

/** The parts of a listener that say where its connections go. */
export type ConnectionChains = Pick<Listener, 'filterChains'> &
  Partial<
    Pick<
      Listener,
      'defaultFilterChain' | 'listenerFilters' | 'listenerFiltersTimeout' | 'continueOnListenerFiltersTimeout'
    >
  >;

/**
 * One chain for each rule by server name (P19), and one for the rest. Only a rule by server name has the first bytes looked at: a
 * program whose server speaks first sends none, so the wait ends and the connection goes the way of the rest.
 */
export function connectionChains(port: OutboundPort, listener: ListenerTerms): ConnectionChains {
  const led = (port.connections ?? []).filter(({ serverNames }) => serverNames.length > 0);
  const rest = chain(restConnections(port), listener);
  if (led.length === 0) return { filterChains: [rest] };
  return { ...byServerName(led, listener), defaultFilterChain: rest };
}

/** One chain for each of these routes; connections by other names, or none, are closed unless there is a chain for the rest. */
export function byServerName(routes: readonly ConnectionRoute[], listener: ListenerTerms): ConnectionChains {
  const inspector = message(ListenerFilterSchema, {
    name: 'envoy.filters.listener.tls_inspector',
    configType: { case: 'typedConfig', value: pack(TlsInspectorSchema) },
  });
  return {
    filterChains: routes.map((route) => chain(route, listener)),
    listenerFilters: [inspector],
    listenerFiltersTimeout: durationOf(3_000),
    continueOnListenerFiltersTimeout: true,
  };
}

/** What Envoy calls the HTTP that it sees in the first bytes. */
export const httpVersions: readonly string[] = ['http/1.0', 'http/1.1', 'h2c'];

/** Looks whether the first bytes are HTTP. */
export const httpInspector = message(ListenerFilterSchema, {
  name: 'envoy.filters.listener.http_inspector',
  configType: { case: 'typedConfig', value: pack(HttpInspectorSchema) },
});

/**
 * P28: of a port that declares no protocol, what begins as HTTP goes to `requests`, all else where connections go. Who says nothing for a
 * second waits for his server to speak first.
 */
export function detectingChains(port: OutboundPort, requests: Filter, listener: ListenerTerms): ConnectionChains {
  const bytes = chain(restConnections(port), listener);
  const filters = saysBytes(port) ? [bytesMarkFilter, ...bytes.filters] : bytes.filters;
  return {
    filterChains: [
      message(FilterChainSchema, {
        filterChainMatch: { applicationProtocols: [...httpVersions] },
        filters: [requests],
      }),
    ],
    defaultFilterChain: { ...bytes, filters },
    listenerFilters: [httpInspector],
    listenerFiltersTimeout: durationOf(1_000),
    continueOnListenerFiltersTimeout: true,
  };
}

/** The clusters that connections to a port go to. */
export function connectionClusters(port: OutboundPort): readonly string[] {
  const routes = [...(port.connections ?? []), restConnections(port)];
  const named = routes.flatMap(({ destinations }) => destinations.map(({ destination }) => destination));
  return named.filter(({ missing }) => missing !== true).map(clusterName);
}

function chain(route: ConnectionRoute, listener: ListenerTerms): FilterChain {
  const { name, by, serverNames, destinations, terms, hash } = route;
  const weights = destinations.map(({ weight }) => weight);
  const bounds = { idleTimeout: terms.tcpIdleTimeout, maxConnectionDuration: terms.maxConnectionDuration };
  const metadata = provenanceMetadata({ route: { value: name, by }, weights, ...bounds, hash }, name);
  return message(FilterChainSchema, {
    ...('default' in by ? {} : { name }),
    ...(serverNames.length === 0 ? {} : { filterChainMatch: { serverNames: [...serverNames] } }),
    filters: [tcpFilter(outboundTcpProxy(route, listener))],
    ...(metadata === undefined ? {} : { metadata }),
  });
}
