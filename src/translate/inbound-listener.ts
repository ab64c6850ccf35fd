import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Inbound } from '../model/ir-inbound.ts';
import type { TextMatch } from '../model/ir-route.ts';
import { isHttp } from '../model/service.ts';
import { pack } from '../proto/codec.ts';
import { TrafficDirection } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import {
  type Filter,
  type FilterChain,
  type FilterChainMatchSchema,
  FilterChainSchema,
  ListenerFilterSchema,
} from '../proto/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type Listener, ListenerSchema } from '../proto/gen/envoy/config/listener/v3/listener_pb.ts';
import { TlsInspectorSchema } from '../proto/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { RBACSchema } from '../proto/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { message } from '../proto/message.ts';
import { allowedCallers } from './allowed-callers.ts';
import { closeFilter } from './close-filter.ts';
import { downstreamTlsSocket } from './downstream-tls.ts';
import { durationOf } from './duration.ts';
import { inboundConnectionManager } from './http-connection-manager.ts';
import { inboundName } from './names.ts';
import { httpFilter, networkFilter } from './network-filter.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { allowRules, denyRules } from './rbac.ts';
import { socketAddress } from './socket-address.ts';
import { inboundTcpProxy, tcpFilter } from './tcp-proxy.ts';
import { meshProtocol } from './tls-parameters.ts';

/**
 * Where callers reach one port of the application. For HTTP it is constant (E21); a change of mTLS mode changes filter chains only,
 * and the mesh chain is the same in STRICT and PERMISSIVE, so its connections stay. `ownHost` stands in for
 * HTTP/1.0 requests that name no host.
 */
export function inboundListener(inbound: Inbound, ownHost: string): Listener {
  const { port, listen } = inbound;
  // What a route configuration can say instead closes no connection when another object comes to say the same.
  const fixed = isHttp(inbound.protocol)
    ? {}
    : { mtls: inbound.mtls, ingress: inbound.ingress, ...connectionBounds(inbound) };
  const metadata = provenanceMetadata({ ...inbound.terms, ...fixed });
  return message(ListenerSchema, {
    name: inboundName(port),
    address: socketAddress(listen.address, listen.port),
    trafficDirection: TrafficDirection.INBOUND,
    filterChains: filterChains(inbound, chainFilters(inbound, ownHost)),
    ...(speaksMeshTls(inbound) ? inspection(inbound) : {}),
    ...(metadata === undefined ? {} : { metadata }),
  });
}

/** Whether one of its chains speaks mesh TLS, and so needs the proxy's secrets. */
export function speaksMeshTls(inbound: Inbound): boolean {
  return inbound.mtls.value !== 'DISABLE';
}

/**
 * The first bytes tell mesh TLS from the rest. Where a server speaks first a plaintext caller sends none, so on TCP ports the wait
 * ends and the connection counts as plaintext.
 */
function inspection({ protocol }: Inbound) {
  const tlsInspector = message(ListenerFilterSchema, {
    name: 'envoy.filters.listener.tls_inspector',
    configType: { case: 'typedConfig', value: pack(TlsInspectorSchema) },
  });
  return {
    listenerFilters: [tlsInspector],
    ...(isHttp(protocol) ? {} : { listenerFiltersTimeout: durationOf(3_000), continueOnListenerFiltersTimeout: true }),
  };
}

/**
 * P34: what each mode lets in. Without a matching chain the connection is closed: so is one without identity to a TCP port whose rules
 * allow none, before the server says a word.
 */
function filterChains(inbound: Inbound, filters: Filter[]): FilterChain[] {
  const callers = callersOf(inbound);
  // Without mesh TLS nobody has an identity: where rules allow identities alone, nobody is allowed.
  if (inbound.mtls.value === 'DISABLE') return [plain('plaintext', callers === undefined ? filters : [closeFilter])];
  const mesh = message(FilterChainSchema, {
    name: 'mesh',
    filterChainMatch: { transportProtocol: 'tls', applicationProtocols: [meshProtocol] },
    filters,
    transportSocket: downstreamTlsSocket(callers),
  });
  if (callers !== undefined) return [mesh];
  switch (inbound.mtls.value) {
    case 'STRICT':
      return [mesh];
    case 'PERMISSIVE': {
      const plaintext = plain('plaintext', filters, { transportProtocol: 'raw_buffer' });
      // TLS that is not ours belongs to the application, which only a TCP port can hand on.
      const foreign = isHttp(inbound.protocol) ? [] : [plain('foreign', filters, { transportProtocol: 'tls' })];
      return [mesh, plaintext, ...foreign];
    }
    default:
      return inbound.mtls.value satisfies never;
  }
}

function plain(name: string, filters: Filter[], filterChainMatch?: MessageInitShape<typeof FilterChainMatchSchema>) {
  return message(FilterChainSchema, { name, filters, ...(filterChainMatch === undefined ? {} : { filterChainMatch }) });
}

/** Who alone may be allowed to a TCP port, if rules bound that; on HTTP ports rules judge each request. */
function callersOf({ protocol, authorization }: Inbound): readonly TextMatch[] | undefined {
  return isHttp(protocol) ? undefined : allowedCallers(authorization);
}

function chainFilters(inbound: Inbound, ownHost: string): Filter[] {
  const name = inboundName(inbound.port);
  if (isHttp(inbound.protocol))
    return [httpFilter(inboundConnectionManager(name, ownHost, inbound.maxConnectionDuration.value, inbound.terms))];
  return [
    ...connectionAuthorization(inbound, name),
    tcpFilter(inboundTcpProxy(name, inbound.terms, connectionBounds(inbound))),
  ];
}

/** What a Sidecar says of the age and silence of connections whose bytes nobody reads. */
function connectionBounds({ pool }: Inbound) {
  const { tcpIdleTimeout, maxConnectionDuration: age } = pool ?? {};
  return { ...(tcpIdleTimeout && { tcpIdleTimeout }), ...(age && { maxConnectionDuration: age }) };
}

/** Rules about connections cannot travel with routes: they stand here (P39). */
function connectionAuthorization({ authorization }: Inbound, name: string): Filter[] {
  const steps = [
    { step: 'deny', rules: denyRules(authorization) },
    { step: 'allow', rules: allowRules(authorization) },
  ];
  return steps.flatMap(({ step, rules }) =>
    rules === undefined
      ? []
      : [networkFilter(`weft.authorization.${step}`, RBACSchema, { rules, statPrefix: `${name}_${step}_` })],
  );
}
