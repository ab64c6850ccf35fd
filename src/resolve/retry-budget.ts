import type { RetryBudget } from '../model/destination-rule.ts';
import type { RetryBudgetDecision } from '../model/ir-destination.ts';
import type { Decided } from '../model/provenance.ts';
import type { Effective } from './destination-rule.ts';
import { decidedBy } from './effective.ts';

/** D11 for what is left out. */
export function retryBudgetDecision(block: Effective<RetryBudget>): Decided<RetryBudgetDecision> {
  const { percent = 20, minRetryConcurrency = 3, budgetInterval = 0 } = block.value;
  return decidedBy(block, { percent, minConcurrency: minRetryConcurrency, interval: budgetInterval });
}
