import type { ConnectionPool, LoadBalancer, OutlierDetection, Subset } from '../model/destination-rule.ts';
import type {
  ConnectionPoolDecision,
  Destination,
  DestinationRef,
  EndpointAddress,
  OutlierDecision,
  PeerSecurity,
} from '../model/ir-destination.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Decided } from '../model/provenance.ts';
import { byDefault } from '../model/provenance.ts';
import { selects } from '../model/selector.ts';
import type { Service, ServicePort } from '../model/service.ts';
import { plainHost } from '../policy/hosts.ts';
import type { Effective, EffectiveBlocks, MergedRule, Written } from './destination-rule.ts';
import { effectiveBlocks } from './destination-rule.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import { remembered } from './keep.ts';

interface Known {
  readonly facts: EndpointFacts;
  readonly destinations: readonly Destination[];
}

const memory = new WeakMap<MergedRule, WeakMap<Service, Map<number, Known>>>();

/**
 * The destinations of one port: the whole service, then its subsets by name (P25). Remembered on the rule, the service and the facts,
 * not on the scope: clients of several namespaces share them.
 */
export function destinationsOf(
  service: Service,
  port: ServicePort,
  rule: MergedRule,
  facts: EndpointFacts,
): readonly Destination[] {
  const byService = remembered(memory, rule, () => new WeakMap<Service, Map<number, Known>>());
  const byPort = remembered(byService, service, () => new Map<number, Known>());
  const known = byPort.get(port.number);
  if (known?.facts === facts) return known.destinations;
  const destinations = [undefined, ...rule.subsets].map((subset) => destination(service, port, rule, subset, facts));
  byPort.set(port.number, { facts, destinations });
  return destinations;
}

/** Names a destination of a known service. */
export function refTo(service: Service, port: number, subset?: string): DestinationRef {
  const { key, namespace, name } = service;
  const ref = { service: key, namespace, name, host: plainHost(service.host), port };
  return subset === undefined ? ref : { ...ref, subset };
}

function destination(
  service: Service,
  port: ServicePort,
  rule: MergedRule,
  subset: Written<Subset> | undefined,
  facts: EndpointFacts,
): Destination {
  const blocks = effectiveBlocks(rule, subset, port.number);
  const ref = refTo(service, port.number, subset?.value.name);
  const outlierDetection = blocks.outlierDetection && outlierDecision(blocks.outlierDetection);
  return {
    ref,
    protocol: port.protocol,
    discovery: service.resolution,
    addresses: addressesOf(service, port, facts, subset?.value),
    loadBalancer: loadBalancerDecision(blocks.loadBalancer),
    pool: poolDecision(blocks.connectionPool),
    ...(outlierDetection && { outlierDetection }),
    panicThreshold: panicThreshold(blocks),
    security: security(service, ref, facts),
    ...(subset && { labels: subset.value.labels }),
  };
}

/** Addresses that the proxy resolves; without endpoints the host itself, and one address at most where only the first counts. */
function addressesOf(
  service: Service,
  port: ServicePort,
  facts: EndpointFacts,
  subset: Subset | undefined,
): readonly EndpointAddress[] {
  if (service.resolution === 'registry' || service.resolution === 'request') return [];
  const endpoints = (facts.endpoints?.get(port.number) ?? []).filter(
    (endpoint) => endpoint.health !== 'draining' && selects(subset?.labels, endpoint.labels),
  );
  const addresses = endpoints.map(({ address, port: number, weight, identity }) => {
    const meshTls = identity !== undefined && !service.external;
    return { address, port: number, weight: Math.max(1, weight), ...(meshTls && { meshTls }) };
  });
  return service.resolution === 'dns-round-robin' ? addresses.slice(0, 1) : addresses;
}

/** P35: MESH_EXTERNAL and addresses that come with the request are never called with mesh TLS. */
function security(service: Service, ref: DestinationRef, facts: EndpointFacts): PeerSecurity {
  if (service.external || service.resolution === 'request') return { kind: 'plain' };
  // The name by which P25 tells destinations apart in SNI.
  return {
    kind: 'mesh',
    accepted: facts.accepted,
    serverName: `outbound_.${ref.port}_.${ref.subset ?? ''}_.${ref.host}`,
  };
}

