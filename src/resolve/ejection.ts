import type { OutlierDetection } from '../model/destination-rule.ts';
import type { OutlierDecision } from '../model/ir-destination.ts';
import type { Decided } from '../model/provenance.ts';
import { byDefault } from '../model/provenance.ts';
import type { Effective, EffectiveBlocks } from './destination-rule.ts';
import { decidedBy } from './effective.ts';

const second = 1000;

/** D7; counts of 0 are off, except that an absent `consecutive5xxErrors` is 5 (P26), and that of local failures in any case. */
export function outlierDecision(block: Effective<OutlierDetection>): Decided<OutlierDecision> {
  const { value } = block;
  return decidedBy(block, {
    consecutive5xx: value.consecutive5xxErrors ?? 5,
    consecutiveGatewayErrors: value.consecutiveGatewayErrors ?? 0,
    splitLocalErrors: value.splitExternalLocalOriginErrors,
    consecutiveLocalErrors: value.consecutiveLocalOriginFailures || 5,
    interval: value.interval ?? 10 * second,
    baseEjectionTime: value.baseEjectionTime ?? 30 * second,
    maxEjectionPercent: value.maxEjectionPercent || 10,
    ...(value.errorCodes && { errorCodes: value.errorCodes }),
  });
}

/** D8; whoever fails a probe of its own is not called at all, unless a rule says how many must be well. */
export function panicThreshold({ outlierDetection }: EffectiveBlocks, probed = false): Decided<number> {
  if (outlierDetection === undefined) return byDefault(probed ? 0 : 50, 'D8');
  const { minHealthPercent } = outlierDetection.value;
  if (minHealthPercent === undefined) return byDefault(0, 'D8');
  return decidedBy(outlierDetection, minHealthPercent, 'minHealthPercent');
}
