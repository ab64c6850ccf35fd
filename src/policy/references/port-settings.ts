import type { DestinationRuleObject } from '../../model/policy.ts';
import type { Service } from '../../model/service.ts';
import { isWildcardHost } from '../hosts.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';

/** WEFT0132: settings for a port that no service of the host has. */
export function checkPortSettings(
  scope: ReferenceScope,
  rule: DestinationRuleObject,
  host: string,
  services: readonly Service[],
): void {
  // Without a registry nobody knows which other services a wildcard covers.
  if (isWildcardHost(host) && !scope.workloads) return;
  const ports = [...new Set(services.flatMap((service) => service.ports.map(({ number }) => number)))];
  if (ports.length === 0) return;
  const { trafficPolicy, subsets } = rule.spec;
  const policies = [
    ['spec.trafficPolicy', trafficPolicy] as const,
    ...subsets.map((subset, index) => [`spec.subsets[${index}].trafficPolicy`, subset.trafficPolicy] as const),
  ];
  for (const [path, policy] of policies) {
    (policy?.portLevelSettings ?? []).forEach(({ port }, index) => {
      if (ports.includes(port)) return;
      const message = `has no effect: ${rule.spec.host} has no port ${port}`;
      const hint = `ports: ${ports.sort((a, b) => a - b).join(', ')}`;
      reportAt(scope, 'WEFT0132', rule, `${path}.portLevelSettings[${index}].port.number`, message, hint);
    });
  }
}
