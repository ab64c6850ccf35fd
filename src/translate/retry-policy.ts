import type { RetryDecision } from '../model/ir-route.ts';
import { pack } from '../proto/codec.ts';
import { type RetryPolicy, RetryPolicySchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { PreviousHostsPredicateSchema } from '../proto/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { PreviousPrioritiesConfigSchema } from '../proto/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';

/**
 * How often an endpoint is drawn anew until it is none of those that failed. D1 says five; measured, a dead endpoint is idle and so preferred by
 * least request, and five draws leave 2 % of the requests to it (docs/decisions/16).
 */
const draws = 30n;

/**
 * After how many attempts the choice of priorities is made anew, without those tried. Istio's number is 2; between two choices Envoy keeps
 * to the one made, and where that priority is ejected meanwhile the attempt ends in 503 (UH), which is not retried (docs/decisions/33).
 */
const tries = 1;

const statusCodeCondition = 'retriable-status-codes';

/** When to try again, how often, and where not (D1, P16): never the endpoint that just failed, if another can be found. */
export function retryPolicy(decision: RetryDecision): RetryPolicy {
  const { attempts, perTryTimeout, conditions, statusCodes, avoidPreviousHosts, otherPriorities, backoff } = decision;
  const needed = statusCodes.length > 0 && !conditions.includes(statusCodeCondition) ? [statusCodeCondition] : [];
  return message(RetryPolicySchema, {
    retryOn: [...conditions, ...needed].join(','),
    numRetries: attempts,
    retriableStatusCodes: [...statusCodes],
    ...(perTryTimeout === undefined ? {} : { perTryTimeout: durationOf(perTryTimeout) }),
    ...(backoff === undefined ? {} : { retryBackOff: { baseInterval: durationOf(backoff) } }),
    ...(otherPriorities === true
      ? {
          retryPriority: {
            name: 'envoy.retry_priorities.previous_priorities',
            configType: {
              case: 'typedConfig' as const,
              value: pack(PreviousPrioritiesConfigSchema, { updateFrequency: tries }),
            },
          },
        }
      : {}),
    ...(avoidPreviousHosts
      ? {
          retryHostPredicate: [
            {
              name: 'envoy.retry_host_predicates.previous_hosts',
              configType: { case: 'typedConfig' as const, value: pack(PreviousHostsPredicateSchema) },
            },
          ],
          hostSelectionRetryMaxAttempts: draws,
        }
      : {}),
  });
}
