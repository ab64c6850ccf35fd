import type { OutlierDetection } from '../../model/destination-rule.ts';
import type { LowerContext } from '../kind-definition.ts';
import { bool, count, deprecated, duration, type Infer, integer, list, object } from '../shape.ts';
import { present } from './common.ts';

const millisecond = duration(1);

export const outlierDetection = object({
  consecutive5xxErrors: count,
  consecutiveGatewayErrors: count,
  consecutiveErrors: deprecated(count, 'consecutiveGatewayErrors'),
  splitExternalLocalOriginErrors: bool,
  consecutiveLocalOriginFailures: count,
  interval: millisecond,
  baseEjectionTime: millisecond,
  maxEjectionPercent: integer(0, 100),
  minHealthPercent: integer(0, 100),
  outlierDetectionHttpErrorCodes: list(integer(100, 599)),
});

/**
 * The deprecated `consecutiveErrors` counts gateway errors and switches the count of 5xx off, unless its successor stands beside it. A
 * count of local failures without their split would never be reached: Istio refuses it.
 */
export function lowerOutlierDetection(
  written: Infer<typeof outlierDetection>,
  path: string,
  context: LowerContext,
): OutlierDetection {
  const { consecutiveGatewayErrors: successor, consecutiveLocalOriginFailures: local = 0 } = written;
  const old = successor === undefined ? written.consecutiveErrors : undefined;
  if (old !== undefined) context.place(`${path}.consecutiveGatewayErrors`, `${path}.consecutiveErrors`);
  const split = written.splitExternalLocalOriginErrors ?? false;
  if (local > 0 && !split) {
    context.report(
      'WEFT0002',
      `${path}.consecutiveLocalOriginFailures`,
      'expected splitExternalLocalOriginErrors: true beside consecutiveLocalOriginFailures',
      'add splitExternalLocalOriginErrors: true, or remove the count',
    );
  }
  const { outlierDetectionHttpErrorCodes: codes = [] } = written;
  return present<OutlierDetection>({
    consecutive5xxErrors: written.consecutive5xxErrors ?? (old ? 0 : undefined),
    consecutiveGatewayErrors: successor ?? old,
    splitExternalLocalOriginErrors: split,
    consecutiveLocalOriginFailures: local || undefined,
    interval: written.interval,
    baseEjectionTime: written.baseEjectionTime,
    maxEjectionPercent: written.maxEjectionPercent || undefined,
    minHealthPercent: written.minHealthPercent,
    errorCodes: codes.length === 0 ? undefined : [...new Set(codes)].sort((a, b) => a - b),
  });
}
