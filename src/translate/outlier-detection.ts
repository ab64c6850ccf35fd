import type { OutlierDecision } from '../model/ir-destination.ts';
import {
  type OutlierDetection,
  OutlierDetectionSchema,
} from '../proto/gen/envoy/config/cluster/v3/outlier_detection_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';

/** Ejection of failing endpoints (D7): a count of 0 is off, statistical ejection is never on. */
export function outlierDetection(decision: OutlierDecision): OutlierDetection {
  return message(OutlierDetectionSchema, {
    interval: durationOf(decision.interval),
    baseEjectionTime: durationOf(decision.baseEjectionTime),
    maxEjectionPercent: decision.maxEjectionPercent,
    ...counted(decision.consecutive5xx, (consecutive5xx, enforcingConsecutive5xx) => ({
      consecutive5xx,
      enforcingConsecutive5xx,
    })),
    ...counted(decision.consecutiveGatewayErrors, (consecutiveGatewayFailure, enforcingConsecutiveGatewayFailure) => ({
      consecutiveGatewayFailure,
      enforcingConsecutiveGatewayFailure,
    })),
    splitExternalLocalOriginErrors: decision.splitLocalErrors,
    ...(decision.splitLocalErrors
      ? counted(decision.consecutiveLocalErrors, (consecutiveLocalOriginFailure, enforcing) => ({
          consecutiveLocalOriginFailure,
          enforcingConsecutiveLocalOriginFailure: enforcing,
        }))
      : {}),
    enforcingSuccessRate: 0,
    enforcingLocalOriginSuccessRate: 0,
  });
}

/** A count with its enforcement in percent; 0 enforces nothing and leaves Envoy's count alone. */
function counted<Fields>(count: number, fields: (count: number | undefined, enforcing: number) => Fields): Fields {
  return count === 0 ? fields(undefined, 0) : fields(count, 100);
}
