import type { OutlierDetection } from '../../model/destination-rule.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { bool, count, deprecated, duration, integer, list, object, row } from '../shape-builders.ts';
import { beside, present } from './common.ts';

const millisecond = duration(1);

export const outlierDetection = object({
  consecutive5xxErrors: row(count, 'T0', 'consecutive_5xx', 'D7'),
  consecutiveGatewayErrors: row(count, 'T0', 'consecutive_gateway_failure', 'D7'),
  consecutiveErrors: deprecated(
    integer(0, 2 ** 31 - 1),
    'consecutiveGatewayErrors',
    'and consecutive5xxErrors: 0 unless it is there: the old one does not count them',
  ),
  splitExternalLocalOriginErrors: row(bool, 'T0', 'split_external_local_origin_errors'),
  consecutiveLocalOriginFailures: row(count, 'T0', 'consecutive_local_origin_failure'),
  interval: row(millisecond, 'T0', 'interval', 'D7'),
  baseEjectionTime: row(millisecond, 'T0', 'base_ejection_time', 'D7'),
  maxEjectionPercent: row(integer(0, 100), 'T0', 'max_ejection_percent', 'D7'),
  minHealthPercent: row(integer(0, 100), 'T0', 'panic threshold', 'D8'),
  outlierDetectionHttpErrorCodes: row(list(integer(100, 599)), 'T1', 'error_matcher of the HTTP options'),
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
  if (successor !== undefined && written.consecutiveErrors !== undefined) {
    const message = 'has no effect beside consecutiveGatewayErrors';
    const related = beside(context, path, 'consecutiveGatewayErrors');
    context.report('WEFT0132', `${path}.consecutiveErrors`, message, 'remove it', related);
  }
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
