import type { FaultDecision } from '../model/ir-route.ts';
import { type HTTPFault, HTTPFaultSchema } from '../proto/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';
import { fractionalPercent } from './percentage.ts';

/** The name of the filter and of its settings on a route. */
export const faultFilterName = 'envoy.filters.http.fault';

/** Injected delay, then injected answer, each for its share of requests (P17). */
export function faultInjection({ delay, abort }: FaultDecision): HTTPFault {
  return message(HTTPFaultSchema, {
    ...(delay === undefined
      ? {}
      : {
          delay: {
            faultDelaySecifier: { case: 'fixedDelay', value: durationOf(delay.duration) },
            percentage: fractionalPercent(delay.percentage),
          },
        }),
    ...(abort === undefined
      ? {}
      : {
          abort: {
            errorType:
              'http' in abort.status
                ? { case: 'httpStatus', value: abort.status.http }
                : { case: 'grpcStatus', value: abort.status.grpc },
            percentage: fractionalPercent(abort.percentage),
          },
        }),
  });
}
