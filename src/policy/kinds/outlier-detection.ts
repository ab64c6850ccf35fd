import type { OutlierDetection } from '../../model/destination-rule.ts';
import type { LowerContext } from '../kind-definition.ts';
import { bool, count, deprecated, duration, type Infer, integer, object, refusedFields } from '../shape.ts';
import { present } from './common.ts';

const millisecond = duration(1);

export const outlierDetection = object(
  {
    consecutive5xxErrors: count,
    consecutiveGatewayErrors: count,
    consecutiveErrors: deprecated(count, 'consecutiveGatewayErrors'),
    splitExternalLocalOriginErrors: bool,
    consecutiveLocalOriginFailures: count,
    interval: millisecond,
    baseEjectionTime: millisecond,
    maxEjectionPercent: integer(0, 100),
    minHealthPercent: integer(0, 100),
    ...refusedFields('T1', ['outlierDetectionHttpErrorCodes']),
  },
  { exclusive: [['consecutiveGatewayErrors', 'consecutiveErrors']] },
);

/** The deprecated `consecutiveErrors` counts gateway errors and switches the count of 5xx off, as Istio reads it. */
export function lowerOutlierDetection(
  written: Infer<typeof outlierDetection>,
  path: string,
  context: LowerContext,
): OutlierDetection {
  const { consecutiveErrors: old } = written;
  if (old !== undefined) context.place(`${path}.consecutiveGatewayErrors`, `${path}.consecutiveErrors`);
  return present<OutlierDetection>({
    consecutive5xxErrors: written.consecutive5xxErrors ?? (old ? 0 : undefined),
    consecutiveGatewayErrors: written.consecutiveGatewayErrors ?? old,
    splitExternalLocalOriginErrors: written.splitExternalLocalOriginErrors ?? false,
    consecutiveLocalOriginFailures: written.consecutiveLocalOriginFailures,
    interval: written.interval,
    baseEjectionTime: written.baseEjectionTime,
    maxEjectionPercent: written.maxEjectionPercent || undefined,
    minHealthPercent: written.minHealthPercent,
  });
}
