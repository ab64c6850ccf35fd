import type { RetryBudget } from '../../model/destination-rule.ts';
import type { Infer } from '../shape.ts';
import { count, duration, object, percent } from '../shape-builders.ts';
import { present } from './common.ts';

export const retryBudget = object({ percent, minRetryConcurrency: count, budgetInterval: duration(0) });

/** D11: a concurrency of 0 is not set, 0 percent is. */
export function lowerRetryBudget(written: Infer<typeof retryBudget>): RetryBudget {
  return present<RetryBudget>({
    percent: written.percent,
    minRetryConcurrency: written.minRetryConcurrency || undefined,
    budgetInterval: written.budgetInterval,
  });
}
