import type { ProbeCheck, ReadinessProbe } from './workload-group.ts';

/** What a proxy tests of its own application, where nothing else stands beside it to do that: no commands, and from its start on. */
export interface ProbeDecision extends Omit<ReadinessProbe, 'check' | 'initialDelay'> {
  readonly check: Exclude<ProbeCheck, { kind: 'exec' }>;
  /** Where checks without a host go. */
  readonly applicationAddress: string;
}
