import { names, refused } from '../shape.ts';

export const retryBudget = refused('T1', names('percent', 'minRetryConcurrency', 'budgetInterval'));
