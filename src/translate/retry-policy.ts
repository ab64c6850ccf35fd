import type { RetryDecision } from '../model/ir.ts';
import { pack } from '../proto/codec.ts';
import { type RetryPolicy, RetryPolicySchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { PreviousHostsPredicateSchema } from '../proto/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';

const statusCodeCondition = 'retriable-status-codes';

/** When to try again, how often, and where not (D1, P16): never the endpoint that just failed, if another can be found in five draws. */
export function retryPolicy(decision: RetryDecision): RetryPolicy {
  const { attempts, perTryTimeout, conditions, statusCodes, avoidPreviousHosts } = decision;
  const needed = statusCodes.length > 0 && !conditions.includes(statusCodeCondition) ? [statusCodeCondition] : [];
  return message(RetryPolicySchema, {
    retryOn: [...conditions, ...needed].join(','),
    numRetries: attempts,
    retriableStatusCodes: [...statusCodes],
    ...(perTryTimeout === undefined ? {} : { perTryTimeout: durationOf(perTryTimeout) }),
    ...(avoidPreviousHosts
      ? {
          retryHostPredicate: [
            {
              name: 'envoy.retry_host_predicates.previous_hosts',
              configType: { case: 'typedConfig' as const, value: pack(PreviousHostsPredicateSchema) },
            },
          ],
          hostSelectionRetryMaxAttempts: 5n,
        }
      : {}),
  });
}
