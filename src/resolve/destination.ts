import { isIP } from 'node:net';
import type { Subset } from '../model/destination-rule.ts';
import type { Destination, DestinationRef, EndpointAddress } from '../model/ir-destination.ts';
import type { LocalityDecision } from '../model/ir-load-balancing.ts';
import type { HealthCheckObject } from '../model/policy.ts';
import { byDefault } from '../model/provenance.ts';
import { selects } from '../model/selector.ts';
import { isHttp, type Service, type ServicePort } from '../model/service.ts';
import { plainHost } from '../policy/hosts.ts';
import { authorizerVersion } from './authorizer-service.ts';
import { poolDecision } from './connection-pool.ts';
import type { MergedRule, Written } from './destination-rule.ts';
import { effectiveBlocks } from './destination-rule.ts';
import { outlierDecision, panicThreshold } from './ejection.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import { healthCheckDecisions } from './health-check.ts';
import { remembered } from './keep.ts';
import { discoveryOf, loadBalancing } from './load-balancing.ts';
import { type Placed, placeEndpoints } from './locality.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import { peerSecurity } from './peer-security.ts';
import { localitySettings, placedDestinations } from './placed-destinations.ts';
import { retryBudgetDecision } from './retry-budget.ts';

interface Known {
  readonly settings: MeshDefaults;
  readonly facts: EndpointFacts;
  readonly destinations: readonly Destination[];
  /** What makes of them those of a client in some place. */
  readonly localities: ReturnType<typeof localitySettings>;
}

type ByService = WeakMap<Service, Map<number, Known>>;
const memory = new WeakMap<MergedRule, WeakMap<readonly HealthCheckObject[], ByService>>();

/**
 * The destinations of one port: the whole service, then its subsets by name (P25). Remembered on the rule, the health checks, the service and
 * the facts, not on the scope: clients of several namespaces share them. `client` counts only where its place means something (D12).
 */
export function destinationsOf(
  settings: MeshDefaults,
  service: Service,
  port: ServicePort,
  rule: MergedRule,
  facts: EndpointFacts,
  checks: readonly HealthCheckObject[],
  client: Placed,
): readonly Destination[] {
  const { destinations, localities } = sharedDestinations(settings, service, port, rule, facts, checks);
  return placedDestinations(destinations, localities, client, (index, locality) =>
    addressesOf(service, port, facts, rule.subsets[index - 1]?.value, locality),
  );
}

function sharedDestinations(
  settings: MeshDefaults,
  service: Service,
  port: ServicePort,
  rule: MergedRule,
  facts: EndpointFacts,
  checks: readonly HealthCheckObject[],
): Known {
  const byChecks = remembered(memory, rule, () => new WeakMap<readonly HealthCheckObject[], ByService>());
  const byService = remembered(byChecks, checks, () => new WeakMap<Service, Map<number, Known>>());
  const byPort = remembered(byService, service, () => new Map<number, Known>());
  const known = byPort.get(port.number);
  if (known?.facts === facts && known.settings === settings) return known;
  const healthChecks = healthCheckDecisions(checks, port);
  const destinations = [undefined, ...rule.subsets].map((subset) => {
    const plain = destination(settings, service, port, rule, subset, facts);
    return healthChecks.length === 0 || plain.discovery === 'request' ? plain : { ...plain, healthChecks };
  });
  const found = { settings, facts, destinations, localities: localitySettings(rule, port.number, settings) };
  byPort.set(port.number, found);
  return found;
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
  const discovery = discoveryOf(service, blocks.loadBalancer);
  const outlierDetection = blocks.outlierDetection && outlierDecision(blocks.outlierDetection);
  const retryBudget = blocks.retryBudget && retryBudgetDecision(blocks.retryBudget);
  const pool = poolDecision(
    blocks.connectionPool,
    service.external ? { ...settings, httpVersion: undefined } : settings,
  );
  const asked = authorizerVersion(settings, service, port.number);
  return {
    ref,
    protocol: port.protocol,
    discovery,
    addresses:
      discovery === 'request' ? declaredAddresses(service, port) : addressesOf(service, port, facts, subset?.value),
    ...loadBalancing(service, port, blocks.loadBalancer),
    pool: {
      ...pool,
      ...(isHttp(port.protocol) && { maxConnectionDuration: pool.maxConnectionDuration ?? byDefault(900_000, 'R17') }),
      ...(asked && { httpVersion: asked }),
    },
    ...(retryBudget && { retryBudget }),
    ...(outlierDetection && { outlierDetection }),
    panicThreshold: panicThreshold(blocks, facts.probed),
    ...peerSecurity(settings, service, port, ref, facts, blocks.tls),
    ...(settings.dnsRefreshRate && { dnsRefreshRate: settings.dnsRefreshRate }),
    ...(subset && { labels: subset.value.labels }),
  };
}

/** Addresses that the proxy resolves; without endpoints the host itself, and one address at most where only the first counts. */
function addressesOf(
  service: Service,
  port: ServicePort,
  facts: EndpointFacts,
  subset: Subset | undefined,
  locality?: LocalityDecision,
): readonly EndpointAddress[] {
  if (service.resolution === 'registry') return [];
  const endpoints = (facts.endpoints?.get(port.number) ?? []).filter(
    (endpoint) => endpoint.health !== 'draining' && selects(subset?.labels, endpoint.labels),
  );
  const addresses = placeEndpoints(locality, endpoints).map(({ endpoint, place }) => {
    const { address, port: number, weight, identity, health } = endpoint;
    const meshTls = identity !== undefined && !service.external;
    return {
      address,
      port: number,
      weight: Math.max(1, weight),
      ...(meshTls && { meshTls }),
      ...(health === 'unhealthy' && { healthy: false }),
      ...(locality !== undefined && place),
    };
  });
  return service.resolution === 'dns-round-robin' ? addresses.slice(0, 1) : addresses;
}

/**
 * Where callers say themselves whom they mean, plain connections have no words for it: they mean the addresses that the service
 * declares, else its own name.
 */
function declaredAddresses(service: Service, port: ServicePort): readonly EndpointAddress[] {
  if (isHttp(port.protocol)) return [];
  const declared = service.addresses.filter((address) => isIP(address) !== 0);
  return declared.map((address) => ({ address, port: port.number, weight: 1 }));
}
