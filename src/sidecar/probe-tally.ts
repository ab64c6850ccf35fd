import type { ReadinessProbe } from '../model/workload-group.ts';
import type { ProbeResult } from './probe-result.ts';

/** What the results of a probe make known so far. */
export interface ProbeTally {
  /** Undefined until so many equal results came in a row that something is known. */
  readonly healthy?: boolean;
  readonly last?: boolean;
  /** Equal results in a row, the last one included. */
  readonly inARow: number;
}

export const nothingKnown: ProbeTally = { inARow: 0 };

/** The tally after one more result: only an unbroken row of `threshold` equal ones changes what is known. */
export function count(
  tally: ProbeTally,
  { ok }: ProbeResult,
  { successThreshold, failureThreshold }: Pick<ReadinessProbe, 'successThreshold' | 'failureThreshold'>,
): ProbeTally {
  const inARow = tally.last === ok ? tally.inARow + 1 : 1;
  const isKnown = inARow >= (ok ? successThreshold : failureThreshold);
  if (isKnown) return { healthy: ok, last: ok, inARow };
  return { ...(tally.healthy === undefined ? {} : { healthy: tally.healthy }), last: ok, inARow };
}
