import type { ConnectionPoolDecision } from '../model/ir-destination.ts';
import {
  type CircuitBreakers,
  CircuitBreakersSchema,
} from '../proto/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { message } from '../proto/message.ts';

/** The limits of a destination (D6, P26). */
export function circuitBreakers(pool: ConnectionPoolDecision): CircuitBreakers {
  return message(CircuitBreakersSchema, {
    thresholds: [
      {
        maxConnections: pool.maxConnections.value,
        maxPendingRequests: pool.maxPendingRequests.value,
        maxRequests: pool.maxRequests.value,
        maxRetries: pool.maxRetries.value,
        trackRemaining: true,
      },
    ],
  });
}
