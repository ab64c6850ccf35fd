import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Authorization, Inbound } from '../model/ir-inbound.ts';
import type { TextMatch } from '../model/ir-route.ts';
import { connectionTerms } from '../model/rest-connections.ts';
import { connectionLayer, isHttp } from '../model/service.ts';
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
import { connectionAuthorizer } from './authorizer-filter.ts';
import { closeFilter } from './close-filter.ts';
import { httpInspector, httpVersions } from './connection-chains.ts';
import { downstreamTlsSocket } from './downstream-tls.ts';
import { durationOf } from './duration.ts';
import { inboundConnectionManager } from './http-connection-manager.ts';
import { inboundName } from './names.ts';
import { httpFilter, networkFilter } from './network-filter.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { authorizationSteps, connectionRules, shadowPrefix } from './rbac.ts';
import { socketAddress } from './socket-address.ts';
import { inboundTcpProxy, tcpFilter } from './tcp-proxy.ts';
import { meshBytesProtocol, meshProtocol } from './tls-parameters.ts';

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
    : { mtls: inbound.mtls, ingress: inbound.ingress, ...connectionTerms(inbound.pool ?? {}) };
  const { meshParameters } = speaksMeshTls(inbound) ? inbound : {};
  const metadata = provenanceMetadata({ ...inbound.terms, meshParameters, ...fixed });
  return message(ListenerSchema, {
    name: inboundName(port),
    address: socketAddress(listen.address, listen.port),
    // What is for this workload is for no other Envoy of the machine (docs/decisions/46).
    enableReusePort: false,
    trafficDirection: TrafficDirection.INBOUND,
    filterChains: filterChains(inbound, ownHost),
    ...inspection(inbound),
    ...(metadata === undefined ? {} : { metadata }),
  });
}

/** Whether one of its chains speaks mesh TLS, and so needs the proxy's secrets. */
export function speaksMeshTls(inbound: Inbound): boolean {
  return inbound.mtls.value !== 'DISABLE';
}

/**
 * The first bytes tell mesh TLS from the rest, and HTTP from bytes where nothing is declared (P28). Where a server speaks first a plaintext
 * caller sends none, so on ports for bytes the wait ends and the connection counts as plaintext.
 */
function inspection(inbound: Inbound) {
  const tlsInspector = message(ListenerFilterSchema, {
    name: 'envoy.filters.listener.tls_inspector',
    configType: { case: 'typedConfig', value: pack(TlsInspectorSchema) },
  });
  const listenerFilters = [
    ...(speaksMeshTls(inbound) ? [tlsInspector] : []),
    ...(inbound.ofBytes === undefined ? [] : [httpInspector]),
  ];
  if (listenerFilters.length === 0) return {};
  const bounded = connectionLayer(inbound.protocol) !== undefined;
  return {
    listenerFilters,
    ...(bounded ? { listenerFiltersTimeout: durationOf(3_000), continueOnListenerFiltersTimeout: true } : {}),
  };
}

/** P34: what each mode lets in. Without a matching chain the connection is closed. */
function filterChains(inbound: Inbound, ownHost: string): FilterChain[] {
  const words = [meshProtocol, ...(inbound.terms.detection ? [meshBytesProtocol] : [])];
  if (!isHttp(inbound.protocol)) return bytesChains(inbound, inbound.authorization, words, '');
  const requests = requestFilters(inbound, ownHost);
  if (inbound.ofBytes === undefined) return requestChains(inbound, requests, words, {});
  return [
    ...requestChains(inbound, requests, [meshProtocol], { applicationProtocols: [...httpVersions] }),
    ...bytesChains(inbound, inbound.ofBytes, [meshBytesProtocol], '-bytes'),
  ];
}

