import type { LoadBalancer } from '../model/destination-rule.ts';
import type { Destination } from '../model/ir-destination.ts';
import { byDefault } from '../model/provenance.ts';
import type { Effective } from './destination-rule.ts';
import { decidedBy } from './effective.ts';

const loadBalancers = {
  LEAST_REQUEST: 'least-request',
  ROUND_ROBIN: 'round-robin',
  RANDOM: 'random',
} as const satisfies Record<LoadBalancer['simple'], string>;

/** D5 where nothing is written. */
export function loadBalancerDecision(block: Effective<LoadBalancer> | undefined): Destination['loadBalancer'] {
  return block ? decidedBy(block, loadBalancers[block.value.simple], 'simple') : byDefault('least-request', 'D5');
}
