import { isIP } from 'node:net';
import type { Subset } from '../model/destination-rule.ts';
import type { Destination, DestinationRef, EndpointAddress } from '../model/ir-destination.ts';
import type { HealthCheckObject } from '../model/policy.ts';
import { selects } from '../model/selector.ts';
import { isHttp, type Service, type ServicePort } from '../model/service.ts';
import { plainHost } from '../policy/hosts.ts';
import { poolDecision } from './connection-pool.ts';
import type { MergedRule, Written } from './destination-rule.ts';
import { effectiveBlocks } from './destination-rule.ts';
import { outlierDecision, panicThreshold } from './ejection.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import { healthCheckDecisions } from './health-check.ts';
import { remembered } from './keep.ts';
import { loadBalancerDecision } from './load-balancing.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import { peerSecurity } from './peer-security.ts';
import { retryBudgetDecision } from './retry-budget.ts';

interface Known {
  readonly settings: MeshDefaults;
  readonly facts: EndpointFacts;
  readonly destinations: readonly Destination[];
}

type ByService = WeakMap<Service, Map<number, Known>>;
const memory = new WeakMap<MergedRule, WeakMap<readonly HealthCheckObject[], ByService>>();

/**
 * The destinations of one port: the whole service, then its subsets by name (P25). Remembered on the rule, the health checks, the service and
 * the facts, not on the scope: clients of several namespaces share them.
 */
export function destinationsOf(
  settings: MeshDefaults,
  service: Service,
  port: ServicePort,
  rule: MergedRule,
  facts: EndpointFacts,
  checks: readonly HealthCheckObject[],
): readonly Destination[] {
  const byChecks = remembered(memory, rule, () => new WeakMap<readonly HealthCheckObject[], ByService>());
  const byService = remembered(byChecks, checks, () => new WeakMap<Service, Map<number, Known>>());
  const byPort = remembered(byService, service, () => new Map<number, Known>());
  const known = byPort.get(port.number);
  if (known?.facts === facts && known.settings === settings) return known.destinations;
  const healthChecks = service.resolution === 'request' ? [] : healthCheckDecisions(checks, port);
  const destinations = [undefined, ...rule.subsets].map((subset) => {
    const plain = destination(settings, service, port, rule, subset, facts);
    return healthChecks.length === 0 ? plain : { ...plain, healthChecks };
  });
  byPort.set(port.number, { settings, facts, destinations });
  return destinations;
}

/** Names a destination of a known service. */
export function refTo(service: Service, port: number, subset?: string): DestinationRef {
  const { key, namespace, name } = service;
  const ref = { service: key, namespace, name, host: plainHost(service.host), port };
  return subset === undefined ? ref : { ...ref, subset };
}

function destination(
  settings: MeshDefaults,
  service: Service,
  port: ServicePort,
  rule: MergedRule,
  subset: Written<Subset> | undefined,
  facts: EndpointFacts,
): Destination {
  const blocks = effectiveBlocks(rule, subset, port.number, settings.trafficPolicy);
  const ref = refTo(service, port.number, subset?.value.name);
  const outlierDetection = blocks.outlierDetection && outlierDecision(blocks.outlierDetection);
  const retryBudget = blocks.retryBudget && retryBudgetDecision(blocks.retryBudget);
  return {
    ref,
    protocol: port.protocol,
    discovery: service.resolution,
    addresses: addressesOf(service, port, facts, subset?.value),
    loadBalancer: loadBalancerDecision(blocks.loadBalancer),
    pool: poolDecision(blocks.connectionPool, settings),
    ...(retryBudget && { retryBudget }),
    ...(outlierDetection && { outlierDetection }),
    panicThreshold: panicThreshold(blocks),
    ...peerSecurity(settings, service, port, ref, facts, blocks.tls),
    ...(settings.dnsRefreshRate && { dnsRefreshRate: settings.dnsRefreshRate }),
    ...(subset && { labels: subset.value.labels }),
  };
}

/**
 * Addresses that the proxy resolves; without endpoints the host itself, and one address at most where only the first counts. Where
 * callers say themselves whom they mean, plain connections have no words for it: they mean the addresses that the service declares.
 */
function addressesOf(
  service: Service,
  port: ServicePort,
  facts: EndpointFacts,
  subset: Subset | undefined,
): readonly EndpointAddress[] {
  if (service.resolution === 'registry') return [];
  if (service.resolution === 'request') {
    if (isHttp(port.protocol)) return [];
    const declared = service.addresses.filter((address) => isIP(address) !== 0);
    return declared.map((address) => ({ address, port: port.number, weight: 1 }));
  }
  const endpoints = (facts.endpoints?.get(port.number) ?? []).filter(
    (endpoint) => endpoint.health !== 'draining' && selects(subset?.labels, endpoint.labels),
  );
  const addresses = endpoints.map(({ address, port: number, weight, identity }) => {
    const meshTls = identity !== undefined && !service.external;
    return { address, port: number, weight: Math.max(1, weight), ...(meshTls && { meshTls }) };
  });
  return service.resolution === 'dns-round-robin' ? addresses.slice(0, 1) : addresses;
}
