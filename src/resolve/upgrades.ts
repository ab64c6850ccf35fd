import type { TrafficPolicy, TrafficPolicyBlocks } from '../model/destination-rule.ts';
import type { DestinationRuleObject } from '../model/policy.ts';

/** Whether a rule makes clients speak HTTP/2, at any level, or at those that may act on one service port. */
export function upgrades({ spec }: DestinationRuleObject, port?: number): boolean {
  return [spec.trafficPolicy, ...spec.subsets.map(({ trafficPolicy }) => trafficPolicy)].some((policy) =>
    levels(policy, port).some(({ connectionPool }) => connectionPool?.http?.h2Upgrade === true),
  );
}

function levels(policy: TrafficPolicy | undefined, port: number | undefined): readonly TrafficPolicyBlocks[] {
  if (policy === undefined) return [];
  return [policy, ...policy.portLevelSettings.filter((entry) => port === undefined || entry.port === port)];
}