/** Chains for HTTP: rules judge each request. `seen` is what else the first bytes of a plaintext caller must say. */
function requestChains(inbound: Inbound, filters: Filter[], words: readonly string[], seen: ChainMatch): FilterChain[] {
  switch (inbound.mtls.value) {
    case 'DISABLE':
      return [plain('plaintext', filters, ...(Object.keys(seen).length === 0 ? [] : [seen]))];
    case 'STRICT':
      return [meshChain('mesh', words, filters, undefined, inbound)];
    case 'PERMISSIVE':
      return [
        meshChain('mesh', words, filters, undefined, inbound),
        plain('plaintext', filters, { transportProtocol: 'raw_buffer', ...seen }),
      ];
    default:
      return inbound.mtls.value satisfies never;
  }
}

/**
 * Chains for bytes. A caller without identity, where rules allow identities alone, is closed before the server says a word. TLS that is not
 * ours belongs to the application, which only a port for bytes can hand on.
 */
function bytesChains(
  inbound: Inbound,
  authorization: Authorization,
  words: readonly string[],
  suffix: string,
): FilterChain[] {
  const callers = allowedCallers(authorization);
  const filters = bytesFilters(inbound, authorization);
  const mesh = meshChain(`mesh${suffix}`, words, filters, callers, inbound);
  switch (inbound.mtls.value) {
    case 'DISABLE':
      // Without mesh TLS nobody has an identity: where rules allow identities alone, nobody is allowed.
      return [plain(`plaintext${suffix}`, callers === undefined ? filters : [closeFilter])];
    case 'STRICT':
      return [mesh];
    case 'PERMISSIVE':
      if (callers !== undefined) return [mesh];
      return [
        mesh,
        plain(`plaintext${suffix}`, filters, { transportProtocol: 'raw_buffer' }),
        plain('foreign', filters, { transportProtocol: 'tls' }),
      ];
    default:
      return inbound.mtls.value satisfies never;
  }
}

/** A chain that changes is drained, and its connections end with it: here those that a compromised root let in (decision 66). */
function meshChain(
  name: string,
  words: readonly string[],
  filters: Filter[],
  callers: readonly TextMatch[] | undefined,
  { meshParameters, distrustedRoot }: Inbound,
): FilterChain {
  const metadata = distrustedRoot === undefined ? undefined : provenanceMetadata({}, '', { distrustedRoot });
  return message(FilterChainSchema, {
    name,
    filterChainMatch: { transportProtocol: 'tls', applicationProtocols: [...words] },
    filters,
    transportSocket: downstreamTlsSocket(callers, meshParameters?.value),
    ...(metadata === undefined ? {} : { metadata }),
  });
}

type ChainMatch = MessageInitShape<typeof FilterChainMatchSchema>;

function plain(name: string, filters: Filter[], filterChainMatch?: ChainMatch) {
  return message(FilterChainSchema, { name, filters, ...(filterChainMatch === undefined ? {} : { filterChainMatch }) });
}

function requestFilters({ port, maxConnectionDuration, terms }: Inbound, ownHost: string): Filter[] {
  return [httpFilter(inboundConnectionManager(inboundName(port), ownHost, maxConnectionDuration?.value, terms))];
}

function bytesFilters(inbound: Inbound, authorization: Authorization): Filter[] {
  const name = inboundName(inbound.port);
  return [
    ...connectionAuthorization(authorization, name),
    tcpFilter(inboundTcpProxy(name, inbound.terms, inbound.pool)),
  ];
}

/** Rules about connections cannot travel with routes: they stand here (P39). */
function connectionAuthorization(authorization: Authorization, name: string): Filter[] {
  const rules = connectionRules(authorization);
  return authorizationSteps.flatMap((step) => {
    const ofStep = rules[step];
    if (ofStep === undefined) return [];
    const noted = ofStep.shadowRules && { shadowRulesStatPrefix: shadowPrefix[step] };
    const config = { ...ofStep, statPrefix: `${name}_${step}_`, ...noted };
    const judge = networkFilter(`weft.authorization.${step}`, RBACSchema, config);
    const { custom } = authorization;
    return step === 'custom' && custom ? [judge, connectionAuthorizer(custom.authorizer, name)] : [judge];
  });
}
