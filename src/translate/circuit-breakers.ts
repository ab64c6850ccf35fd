import type { Destination } from '../model/ir-destination.ts';
import {
  type CircuitBreakers,
  CircuitBreakersSchema,
} from '../proto/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';

interface Limits extends Pick<Destination, 'retryBudget'> {
  readonly pool: Pick<Destination['pool'], 'maxConnections' | 'maxPendingRequests' | 'maxRequests' | 'maxRetries'>;
}

/** The limits of a destination (D6, P26). With a retry budget (D11) Envoy does not look at the number of retries. */
export function circuitBreakers({ pool, retryBudget }: Limits): CircuitBreakers {
  return message(CircuitBreakersSchema, {
    thresholds: [
      {
        maxConnections: pool.maxConnections.value,
        maxPendingRequests: pool.maxPendingRequests.value,
        maxRequests: pool.maxRequests.value,
        maxRetries: pool.maxRetries.value,
        ...(retryBudget && {
          retryBudget: {
            budgetPercent: { value: retryBudget.value.percent },
            minRetryConcurrency: retryBudget.value.minConcurrency,
            ...(retryBudget.value.interval > 0 && { budgetInterval: durationOf(retryBudget.value.interval) }),
          },
        }),
        trackRemaining: true,
      },
    ],
  });
}
