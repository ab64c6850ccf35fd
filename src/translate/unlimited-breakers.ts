import {
  type CircuitBreakers,
  CircuitBreakersSchema,
} from '../proto/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { message } from '../proto/message.ts';

const unlimited = 2 ** 32 - 1;

/** Envoy's own limits of 1,024 (and 3 retries) lifted (D6, R12, E36). */
export const unlimitedBreakers: CircuitBreakers = message(CircuitBreakersSchema, {
  thresholds: [
    {
      maxConnections: unlimited,
      maxPendingRequests: unlimited,
      maxRequests: unlimited,
      maxRetries: unlimited,
      trackRemaining: true,
    },
  ],
});