const loadBalancers = {
  LEAST_REQUEST: 'least-request',
  ROUND_ROBIN: 'round-robin',
  RANDOM: 'random',
} as const satisfies Record<LoadBalancer['simple'], string>;

function loadBalancerDecision(block: Effective<LoadBalancer> | undefined): Destination['loadBalancer'] {
  return block ? decided(block, loadBalancers[block.value.simple], 'simple') : byDefault('least-request', 'D5');
}

const second = 1000;
/** D6: as many as the number can say. */
const unlimited = 2 ** 32 - 1;

/** D4, D6 and the age of R17 where nothing is written; a count of 0 is not written either (P26). */
function poolDecision(block: Effective<ConnectionPool> | undefined): ConnectionPoolDecision {
  const { tcp = {}, http = {} } = block?.value ?? {};
  const written = <T>(value: T | undefined, field: string): Decided<T> | undefined =>
    block === undefined || value === undefined ? undefined : decided(block, value, field);
  const count = (value: number | undefined, field: string) => written(value === 0 ? undefined : value, field);
  const tcpIdleTimeout = written(tcp.idleTimeout, 'tcp.idleTimeout');
  const maxRequestsPerConnection = count(http.maxRequestsPerConnection, 'http.maxRequestsPerConnection');
  const tcpKeepalive = written(tcp.tcpKeepalive, 'tcp.tcpKeepalive');
  return {
    connectTimeout: written(tcp.connectTimeout, 'tcp.connectTimeout') ?? byDefault(10 * second, 'D4'),
    maxConnections: count(tcp.maxConnections, 'tcp.maxConnections') ?? byDefault(unlimited, 'D6'),
    maxPendingRequests:
      count(http.http1MaxPendingRequests, 'http.http1MaxPendingRequests') ?? byDefault(unlimited, 'D6'),
    maxRequests: count(http.http2MaxRequests, 'http.http2MaxRequests') ?? byDefault(unlimited, 'D6'),
    maxRetries: count(http.maxRetries, 'http.maxRetries') ?? byDefault(unlimited, 'D6'),
    idleTimeout: written(http.idleTimeout, 'http.idleTimeout') ?? byDefault(3600 * second, 'D4'),
    ...(tcpIdleTimeout && { tcpIdleTimeout }),
    ...(maxRequestsPerConnection && { maxRequestsPerConnection }),
    maxConnectionDuration:
      written(tcp.maxConnectionDuration, 'tcp.maxConnectionDuration') ?? byDefault(900 * second, 'R17'),
    ...(tcpKeepalive && { tcpKeepalive }),
  };
}

/** D7; counts of 0 are off, except that an absent `consecutive5xxErrors` is 5 (P26). */
function outlierDecision(block: Effective<OutlierDetection>): Decided<OutlierDecision> {
  const { value } = block;
  return decided(block, {
    consecutive5xx: value.consecutive5xxErrors ?? 5,
    consecutiveGatewayErrors: value.consecutiveGatewayErrors ?? 0,
    splitLocalErrors: value.splitExternalLocalOriginErrors,
    consecutiveLocalErrors: value.consecutiveLocalOriginFailures ?? 5,
    interval: value.interval ?? 10 * second,
    baseEjectionTime: value.baseEjectionTime ?? 30 * second,
    maxEjectionPercent: value.maxEjectionPercent || 10,
  });
}

/** D8 */
function panicThreshold({ outlierDetection }: EffectiveBlocks): Decided<number> {
  if (outlierDetection === undefined) return byDefault(50, 'D8');
  const { minHealthPercent } = outlierDetection.value;
  if (minHealthPercent === undefined) return byDefault(0, 'D8');
  return decided(outlierDetection, minHealthPercent, 'minHealthPercent');
}

function decided<T>(block: Effective<unknown>, value: T, field?: string): Decided<T> {
  const by = provenance(block.object, field === undefined ? block.path : `${block.path}.${field}`);
  return block.lost.length === 0 ? { value, by } : { value, by, also: block.lost };
}
