import type { Destination } from '../model/ir-destination.ts';
import type { WarmupDecision } from '../model/ir-load-balancing.ts';
import type { HashKey, LoadBalancer, Warmup } from '../model/load-balancer.ts';
import type { Decided } from '../model/provenance.ts';
import { byDefault } from '../model/provenance.ts';
import { isNamedByCalls, type Service, type ServicePort } from '../model/service.ts';
import type { Effective } from './destination-rule.ts';
import { decidedBy } from './effective.ts';

const loadBalancers = {
  LEAST_REQUEST: 'least-request',
  ROUND_ROBIN: 'round-robin',
  RANDOM: 'random',
  // Who is called says the request: there is nothing to choose.
  PASSTHROUGH: 'least-request',
} as const satisfies Record<NonNullable<LoadBalancer['simple']>, string>;

const usualRing = 1024;

/** How endpoints are chosen: D5 and D9 where nothing is written. */
export function loadBalancing(
  service: Service,
  port: ServicePort,
  block: Effective<LoadBalancer> | undefined,
): Pick<Destination, 'loadBalancer' | 'hash' | 'warmup'> {
  if (discoveryOf(service, block) === 'request' && isNamedByCalls(service, port))
    return block?.value.simple === 'PASSTHROUGH' ? { loadBalancer: decidedBy(block, 'as-requested', 'simple') } : {};
  if (block === undefined) return { loadBalancer: byDefault('least-request', 'D5') };
  const { simple, consistentHash, warmup } = block.value;
  const hash = hashDecision(service, port, block);
  if (consistentHash) {
    const { kind, size } = consistentHash.algorithm ?? { kind: 'ring', size: usualRing };
    const loadBalancer = decidedBy(block, kind === 'ring' ? { ring: size } : { table: size }, 'consistentHash');
    return { loadBalancer, ...(hash && { hash }) };
  }
  return {
    loadBalancer:
      simple === undefined ? decidedBy(block, 'least-request') : decidedBy(block, loadBalancers[simple], 'simple'),
    ...(warmup && { warmup: warmupDecision(block, warmup) }),
  };
}

/** P27: by what requests are told apart; where nothing is chosen, by nothing. */
export function hashDecision(
  service: Service,
  port: ServicePort,
  block: Effective<LoadBalancer> | undefined,
): Decided<HashKey> | undefined {
  if (discoveryOf(service, block) === 'request' && isNamedByCalls(service, port)) return undefined;
  const key = block?.value.consistentHash?.key;
  return block && key ? decidedBy(block, key, `consistentHash.${fields[key.on]}`) : undefined;
}

const fields = {
  header: 'httpHeaderName',
  cookie: 'httpCookie',
  'source-address': 'useSourceIp',
  query: 'httpQueryParameterName',
} as const satisfies Record<HashKey['on'], string>;

/** D10 */
function warmupDecision(block: Effective<LoadBalancer>, warmup: Warmup): Decided<WarmupDecision> {
  const { duration: window, minimumPercent = 10, aggression = 1 } = warmup;
  return decidedBy(block, { window, minimumPercent, aggression }, 'warmup');
}

/** How endpoints are found: PASSTHROUGH leaves it to the request, whatever the service says (docs/decisions/33). */
export function discoveryOf(service: Service, block: Effective<LoadBalancer> | undefined): Destination['discovery'] {
  return block?.value.simple === 'PASSTHROUGH' ? 'request' : service.resolution;
}
